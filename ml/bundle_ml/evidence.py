"""The numbers behind a bundle, counted exactly: how many orders hold these items.

Not estimated from a matrix: for every item the sorted list of its orders is kept, and lists are intersected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from bundle_ml.artefact import Evidence, Template
from bundle_ml.baskets import Baskets, IntArray, OffsetArray


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """For each item the rows of the baskets that hold it; items beyond the learned ones have none."""

    offsets: OffsetArray
    rows: IntArray
    basket_count: int

    @classmethod
    def of(cls, baskets: Baskets, *, item_count: int) -> Postings:
        row_of_pair = np.repeat(np.arange(len(baskets), dtype=np.int32), baskets.lengths)
        by_item = np.argsort(baskets.items, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(baskets.items, minlength=item_count))]).astype(np.int64)
        return cls(offsets, row_of_pair[by_item], len(baskets))

    def __getitem__(self, item: int) -> IntArray:
        return self.rows[self.offsets[item] : self.offsets[item + 1]]

    def orders(self, item: int) -> int:
        return int(self.offsets[item + 1] - self.offsets[item])

    def together(self, one: int, other: int) -> int:
        return self.support((one, other))

    def support(self, items: Sequence[int]) -> int:
        """Count the baskets that hold all of the items."""
        return len(self.rows_with(items))

    def rows_with(self, items: Sequence[int]) -> IntArray:
        """Find the baskets that hold all of the items, ascending."""
        shortest_first = sorted((self[item] for item in items), key=len)
        return reduce(_intersect, shortest_first)


def _intersect(shorter: IntArray, longer: IntArray) -> IntArray:
    """Intersect sorted rows by looking each of the shorter up in the longer."""
    if not len(longer):
        return longer
    places = np.searchsorted(longer, shorter).clip(max=len(longer) - 1)
    return np.asarray(shorter[longer[places] == shorter], np.int32)


def gather_evidence(
    postings: Postings,
    keys: Sequence[str],
    items: Sequence[int],
    shares: Mapping[str, float],
    *,
    template: Template | None = None,
    in_these_quantities: int | None = None,
    start_length: int = 1,
) -> Evidence:
    """Count, exactly, for a bundle that starts with its anchor, or with the `start_length` items of its context.

    support = orders that hold all items; confidence = support / orders that hold the start; lift = confidence / share
    of all orders that hold the rest. Confidence and lift are None where nothing can be divided.

    >>> from bundle_ml.baskets import baskets_from_pairs
    >>> orders, items = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [3, 2], [4, 2]], np.int32).T
    >>> when = np.arange(5, dtype=np.int64)
    >>> baskets, _ = baskets_from_pairs(tuple("abc"), orders, items, np.ones(7, np.float32), ordered_at=when)
    >>> found = gather_evidence(Postings.of(baskets, item_count=3), "abc", [0, 1], {})
    >>> found.orders, found.support, found.anchor_orders, found.rest_orders  # of five orders two hold a and b
    (5, 2, 3, 2)
    >>> found.confidence, found.lift  # 2 / 3, and (2 / 3) / (2 / 5)
    (0.666667, 1.6667)

    Source: Agrawal, Imielinski & Swami 1993 (support, confidence), Brin et al. 1997 (lift).
    """
    start, rest = items[:start_length], items[start_length:]
    support, anchor_orders, rest_orders = map(postings.support, (items, start, rest))
    confidence = support / anchor_orders if anchor_orders else None
    lift = confidence * postings.basket_count / rest_orders if confidence is not None and rest_orders else None
    return Evidence(
        orders=postings.basket_count,
        support=support,
        anchor_orders=anchor_orders,
        confidence=None if confidence is None else round(confidence, 6),
        lift=None if lift is None else round(lift, 4),
        shares=shares,
        parts={keys[part]: {"together": postings.support((*start, part))} for part in rest},
        template=template,
        in_these_quantities=in_these_quantities,
        rest_orders=rest_orders,
        context=tuple(keys[item] for item in start) if start_length > 1 else (),
    )
