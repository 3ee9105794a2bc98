"""What every peer of this task shares: read the split, tune on tune, fit on train, write lists and costs.

    NAME.py SPLIT OUT --budget-seconds N

As `protocol.py` beside this folder, whose parts it takes: a grid of settings and a function `fit`, the first setting
tried in any case, others while the budget lasts. What differs: a context is all bundles of a user in train; tuning is
by the mean of Recall@20 and NDCG@20 over the users with a bundle in tune; and the last fit is on train again, since the
published evaluations do not fit on tune. To `fit` the bundles of all users come as `baskets`, a row for each user, and
a fitted model is asked by user: `Fitted.top` takes `Users`.

Whoever has no bundle in train gets the most popular ones, whatever the peer: its scores would be all alike.

Import it first: it makes the modules beside this folder importable.
"""

from __future__ import annotations

import functools
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol
from protocol import CASES_AT_ONCE, Fit, FloatArray, Sets, Top, say, tuned

__all__ = ["FloatArray", "Split", "Top", "Users", "run"]

LIST_LENGTH, PLACES = 100, 20
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Users(Sets):
    """Bundles of some users, and who they are."""

    numbers: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    item_count: int
    """How many bundles there are: they are the items that the peers rank."""
    train: Sets
    tune: Sets
    user_items: Sets
    contents: Sets
    single_item_count: int
    asked: npt.NDArray[np.int64]

    def of_users(self, numbers: npt.NDArray[np.int64]) -> Users:
        chosen = rows_of(self.train, numbers)
        return Users(chosen.offsets, chosen.items, numbers)

    def lists(self, top: Top, numbers: npt.NDArray[np.int64]) -> IntArray:
        """Ask in batches; take out what users have in train, and repetitions."""
        lists_UK = np.full((len(numbers), LIST_LENGTH), -1, np.int32)
        popular = np.argsort(-np.bincount(self.train.items, minlength=self.item_count), kind="stable")
        for start in range(0, len(numbers), CASES_AT_ONCE):
            users = self.of_users(numbers[start : start + CASES_AT_ONCE])
            for row, list_K in enumerate(top(users)):
                known = set(users[row].tolist())
                ranked = list_K if known else popular
                kept = [each for each in dict.fromkeys(ranked.tolist()) if each >= 0 and each not in known]
                lists_UK[start + row, : len(kept[:LIST_LENGTH])] = kept[:LIST_LENGTH]
        return lists_UK

    def ndcg(self, top: Top) -> float:
        """Mean of Recall@20 and NDCG@20 on tune; under this name `protocol` asks for it."""
        numbers = np.flatnonzero(self.tune.lengths)
        lists_UK = self.lists(top, numbers)[:, :PLACES]
        discounts = 1 / np.log2(np.arange(PLACES) + 2.0)
        marks = []
        for list_K, number in zip(lists_UK, numbers.tolist(), strict=True):
            right = self.tune[number]
            hits = np.isin(list_K, right)
            marks.append((hits.sum() / len(right) + hits @ discounts / discounts[: len(right)].sum()) / 2)
        return float(np.mean(marks))


def rows_of(sets: Sets, numbers: npt.NDArray[np.int64]) -> Sets:
    rows = [sets[number] for number in numbers.tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Sets(offsets, np.concatenate([np.empty(0, np.int32), *rows]))


def read_split(folder: Path) -> Split:
    about = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    load = functools.partial(np.load, allow_pickle=False)

    def sets(name: str) -> Sets:
        return Sets(load(folder / f"{name}_offsets.npy"), load(folder / f"{name}_items.npy"))

    return Split(
        item_count=about["bundles"],
        train=sets("train"),
        tune=sets("tune"),
        user_items=sets("user_items"),
        contents=sets("contents"),
        single_item_count=about["items"],
        asked=load(folder / "asked.npy"),
    )


def run(fit: Fit, grid: Sequence[Mapping[str, Any]], *, packages: Sequence[str], takes_split: bool = False) -> None:
    """The whole life of a peer. One that `takes_split` is given it in place of the bundles alone."""
    options = protocol._options()
    protocol._keep_stdout_for_progress()
    split = read_split(options.split)
    fit_on_train = fit if not takes_split else _with_split(fit, split)
    started = time.process_time()
    tried = tuned(fit_on_train, grid, split, deadline=started + options.budget_seconds)
    best = max(tried, key=lambda each: each["ndcg_at_10"])
    seconds = {"tuning": time.process_time() - started}

    say(f"fitting with {best['settings']}")
    started = time.process_time()
    fitted = fit_on_train(split.train, split.item_count, None, **best["settings"])
    seconds["training"] = time.process_time() - started
    say("answering")
    started = time.process_time()
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "top_user.npy", split.lists(fitted.top, split.asked), allow_pickle=False)
    seconds["scoring"] = time.process_time() - started
    if best["seconds_to_best"] is not None:
        seconds["to_best"] = best["seconds_to_best"]
    about = {
        "seconds": seconds,
        "peak_memory_bytes": protocol._peak_memory_bytes(),
        "settings": best["settings"],
        "tried": tried,
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }
    (options.out / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _with_split(fit: Fit, split: Split) -> Fit:
    return lambda _train, _count, trial, **settings: fit(split, trial, **settings)
