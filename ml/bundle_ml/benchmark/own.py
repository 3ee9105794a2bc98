"""Our own models, as one process among the others: fit, tune, fit again, hand in lists.

    python -m bundle_ml.benchmark.own SPLIT OUT [--config settings.json] [--ablation]

Here stand the calls into the learning, in the order of `learning.learn`, and nothing else. Of a statistic 'tuning' is
the choice of its settings and 'training' its last fit. Of a model with the Transformer 'training' is all that a shop
pays for: the statistics, the network, the blend and the refresh. Models of one process share its peak of memory, so
each is handed in before the next, greater one begins.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bundle_ml.__main__ import read_settings
from bundle_ml.baskets import Baskets, IntArray
from bundle_ml.benchmark.answers import Costs, decline, write_answers
from bundle_ml.benchmark.protocol import LIST_LENGTH, Given, read_given
from bundle_ml.cases import Cases, Contexts, cases_by_context_size
from bundle_ml.fitting import choose, fit_statistics
from bundle_ml.ladder import BLEND, allowed_rungs
from bundle_ml.metrics import top_items
from bundle_ml.pipeline import peak_memory_bytes, use_threads, versions
from bundle_ml.refreshing import refresh
from bundle_ml.rungs import CATEGORY, CO_PURCHASE, COSINE, EASE, EASE_FOR_FEW, POPULARITY, TRANSFORMER, Popularity, Rung
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.training import fit_transformer
from bundle_ml.transformer import TransformerRung
from bundle_ml.weighing import fit_blend, fit_without_each

STATISTICS = (POPULARITY, CATEGORY, CO_PURCHASE, EASE)
STATISTICS_BLEND = "blend_without_transformer"
MODELS = (*STATISTICS, STATISTICS_BLEND, TRANSFORMER, BLEND)
ABLATED = {part: f"{BLEND}_without_{part}" for part in (POPULARITY, CATEGORY, CO_PURCHASE, COSINE, EASE, EASE_FOR_FEW)}
"""Part of the blend → the blend of all others; that without the Transformer is always there."""
PREFIX = "bundle_ml."
SHIPPED, SHIPPED_STATISTICS = PREFIX + BLEND, PREFIX + STATISTICS_BLEND
CASES_AT_ONCE = 256


class Stopwatch:
    """Processor seconds, of all threads, since it was last looked at."""

    def __init__(self) -> None:
        self._last = time.process_time()

    def lap(self) -> float:
        now = time.process_time()
        passed, self._last = now - self._last, now
        return passed


class Asks(Protocol):
    """What is given, of whichever task."""

    @property
    def test_contexts(self) -> Mapping[str, Contexts]: ...


@dataclass(slots=True)
class Desk:
    """Where models are handed in."""

    given: Asks
    out: Path

    def hand_in(self, name: str, rung: Rung, *, tuning: float, training: float, settings: Mapping[str, Any]) -> None:
        say(f"{name}: answering")
        watch = Stopwatch()
        lists = {size: _answer(rung, contexts) for size, contexts in self.given.test_contexts.items()}
        seconds = {"tuning": tuning, "training": training, "scoring": watch.lap()}
        costs = Costs(seconds=seconds, peak_memory_bytes=peak_memory_bytes(), settings=settings, versions=versions())
        write_answers(self.out / (PREFIX + name), lists, costs)

    def decline(self, name: str, why: str) -> None:
        decline(self.out / (PREFIX + name), why)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a blend is fitted of: all rungs by the first slice, by the first two, and the cases to weigh them by."""

    on_train: Mapping[str, Rung]
    final: Mapping[str, Rung]
    to_blend: Mapping[str, Cases]


def answer_all(given: Given, out: Path, settings: Settings, *, ablation: bool = False) -> None:
    """Fit every model that the orders suffice for and hand in its lists; the others say what they lack."""
    desk = Desk(given, out)
    before_test = given.train.followed_by(given.validation)
    shelf = Shelf.of(given.train.keys, given.items)
    allowed = allowed_rungs(baskets_of_several=len(before_test), has_categories=shelf.has_categories, settings=settings)
    watch, spent = Stopwatch(), 0.0
    on_train: dict[str, Rung] = {}
    final: dict[str, Rung] = {}
    for name in STATISTICS:
        if name not in allowed:
            why = "no categories" if name == CATEGORY else f"{len(before_test)} baskets are too few"
            desk.decline(name, why)
            continue
        say(f"{name}: fitting")
        watch.lap()
        choices = choose(given.train, given.validation_cases, (name,), settings)
        tuning = watch.lap()
        on_train |= fit_statistics(given.train, shelf.category_numbers, (name,), choices, settings)
        to_blend = watch.lap()
        final |= fit_statistics(before_test, shelf.category_numbers, (name,), choices, settings)
        training = watch.lap()
        spent += tuning + to_blend + training
        desk.hand_in(name, final[name], tuning=tuning, training=training, settings=_chosen(choices, name))
    if BLEND not in allowed:
        for name in (STATISTICS_BLEND, TRANSFORMER, BLEND, *(ABLATED.values() if ablation else ())):
            desk.decline(name, f"{len(before_test)} baskets are too few, by the setting transformer_min_baskets")
        return
    parts = _answer_blends(desk, given, before_test, on_train, final, settings=settings, spent=spent)
    if ablation:
        _answer_without_each(desk, parts)


def _answer_blends(
    desk: Desk,
    given: Given,
    before_test: Baskets,
    on_train: dict[str, Rung],
    final: dict[str, Rung],
    *,
    settings: Settings,
    spent: float,
) -> Parts:
    """The blend of the statistics, the Transformer with its fitted popularity, and the blend of all."""
    watch = Stopwatch()
    to_blend = cases_by_context_size(
        given.validation, seed=settings.seed, limit=settings.case_limit, draws=settings.blend_draws
    )
    say(f"{STATISTICS_BLEND}: fitting")
    blend = fit_blend(on_train, to_blend)
    desk.hand_in(
        STATISTICS_BLEND,
        blend.with_rungs(final),
        tuning=0.0,
        training=spent + watch.lap(),
        settings={"weights": blend.weights},
    )

    watch.lap()
    popularity = on_train[POPULARITY]
    assert isinstance(popularity, Popularity)  # noqa: S101
    trained = fit_transformer(
        given.train,
        given.validation_cases,
        popularity,
        settings,
        work=None,
        on_step=lambda done, epoch, loss, _ndcg: say(f"{TRANSFORMER}: {done:.0%}, epoch {epoch}, loss {loss:.3f}"),
    )
    say(f"{TRANSFORMER}: refreshing")
    network = {TRANSFORMER: trained.rung}
    refreshed = {TRANSFORMER: _refreshed(trained.rung, before_test, settings)}
    network_seconds = watch.lap()

    with_popularity = fit_blend({POPULARITY: popularity, **network}, to_blend, fixed={TRANSFORMER: 1.0})
    desk.hand_in(
        TRANSFORMER,
        with_popularity.with_rungs({**final, **refreshed}),
        tuning=0.0,
        training=network_seconds + watch.lap(),
        settings={"weights": with_popularity.weights, "epochs": len(trained.history)},
    )

    watch.lap()
    say(f"{BLEND}: fitting")
    parts = Parts({**on_train, **network}, {**final, **refreshed}, to_blend)
    blend = fit_blend(parts.on_train, to_blend)
    desk.hand_in(
        BLEND,
        blend.with_rungs(parts.final),
        tuning=0.0,
        training=spent + network_seconds + watch.lap(),
        settings={"weights": blend.weights, "settings": settings.to_json()},
    )
    return parts


def _answer_without_each(desk: Desk, parts: Parts) -> None:
    """The blend of all parts but one, for each of them."""
    watch = Stopwatch()
    for part, blend in fit_without_each(parts.on_train, parts.to_blend):
        if name := ABLATED.get(part):
            desk.hand_in(
                name,
                blend.with_rungs(parts.final),
                tuning=0.0,
                training=watch.lap(),
                settings={"weights": blend.weights},
            )
        watch.lap()
    for part, name in ABLATED.items():
        if part not in parts.on_train:
            desk.decline(name, f"the blend has no part {part!r} here")


def _refreshed(rung: Rung, baskets: Baskets, settings: Settings) -> Rung:
    return refresh(rung, baskets, settings) if isinstance(rung, TransformerRung) else rung


def _chosen(choices: Any, name: str) -> dict[str, Any]:
    """What the validation slice chose for one statistic."""
    if name == POPULARITY:
        return {"half_life_days": choices.half_life_days}
    return {"l2": choices.ease_l2, "half_life_days": choices.ease_half_life_days} if name == EASE else {}


def _answer(rung: Rung, contexts: Contexts) -> IntArray:
    """The first items of each context, -1 where all that is left stands in the context."""
    lists = [np.empty((0, LIST_LENGTH), np.int32)]
    for _, batch in contexts.in_batches(CASES_AT_ONCE):
        scores_BV = batch.exclude_from(rung.scores(batch))
        list_BK = np.full((len(batch), LIST_LENGTH), -1, np.int32)
        top_BK = top_items(scores_BV, LIST_LENGTH)
        impossible_BK = np.isneginf(np.take_along_axis(scores_BV, top_BK, axis=1))
        list_BK[:, : top_BK.shape[1]] = np.where(impossible_BK, -1, top_BK)
        lists.append(list_BK)
    return np.concatenate(lists)


def say(message: str) -> None:
    """Tell the process that waits how far this one is."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


def run_own(
    module: str, read: Callable[[Path], Any], answer: Callable[..., None], *, flags: Sequence[str] = ()
) -> None:
    """What our processes share: options, settings, threads. `answer` is given each flag as a keyword."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("split", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path)
    for flag in flags:
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args()
    settings = read_settings(options.config)
    use_threads(settings.threads)
    answer(read(options.split), options.out, settings, **{flag: getattr(options, flag) for flag in flags})


if __name__ == "__main__":
    run_own("bundle_ml.benchmark.own", read_given, answer_all, flags=["ablation"])
