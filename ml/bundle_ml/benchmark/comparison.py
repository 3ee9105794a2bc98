"""Who leads by how much: the model that ships against the best peer, and against itself without the Transformer.

Intervals of differences come from the shared bootstrap draws, so what makes a draw easy for all cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundle_ml.benchmark.judging import Marks
from bundle_ml.bootstrap import Mark, interval

MEASURE = "ndcg_at_10"
MEAN = "mean"


def compare(marks: Mapping[str, Marks], *, ours: str, others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Set NDCG@10 of one model beside the best of the others, at each context size and in the mean over them.

    Nothing where either side has no marks. The best of the others is chosen anew for each size: it is the bar, not one
    opponent.
    """
    rivals = [name for name in others if name in marks and name != ours]
    if ours not in marks or not rivals:
        return {}
    compared = {}
    for size in (*marks[ours].by_size, MEAN):
        best = max(rivals, key=lambda name: _mark(marks[name], size)[MEASURE])
        compared[size] = _beside(marks[ours], marks[best], size) | {"other": best}
    return compared


def _mark(marks: Marks, size: str) -> Mark:
    return marks.mean if size == MEAN else marks.by_size[size]


def _beside(ours: Marks, other: Marks, size: str) -> dict[str, Any]:
    own, rival = _mark(ours, size), _mark(other, size)
    low, high = interval(ours.ndcg_draws[size] - other.ndcg_draws[size])
    return {
        "ours": own[MEASURE],
        "theirs": rival[MEASURE],
        "ratio": own[MEASURE] / rival[MEASURE] if rival[MEASURE] else None,
        "difference_low": low,
        "difference_high": high,
        "intervals_are_apart": own[f"{MEASURE}_low"] > rival[f"{MEASURE}_high"],
    }
