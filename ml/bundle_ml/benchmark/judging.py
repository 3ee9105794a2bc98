"""One judge for all: from a model's lists to its marks, with intervals over baskets.

The rank of a hidden item is its place on the list; off the list it earns nothing. A basket stands in up to four cases,
one per context size, so the bootstrap draws baskets and takes all their cases along. The draws are the same for every
model: two models can be compared draw by draw.

Shapes: S bootstrap draws, B cases of a context size, K places of a list, M measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import IntArray
from bundle_ml.benchmark.protocol import Exam
from bundle_ml.bootstrap import BasketDraws, DrawArray, Mark, with_intervals
from bundle_ml.metrics import GainArray, RankArray, coverage, ndcg, recall, reciprocal_rank
from bundle_ml.whole_baskets import MEASURES, SHOWN

NOT_LISTED = np.iinfo(np.int64).max // 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marks:
    """How well one model answered."""

    by_size: dict[str, Mark]
    mean: Mark
    """The plain mean over context sizes."""
    ndcg_draws: dict[str, DrawArray]
    """Size, or 'mean' → NDCG@10 in each bootstrap draw."""


def ranks_on_lists(list_BK: IntArray, targets_B: IntArray) -> RankArray:
    """Return the place of each target, 0 for the first.

    >>> ranks_on_lists(np.array([[4, 2, 9], [4, 2, -1]], np.int32), np.array([2, 9], np.int32)) == [1, NOT_LISTED]
    array([ True,  True])
    """
    found_BK = list_BK == targets_B[:, None]
    return np.where(found_BK.any(axis=1), found_BK.argmax(axis=1), NOT_LISTED).astype(np.int64)


def gains_of(ranks: RankArray) -> dict[str, GainArray]:
    """What each case earns by each measure."""
    reciprocal = np.where(ranks < NOT_LISTED, reciprocal_rank(np.minimum(ranks, NOT_LISTED)), 0.0)
    gains = (ndcg(ranks, 10), recall(ranks, 10), recall(ranks, 20), reciprocal)
    return dict(zip(MEASURES, gains, strict=True))


def judge(lists: Mapping[str, IntArray], exam: Exam, *, samples: int, seed: int) -> Marks:
    """Mark one model's lists."""
    sizes = [size for size, targets in exam.targets.items() if len(targets)]
    gains = {size: gains_of(ranks_on_lists(lists[size], exam.targets[size])) for size in sizes}
    basket_draws = BasketDraws.of(exam.basket_count, samples=samples, seed=seed)
    draws: dict[str, dict[str, DrawArray]] = {}
    for size in sizes:
        gains_BM = np.stack([gains[size][name] for name in MEASURES], axis=1)
        drawn_SM = basket_draws.means(gains_BM, exam.basket_of_case[size])
        draws[size] = {name: drawn_SM[:, number] for number, name in enumerate(MEASURES)}
    by_size: dict[str, Mark] = {}
    for size in sizes:
        shown = lists[size][:, :SHOWN]
        by_size[size] = with_intervals({name: float(gains[size][name].mean()) for name in MEASURES}, draws[size])
        by_size[size] |= {
            "coverage_at_10": coverage(shown[shown >= 0], exam.given.item_count),
            "cases": len(exam.targets[size]),
        }
    mean_draws = {name: np.mean([draws[size][name] for size in sizes], axis=0) for name in MEASURES}
    means = {name: float(np.mean([by_size[size][name] for size in sizes])) for name in MEASURES}
    mean = with_intervals(means, mean_draws)
    mean["coverage_at_10"] = float(np.mean([by_size[size]["coverage_at_10"] for size in sizes]))
    ndcg_draws = {size: draws[size]["ndcg_at_10"] for size in sizes} | {"mean": mean_draws["ndcg_at_10"]}
    return Marks(by_size=by_size, mean=mean, ndcg_draws=ndcg_draws)
