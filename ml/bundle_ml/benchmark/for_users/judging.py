"""One judge for all: from lists to Recall@20 and NDCG@20, with intervals over users.

The draws of the bootstrap are the same for every model, so that two can be compared draw by draw.

Shapes: S bootstrap draws, U users asked for, K places, M measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bundle_ml.baskets import BoolArray, IntArray
from bundle_ml.benchmark.for_users.protocol import PLACES
from bundle_ml.benchmark.judging import Marks
from bundle_ml.bootstrap import BasketDraws, DrawArray, Mark, interval
from bundle_ml.for_users.histories import Ones
from bundle_ml.for_users.measures import ndcg, recall
from bundle_ml.metrics import coverage

RECALL, NDCG = f"recall_at_{PLACES}", f"ndcg_at_{PLACES}"
MEASURES = {RECALL: f"Recall@{PLACES}", NDCG: f"NDCG@{PLACES}"}
"""Name → what it is called in a report."""
COVERAGE = f"coverage_at_{PLACES}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserMarks(Marks):
    """How well one model answered. There are no context sizes here."""

    draws: Mapping[str, DrawArray]
    """Measure → its mean in each draw."""


def judge(list_UK: IntArray, answers_UB: Ones, *, samples: int, seed: int) -> UserMarks:
    """Mark one model's lists; `answers_UB` has a row for each."""
    first_UK = list_UK[:, :PLACES]
    hits_UK = _hits(first_UK, answers_UB)
    answer_counts_U = np.diff(answers_UB.indptr).astype(np.int64)
    gains_UM = np.stack([recall(hits_UK, answer_counts_U), ndcg(hits_UK, answer_counts_U)], axis=1)
    users_U = np.arange(len(gains_UM))
    drawn_SM = BasketDraws.of(len(gains_UM), samples=samples, seed=seed).means(gains_UM, users_U)
    mean: Mark = {}
    for number, name in enumerate(MEASURES):
        low, high = interval(drawn_SM[:, number])
        mean |= {name: float(gains_UM[:, number].mean()), f"{name}_low": low, f"{name}_high": high}
    mean[COVERAGE] = coverage(first_UK[first_UK >= 0], answers_UB.shape[1])
    draws = {name: drawn_SM[:, number] for number, name in enumerate(MEASURES)}
    return UserMarks(mean=mean, draws=draws, by_size={}, ndcg_draws={"mean": draws[NDCG]})


def _hits(list_UK: IntArray, answers_UB: Ones) -> BoolArray:
    """Say which places hold a right answer; always `PLACES` of them."""
    hits_UK = np.zeros((len(list_UK), PLACES), bool)
    for row, list_K in enumerate(list_UK):
        right = answers_UB.indices[answers_UB.indptr[row] : answers_UB.indptr[row + 1]]
        hits_UK[row, : len(list_K)] = np.isin(list_K, right)
    return hits_UK


def compare(marks: Mapping[str, UserMarks], *, ours: str, others: list[str]) -> dict[str, dict[str, Any]]:
    """Set one model beside the best of the others, by each measure; nothing where either side has no marks."""
    rivals = [name for name in others if name in marks]
    if ours not in marks or not rivals:
        return {}
    compared: dict[str, dict[str, Any]] = {}
    for measure in MEASURES:
        best = max(rivals, key=lambda name: marks[name].mean[measure])
        own, rival = marks[ours], marks[best]
        low, high = interval(own.draws[measure] - rival.draws[measure])
        compared[measure] = {
            "ours": own.mean[measure],
            "theirs": rival.mean[measure],
            "other": best,
            "ratio": own.mean[measure] / rival.mean[measure] if rival.mean[measure] else None,
            "difference_low": low,
            "difference_high": high,
            "intervals_are_apart": own.mean[f"{measure}_low"] > rival.mean[f"{measure}_high"],
        }
    return compared
