"""Fit, measure, decide, and fit again on everything.

What is fitted on which baskets (three slices in time):

* *train* teaches the Transformer; *validation* stops it, chooses half-life and regularisation, and fits the blend.
* For the *test* table the closed forms are fitted again on train + validation, and the Transformer is refreshed on
  the most recent part of them. The table judges the ladder: see `ladder.choose_rung`.
* For the bundles the same is done once more with all baskets; weights and choices stay. So the table measures the
  recipe by which bundles are made, one slice earlier.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, TimeSplit, split_by_time
from bundle_ml.blend import Blend, single
from bundle_ml.calibration import calibrate, reliability
from bundle_ml.cases import Cases, Contexts, cases_by_context_size, rows_asked
from bundle_ml.evaluation import Evaluation, evaluate_rungs
from bundle_ml.fitting import Choices, choose, fit_statistics
from bundle_ml.ladder import BLEND, LADDER, Decision, allowed_rungs, choose_rung
from bundle_ml.parallel import joined
from bundle_ml.progress import Reporter
from bundle_ml.refreshing import refresh
from bundle_ml.rungs import CATEGORY, CO_PURCHASE, POPULARITY, TRANSFORMER, CoPurchase, Popularity, Rung
from bundle_ml.segments import earlier_baskets
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.stored import Fitted
from bundle_ml.training import Trained, fit_transformer
from bundle_ml.transformer import TransformerRung
from bundle_ml.warm import Start
from bundle_ml.weighing import fit_blend

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What one run came to know, before it is written."""

    fitted: Fitted
    started_warm: bool
    taught_until: int
    """Microseconds since 1970 of the last basket that taught `fitted.start` or what it started from."""
    decision: Decision
    evaluation: Evaluation
    calibration: dict[str, Any]
    """Predicted beside observed shares, of the rung that was chosen; empty where there was nothing to measure by."""
    history: list[dict[str, Any]]
    decoder: Blend | None
    """What generation ranks by; None where bundles come by category or popularity."""

    @property
    def popularity(self) -> Popularity:
        return _popularity(self.fitted.rungs)

    @property
    def co_purchase(self) -> CoPurchase | None:
        found = self.fitted.rungs.get(CO_PURCHASE)
        return found if isinstance(found, CoPurchase) else None


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What all that learns is given: the slices, the choices, and the statistics of the first slice."""

    split: TimeSplit
    allowed: tuple[str, ...]
    validation: dict[str, Cases]
    choices: Choices
    statistics: dict[str, Rung]

    def allowing(self, start: Start | None) -> Start | None:
        """The start, unless what it was taught reaches into what judges here."""
        if start is None or start.may_be_judged_by(self.split.validation):
            return start
        logger.info("Starting cold: the earlier Transformer was taught some of the orders that are held out now.")
        return None

    @property
    def teaches_network(self) -> bool:
        return BLEND in self.allowed and len(self.validation["all_but_one"]) > 0


def prepare(baskets: Baskets, shelf: Shelf, *, settings: Settings, reporter: Reporter) -> Lesson:
    """Slice the baskets, choose the statistics' settings and fit them on the first slice."""
    allowed = allowed_rungs(
        baskets_of_several=int((baskets.lengths >= 2).sum()), has_categories=shelf.has_categories, settings=settings
    )
    split = split_by_time(baskets, validation_ratio=settings.validation_ratio, test_ratio=settings.test_ratio)
    validation = cases_by_context_size(split.validation, seed=settings.seed, limit=settings.case_limit)
    reporter.enter("statistics", "counting what is bought together")
    choices = choose(split.train, validation, allowed, settings)
    categories = shelf.category_numbers[: shelf.learned_count]
    statistics = fit_statistics(split.train, categories, allowed, choices, settings)
    return Lesson(split, allowed, validation, choices, statistics)


def train_network(
    lesson: Lesson, *, settings: Settings, start: Start | None, work: Path | None, reporter: Reporter
) -> Trained:
    """Train the Transformer on the first slice, from nothing or from an earlier run's."""
    reporter.enter("train", "training the Transformer" if start is None else "training the Transformer further")

    def on_step(done: float, epoch: int, loss: float, ndcg: float | None) -> None:
        reporter.at(done, f"epoch {epoch}, loss {loss:.3f}", epoch=epoch, loss=round(loss, 4), validation_ndcg=ndcg)

    popularity = _popularity(lesson.statistics)
    with joined():
        return fit_transformer(
            lesson.split.train, lesson.validation, popularity, settings, start=start, work=work, on_step=on_step
        )


def learn(
    baskets: Baskets,
    shelf: Shelf,
    *,
    settings: Settings,
    start: Start | None = None,
    work: Path | None,
    reporter: Reporter,
) -> Learned:
    """Fit, measure, decide, and fit again on everything."""
    lesson = prepare(baskets, shelf, settings=settings, reporter=reporter)
    start = lesson.allowing(start)
    split, allowed, validation, statistics = lesson.split, lesson.allowed, lesson.validation, lesson.statistics
    network: dict[str, Rung] = {}
    trained: Trained | None = None
    blends: dict[str, Blend] = {}
    if lesson.teaches_network:
        trained = train_network(lesson, settings=settings, start=start, work=work, reporter=reporter)
        network = {TRANSFORMER: trained.rung}
        to_blend = cases_by_context_size(
            split.validation, seed=settings.seed, limit=settings.case_limit, draws=settings.blend_draws
        )
        blends = _fit_blends(statistics, network, to_blend, reporter)

    def fitted_on(several: Baskets, network: Mapping[str, Rung]) -> dict[str, Rung]:
        categories = shelf.category_numbers[: shelf.learned_count]
        found = fit_statistics(several, categories, allowed, lesson.choices, settings)
        return _brought_up_to(several, found, network, settings)

    reporter.enter("evaluate", "fitting again on all orders before the test")
    before_test = baskets.between(0, len(split.train) + len(split.validation))
    rungs = fitted_on(before_test, network)
    test = cases_by_context_size(split.test, seed=settings.seed, limit=settings.case_limit)
    earlier_N = earlier_baskets(before_test, split.test)
    if earlier_N is not None:
        earlier_N = earlier_N[rows_asked(split.test, seed=settings.seed, limit=settings.case_limit)]
    measured = {name: rung for name, rung in rungs.items() if name in LADDER}
    measured |= {name: blend.with_rungs(rungs) for name, blend in blends.items()}
    evaluation = evaluate_rungs(
        measured,
        test,
        order_counts_V=before_test.order_counts(),
        samples=settings.bootstrap_samples,
        seed=settings.seed,
        earlier_N=earlier_N,
        on_progress=lambda done, model: reporter.at(0.3 + 0.4 * done, f"measuring {model}"),
    )
    decision = choose_rung([name for name in allowed if name in measured], evaluation, settings=settings)
    served = blends[BLEND] if decision.rung == BLEND else _alone(decision.rung, statistics, validation)
    calibrated = replace(calibrate(served, validation), blend=served.with_rungs(rungs))

    reporter.at(0.8, "fitting again on all orders")
    final = fitted_on(baskets, rungs)
    blend = blends[BLEND].with_rungs(final) if BLEND in blends else None
    return Learned(
        started_warm=start is not None and trained is not None,
        taught_until=int(split.train.ordered_at.max(initial=start.taught_until if start else UNKNOWN_TIME)),
        fitted=Fitted(final, blend, start=trained.rung if trained else None),
        decision=decision,
        evaluation=evaluation,
        calibration=reliability(calibrated, test),
        history=trained.history if trained else [],
        decoder=_decoder(decision.rung, final, blend, baskets, settings),
    )


def _brought_up_to(
    baskets: Baskets, statistics: dict[str, Rung], network: Mapping[str, Rung], settings: Settings
) -> dict[str, Rung]:
    """Add the Transformer, refreshed, to statistics of the same baskets."""
    rung = network.get(TRANSFORMER)
    if not isinstance(rung, TransformerRung):
        return statistics
    return {**statistics, TRANSFORMER: refresh(rung, baskets, settings)}


def _fit_blends(
    statistics: Mapping[str, Rung], network: Mapping[str, Rung], validation: Mapping[str, Cases], reporter: Reporter
) -> dict[str, Blend]:
    """The Transformer with its fitted multiple of popularity, as a row of its own, and the blend of all."""
    reporter.enter("blend", "fitting the blend on held-out baskets")
    with_popularity = {POPULARITY: statistics[POPULARITY], **network}
    row = fit_blend(with_popularity, validation, fixed={TRANSFORMER: 1.0})
    reporter.at(0.3, "fitting the blend on held-out baskets")
    return {TRANSFORMER: row, BLEND: fit_blend({**statistics, **network}, validation)}


def _decoder(
    rung: str, rungs: Mapping[str, Rung], blend: Blend | None, baskets: Baskets, settings: Settings
) -> Blend | None:
    """Make what generation ranks by: the blend, one rung alone, or nothing for a shop on a lower rung."""
    if CO_PURCHASE not in rungs or rung in {POPULARITY, CATEGORY}:
        return None
    if rung == BLEND:
        return blend
    return _alone(rung, rungs, cases_by_context_size(baskets, seed=settings.seed, limit=256))


def _alone(rung: str, rungs: Mapping[str, Rung], cases: Mapping[str, Cases]) -> Blend:
    return single(rungs, rung, Contexts.joined(at_size.contexts for at_size in cases.values()))


def _popularity(rungs: Mapping[str, Rung]) -> Popularity:
    popularity = rungs[POPULARITY]
    if not isinstance(popularity, Popularity):
        raise TypeError(f"The rung {POPULARITY!r} is a {type(popularity).__name__}; expected Popularity.")
    return popularity
