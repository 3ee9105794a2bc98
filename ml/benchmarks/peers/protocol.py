"""What every peer shares: read the split, tune on the validation cases, fit again, write lists and costs.

    NAME.py SPLIT OUT --budget-seconds N

Seconds are the processor's, summed over threads: a busy machine gives no model less.

A peer is a grid of settings and a function `fit`. `run` tries one setting after the other until the budget is spent,
and the first in any case, by the mean NDCG@10 over context sizes; fits the best once more on train + validation;
answers the test cases. Needs numpy alone. A basket is a set: its items stand in no order, or, for packages that want
one, in a random one, as the questions' contexts do.

Shapes: B contexts, V items, K places of a list.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]

CASES_AT_ONCE = 256
progress = sys.stdout


@dataclass(frozen=True, eq=False)
class Sets:
    """Rows of item numbers, compressed: baskets, or contexts."""

    offsets: npt.NDArray[np.int64]
    items: IntArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> IntArray:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.offsets)

    def row_numbers(self) -> npt.NDArray[np.int64]:
        return np.repeat(np.arange(len(self)), self.lengths)

    def between(self, start: int, stop: int) -> Sets:
        first, last = self.offsets[start], self.offsets[stop]
        return Sets(self.offsets[start : stop + 1] - first, self.items[first:last])

    def in_batches(self, size: int = CASES_AT_ONCE) -> Iterator[Sets]:
        for start in range(0, len(self), size):
            yield self.between(start, min(start + size, len(self)))

    def shuffled(self, seed: int = 0) -> Sets:
        """Put the items of each row in a random order."""
        order = np.lexsort((np.random.default_rng(seed).random(len(self.items)), self.row_numbers()))
        return Sets(self.offsets, self.items[order])

    def followed_by(self, other: Sets) -> Sets:
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Sets(offsets, np.concatenate([self.items, other.items]))


@dataclass(frozen=True, eq=False)
class Split:
    item_count: int
    list_length: int
    train: Sets
    validation: Sets
    validation_contexts: dict[str, Sets]
    validation_targets: dict[str, IntArray]
    test_contexts: dict[str, Sets]

    def ndcg(self, top: Top) -> float:
        """Mean NDCG@10 over context sizes on the validation cases."""
        means = []
        for size, targets in self.validation_targets.items():
            if len(targets):
                found_BK = checked(top, self.validation_contexts[size], self)[:, :10] == targets[:, None]
                places = found_BK.argmax(axis=1)
                means.append(np.where(found_BK.any(axis=1), 1 / np.log2(places + 2.0), 0.0).mean())
        return float(np.mean(means))


Top = Callable[[Sets], IntArray]
"""A fitted model: contexts in, its first items of each out, -1 where it names fewer; (B, K)."""


@dataclass
class Fitted:
    """What `fit` returns."""

    top: Top
    found: dict[str, Any] = field(default_factory=dict)
    """Settings that fitting found itself, such as the number of epochs; the last fit is told them."""
    seconds_to_best: float | None = None
    scores: list[float] = field(default_factory=list)
    """Of the validation cases after each epoch, where there are epochs: whether they were still rising."""


@dataclass
class Trial:
    """What a fit for tuning may use: the validation cases, and how much of the budget is left."""

    split: Split
    deadline: float

    def ndcg(self, top: Top) -> float:
        return self.split.ndcg(top)

    def is_over(self) -> bool:
        return time.process_time() > self.deadline


Fit = Callable[..., Fitted]
"""`fit(baskets, item_count, trial, **settings)`; without a trial, it is the last fit."""


def run(
    fit: Fit,
    grid: Sequence[Mapping[str, Any]],
    *,
    packages: Sequence[str],
    read: Callable[[Path], Any] | None = None,
) -> None:
    """The whole life of a peer; another task reads a split of its own, with the same attributes."""
    options = _options()
    _keep_stdout_for_progress()
    split = (read or read_split)(options.split)
    started = time.process_time()
    tried = tuned(fit, grid, split, deadline=started + options.budget_seconds)
    best = max(tried, key=lambda each: each["ndcg_at_10"])
    seconds = {"tuning": time.process_time() - started}

    say(f"fitting with {best['settings']}")
    started = time.process_time()
    fitted = fit(split.train.followed_by(split.validation), split.item_count, None, **best["settings"])
    seconds["training"] = time.process_time() - started
    say("answering")
    started = time.process_time()
    options.out.mkdir(parents=True, exist_ok=True)
    for size, contexts in split.test_contexts.items():
        np.save(options.out / f"top_{size}.npy", checked(fitted.top, contexts, split), allow_pickle=False)
    seconds["scoring"] = time.process_time() - started
    if best["seconds_to_best"] is not None:
        seconds["to_best"] = best["seconds_to_best"]
    about = {
        "seconds": seconds,
        "peak_memory_bytes": _peak_memory_bytes(),
        "settings": best["settings"],
        "tried": tried,
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }
    (options.out / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def tuned(fit: Fit, grid: Sequence[Mapping[str, Any]], split: Split, *, deadline: float) -> list[dict[str, Any]]:
    """Try settings in the order of the grid until time is up; the first is always tried."""
    tried: list[dict[str, Any]] = []
    for number, settings in enumerate(grid):
        if number and time.process_time() > deadline:
            break
        best = max((each["ndcg_at_10"] for each in tried), default=0.0)
        say(f"setting {number + 1} of {len(grid)}, best {best:.4f}")
        started = time.process_time()
        fitted = fit(split.train, split.item_count, Trial(split, deadline), **settings)
        tried.append(
            {
                "settings": {**settings, **fitted.found},
                "ndcg_at_10": split.ndcg(fitted.top),
                "seconds": time.process_time() - started,
                "seconds_to_best": fitted.seconds_to_best,
                "scores": fitted.scores,
            }
        )
    return tried


def by_scores(score: Callable[[Sets], FloatArray], list_length: int = 100) -> Top:
    """Make lists out of scores of all items, (B, V); equal scores in the order of item numbers."""

    def top(contexts: Sets) -> IntArray:
        scores_BV = np.array(score(contexts), np.float32)
        scores_BV[contexts.row_numbers(), contexts.items] = -np.inf
        count = min(list_length, scores_BV.shape[1])
        found_BK = np.sort(np.argpartition(-scores_BV, count - 1, axis=1)[:, :count], axis=1)
        order_BK = np.argsort(-np.take_along_axis(scores_BV, found_BK, axis=1), axis=1, kind="stable")
        found_BK = np.take_along_axis(found_BK, order_BK, axis=1)
        is_shown_BK = np.isneginf(np.take_along_axis(scores_BV, found_BK, axis=1))
        return np.where(is_shown_BK, -1, found_BK).astype(np.int32)

    return top


def checked(top: Top, contexts: Sets, split: Split) -> IntArray:
    """Ask in batches; take out what packages let through: the context, repetitions, places left empty."""
    lists_BK = np.full((len(contexts), split.list_length), -1, np.int32)
    row = 0
    for batch in contexts.in_batches():
        for list_K, shown in zip(top(batch), (batch[number] for number in range(len(batch))), strict=True):
            seen = set(shown.tolist()) | {-1}
            kept = [item for item in list_K.tolist() if not (item in seen or seen.add(item))]  # type: ignore[func-returns-value]
            lists_BK[row, : len(kept)] = kept[: split.list_length]
            row += 1
    return lists_BK


def read_split(folder: Path) -> Split:
    about = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    load = functools.partial(_load, folder)

    def sets(name: str) -> Sets:
        return Sets(load(f"{name}_offsets"), load(f"{name}_items"))

    sizes = list(about["cases"])
    return Split(
        item_count=about["items"],
        list_length=about["list_length"],
        train=sets("train"),
        validation=sets("validation"),
        validation_contexts={size: sets(f"validation_cases_{size}") for size in sizes},
        validation_targets={size: load(f"validation_cases_{size}_targets") for size in sizes},
        test_contexts={size: sets(f"test_cases_{size}") for size in sizes},
    )


def say(message: str) -> None:
    """Tell the process that waits how far this one is."""
    progress.write(message + "\n")
    progress.flush()


def _peak_memory_bytes() -> int:
    """Linux says it in /proc; getrusage would count there what the parent held when it started this process."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc/self/status").read_text(errors="replace").split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _load(folder: Path, name: str) -> Any:
    return np.load(folder / f"{name}.npy", allow_pickle=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("split", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--budget-seconds", type=float, default=600.0)
    return parser.parse_args()


def _keep_stdout_for_progress() -> None:
    """What packages print goes to the log, on stderr."""
    global progress  # noqa: PLW0603
    progress = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
