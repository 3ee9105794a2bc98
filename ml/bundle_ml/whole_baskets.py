"""How well a list foretold a whole basket: what each list earns, with intervals over shoppers.

Beside the whole basket stand its two parts: what the shopper had bought before, and what is new to the shopper. A model
may be good at one and blind to the other.

Shapes: B shoppers, K places of a list, M measures, P pairs of a basket and an item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import Baskets, BoolArray, IntArray
from bundle_ml.bootstrap import BasketDraws, DrawArray, Mark, with_intervals
from bundle_ml.metrics import GainArray

MEASURES = ("ndcg_at_10", "recall_at_10", "recall_at_20", "mrr")
SHOWN = 10
WHOLE, REPEAT, NEW = "mean", "repeat", "new"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasketMarks:
    """Of the whole basket, of its repeats and of what is new: the measures with their 95 % intervals."""

    marks: dict[str, Mark]
    ndcg_draws: dict[str, DrawArray]
    """NDCG@10 in each bootstrap draw."""


def mark_lists(list_BK: IntArray, nexts: Baskets, is_repeat_P: BoolArray, *, draws: BasketDraws) -> BasketMarks:
    """Mark one model's lists; a basket without an item of a kind counts nothing for that kind."""
    marks, ndcg_draws = {}, {}
    shoppers = np.arange(len(nexts))
    for name, of_pair in ((WHOLE, None), (REPEAT, is_repeat_P), (NEW, ~is_repeat_P)):
        gains_BM, counted_B = gains_of(list_BK, nexts, of_pair)
        counted_BM = np.repeat(counted_B[:, None], len(MEASURES), axis=1)
        drawn_SM = draws.means(gains_BM, shoppers, counted_BM)
        means = gains_BM[counted_B].mean(axis=0) if counted_B.any() else np.zeros(len(MEASURES))
        marks[name] = with_intervals(
            dict(zip(MEASURES, means.tolist(), strict=True)),
            {measure: drawn_SM[:, column] for column, measure in enumerate(MEASURES)},
        )
        marks[name]["cases"] = int(counted_B.sum())
        ndcg_draws[name] = drawn_SM[:, MEASURES.index("ndcg_at_10")]
    return BasketMarks(marks=marks, ndcg_draws=ndcg_draws)


def repeats(before: Baskets, nexts: Baskets) -> BoolArray:
    """Mark items of next baskets that stand in any earlier basket of the shopper, however long ago; (P)."""
    assert before.shoppers is not None  # noqa: S101
    assert nexts.shoppers is not None  # noqa: S101
    bought = np.repeat(before.shoppers.astype(np.int64), before.lengths) * before.item_count + before.items
    asked = np.repeat(nexts.shoppers.astype(np.int64), nexts.lengths) * before.item_count + nexts.items
    return np.isin(asked, bought)


def gains_of(list_BK: IntArray, nexts: Baskets, of_pair_P: BoolArray | None = None) -> tuple[GainArray, BoolArray]:
    """What each list earns by each measure, (B, M), and whether its basket holds any of the pairs that count.

    NDCG@10: Σ 1/log2(place + 1) over the items found in the first ten places, divided by what the best list would earn.
    Recall@k: the share of the basket's items in the first k places. MRR: 1/place of the first that was found.

    A basket of two things; the list names one of them in the second place:

    >>> two_things = Baskets(("a", "b", "c"), np.array([0, 2]), np.array([0, 2], np.int32), np.ones(2, np.float32),
    ...     np.zeros(1, np.int64))
    >>> gains, _ = gains_of(np.array([[1, 2]], np.int32), two_things)
    >>> gains.round(4).tolist()
    [[0.3869, 0.5, 0.5, 0.5]]
    """
    wanted = np.ones(len(nexts.items), bool) if of_pair_P is None else of_pair_P
    rows = np.repeat(np.arange(len(nexts)), nexts.lengths)
    counts_B = np.bincount(rows[wanted], minlength=len(nexts))
    base = nexts.item_count + 1
    cells_BK = np.arange(len(nexts))[:, None] * base + list_BK
    hit_BK = np.isin(cells_BK, rows[wanted] * base + nexts.items[wanted]) & (list_BK >= 0)
    discounts = 1 / np.log2(np.arange(SHOWN) + 2.0)
    highest_B = np.concatenate([[1.0], np.cumsum(discounts)])[np.minimum(counts_B, SHOWN)]
    shown_BK = hit_BK[:, :SHOWN]
    ndcg_B = (shown_BK * discounts[: shown_BK.shape[1]]).sum(axis=1) / highest_B
    recalls = [hit_BK[:, :places].sum(axis=1) / np.maximum(counts_B, 1) for places in (10, 20)]
    first_B = np.where(hit_BK.any(axis=1), 1 / (hit_BK.argmax(axis=1) + 1.0), 0.0)
    return np.stack([ndcg_B, *recalls, first_B], axis=1), counts_B > 0
