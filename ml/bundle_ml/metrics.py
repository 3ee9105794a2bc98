"""How well a ranking found the item that was hidden.

All of them but hit rate and coverage need one number per case: the rank of the hidden item among all items, 0 for the
first. Ties count against the model, so a model that scores everything alike earns nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import FloatArray, IntArray
from bundle_ml.cases import Contexts

RankArray = npt.NDArray[np.int64]
GainArray = npt.NDArray[np.float64]


def ranks_of_targets(scores_BV: FloatArray, targets_B: IntArray) -> RankArray:
    """Count the other items that do not score lower than the target; a target whose score is no number comes last.

    >>> scores = np.array([[0.9, 0.1, 0.5], [0.3, 0.3, 0.3]], np.float32)
    >>> ranks_of_targets(scores, np.array([2, 0], np.int32)).tolist()
    [1, 2]
    """
    of_target_B1 = scores_BV[np.arange(len(targets_B)), targets_B][:, None]
    return np.asarray((~(scores_BV < of_target_B1)).sum(axis=1) - 1, np.int64)


def top_items(scores_BV: FloatArray, count: int) -> IntArray:
    """Return the best items of each row, best first; equal scores in the order of item numbers.

    >>> top_items(np.array([[0.1, 0.7, 0.7, 0.9]], np.float32), 3).tolist()
    [[3, 1, 2]]
    """
    count = min(count, scores_BV.shape[1])
    cut = scores_BV.shape[1] - count
    found = (
        np.sort(np.argpartition(scores_BV, cut, axis=1)[:, cut:], axis=1)
        if cut
        else np.tile(np.arange(count), (len(scores_BV), 1))
    )
    order = np.argsort(-np.take_along_axis(scores_BV, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1).astype(np.int32)


def recall(ranks: RankArray, k: int) -> GainArray:
    """1 where the hidden item is among the first k.

    A shopper bought four things; one was hidden. It came third:

    >>> recall(np.array([2]), k=10).item(), recall(np.array([2]), k=2).item()
    (1.0, 0.0)
    """
    return (ranks < k).astype(np.float64)


def ndcg(ranks: RankArray, k: int) -> GainArray:
    """1 / log2(rank + 2) where the hidden item is among the first k, else 0; first place earns 1, third place half.

    >>> ndcg(np.array([0, 2, 10]), k=10).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.where(ranks < k, 1.0 / np.log2(ranks + 2.0), 0.0)


def reciprocal_rank(ranks: RankArray) -> GainArray:
    """1 / place.

    >>> reciprocal_rank(np.array([0, 3])).tolist()
    [1.0, 0.25]
    """
    return np.asarray(1.0 / (ranks + 1.0), np.float64)


def hit(top_BK: IntArray, rests: Contexts) -> GainArray:
    """1 where anything of the rest of the basket was shown: what a shopper would call a good box.

    Items 4 and 9 were hidden. The first box shows 9, the second neither:

    >>> hidden = Contexts.of([[4, 9], [4, 9]])
    >>> hit(np.array([[1, 9], [1, 2]], np.int32), hidden).tolist()
    [1.0, 0.0]
    """
    return np.asarray([np.isin(top, rests[row]).any() for row, top in enumerate(top_BK)], np.float64)


def coverage(top_BK: IntArray, item_count: int) -> float:
    """Return the share of all items that were shown at least once.

    >>> coverage(np.array([[0, 1], [1, 0]], np.int32), item_count=4)
    0.5
    """
    return len(np.unique(top_BK)) / item_count if item_count else 0.0


def novelty(top_BK: IntArray, order_counts_V: npt.NDArray[np.int64]) -> float:
    """Return how little known the shown items are, in bits: the average of -log2 of an item's share of all sales.

    Source: Zhou et al. 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems"
    (self-information).

    An item with half of all sales tells a shopper one bit, one with an eighth three:

    >>> novelty(np.array([[0, 1]]), np.array([4, 1, 3]))
    2.0
    """
    if not top_BK.size:
        return 0.0
    counts_V = np.maximum(order_counts_V, 1)
    return float(-np.log2(counts_V / counts_V.sum())[top_BK].mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model at one context size."""

    model: str
    context: str
    ndcg_at_10: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float
    recall_at_10: float
    recall_at_20: float
    mrr: float
    hit_rate_at_10: float
    coverage_at_10: float
    novelty_at_10: float
    cases: int

    def to_json(self) -> dict[str, str | float | int]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One model at one context size, for a part of the cases."""

    model: str
    context: str
    segment: str
    ndcg_at_10: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float
    cases: int

    def to_json(self) -> dict[str, str | float | int]:
        return asdict(self)


def summarise(
    ranks: RankArray,
    top_BK: IntArray,
    rests: Contexts,
    *,
    model: str,
    context: str,
    order_counts_V: npt.NDArray[np.int64],
    ndcg_interval: tuple[float, float],
) -> Row:
    """Put one model's answers at one context size into a row of the table."""
    mean = {
        "ndcg_at_10": ndcg(ranks, 10),
        "recall_at_10": recall(ranks, 10),
        "recall_at_20": recall(ranks, 20),
        "mrr": reciprocal_rank(ranks),
        "hit_rate_at_10": hit(top_BK, rests),
    }
    low, high = ndcg_interval
    return Row(
        model=model,
        context=context,
        ndcg_at_10_low=low,
        ndcg_at_10_high=high,
        coverage_at_10=coverage(top_BK, len(order_counts_V)),
        novelty_at_10=novelty(top_BK, order_counts_V),
        cases=len(ranks),
        **{name: float(values.mean()) if len(values) else 0.0 for name, values in mean.items()},
    )
