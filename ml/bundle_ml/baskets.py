"""Baskets as compressed rows: which items each order holds.

A basket is a set: an item stands in it once, whatever its quantity. Baskets are sorted by time, so a slice in time is
a slice of rows. Baskets of one item count for popularity and teach nothing about co-purchase; `of_several` leaves
them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
OffsetArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

UNKNOWN_TIME = np.iinfo(np.int64).min
"""Stands for an order without a time; such orders sort first."""
MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Baskets:
    """Rows of item numbers (indices into `keys`), ascending within a row.

    Shapes:
        offsets (rows + 1), items (pairs), quantities (pairs), ordered_at (rows): microseconds since 1970 in UTC,
        shoppers (rows): a number for each shopper, -1 where nobody is known; None where the lines name no shoppers.
    """

    keys: tuple[str, ...]
    offsets: OffsetArray
    items: IntArray
    quantities: FloatArray
    ordered_at: OffsetArray
    shoppers: IntArray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> IntArray:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @property
    def item_count(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> OffsetArray:
        return np.diff(self.offsets)

    def between(self, start: int, stop: int) -> Baskets:
        """Slice in time."""
        first, last = self.offsets[start], self.offsets[stop]
        return Baskets(
            self.keys,
            self.offsets[start : stop + 1] - first,
            self.items[first:last],
            self.quantities[first:last],
            self.ordered_at[start:stop],
            None if self.shoppers is None else self.shoppers[start:stop],
        )

    def followed_by(self, later: Baskets) -> Baskets:
        """Put baskets of the same vocabulary after these; shoppers are kept where both sides know them."""
        known = self.shoppers is not None and later.shoppers is not None
        return Baskets(
            self.keys,
            np.concatenate([self.offsets, self.offsets[-1] + later.offsets[1:]]),
            np.concatenate([self.items, later.items]),
            np.concatenate([self.quantities, later.quantities]),
            np.concatenate([self.ordered_at, later.ordered_at]),
            np.concatenate([self.shoppers, later.shoppers]) if known else None,
        )

    def where(self, chosen: BoolArray) -> Baskets:
        """Keep the chosen rows."""
        return self.take(np.flatnonzero(chosen))

    def take(self, rows: OffsetArray) -> Baskets:
        """Return these rows, in this order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        pairs = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[rows], lengths)
        return Baskets(
            self.keys,
            offsets,
            self.items[pairs],
            self.quantities[pairs],
            self.ordered_at[rows],
            None if self.shoppers is None else self.shoppers[rows],
        )

    def numbered_as(self, keys: Sequence[str]) -> Baskets:
        """Give items the numbers of a vocabulary that holds this one; both are sorted, so rows stay ascending."""
        number_of = {key: number for number, key in enumerate(keys)}
        numbers = np.asarray([number_of[key] for key in self.keys], np.int32)
        return replace(self, keys=tuple(keys), items=numbers[self.items] if len(numbers) else self.items)

    def of_several(self) -> Baskets:
        return self.where(self.lengths >= 2)

    def order_counts(self) -> npt.NDArray[np.int64]:
        """Count for each item the baskets that hold it."""
        return np.bincount(self.items, minlength=self.item_count).astype(np.int64)

    def recency(self, half_life_days: float) -> npt.NDArray[np.float64]:
        """Weigh each basket: 1 for the latest, halved for every half-life before it; orders without a time weigh 1."""
        known = self.ordered_at != UNKNOWN_TIME
        if not known.any():
            return np.ones(len(self))
        latest = self.ordered_at[known].max()
        age_days = np.where(known, (latest - np.where(known, self.ordered_at, latest)) / MICROSECONDS_PER_DAY, 0.0)
        return np.asarray(0.5 ** (age_days / half_life_days))

    def fingerprint(self) -> str:
        digest = hashlib.sha256("\0".join(self.keys).encode())
        for array in (self.offsets, self.items, self.quantities, self.ordered_at):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Three slices in time. Only the first teaches; the second chooses; the third judges."""

    train: Baskets
    validation: Baskets
    test: Baskets


def split_by_time(baskets: Baskets, *, validation_ratio: float, test_ratio: float) -> TimeSplit:
    """Cut so that the two last slices hold the given shares of the baskets of two or more items."""
    rows_of_several = np.flatnonzero(baskets.lengths >= 2)
    cuts = []
    for ratio in (validation_ratio + test_ratio, test_ratio):
        held_out = int(len(rows_of_several) * ratio)
        cuts.append(int(rows_of_several[-held_out]) if held_out else len(baskets))
    first, second = cuts
    return TimeSplit(baskets.between(0, first), baskets.between(first, second), baskets.between(second, len(baskets)))


def baskets_from_pairs(
    keys: tuple[str, ...],
    orders: IntArray,
    items: IntArray,
    quantities: FloatArray,
    *,
    ordered_at: OffsetArray,
    shoppers: IntArray | None = None,
) -> tuple[Baskets, int]:
    """Build baskets out of (order, item) pairs; order numbers index `ordered_at` and `shoppers` and are sorted by
    time already.

    Returns the baskets (orders without a pair vanish) and how many pairs were merged into an equal one.
    """
    cell = orders.astype(np.int64) * max(1, len(keys)) + items
    by_cell = np.argsort(cell, kind="stable")
    cell = cell[by_cell]
    first_of_cell = np.flatnonzero(np.diff(cell, prepend=-1))
    merged = quantities[by_cell].astype(np.float64)
    summed = np.add.reduceat(merged, first_of_cell) if len(merged) else merged
    orders, items = orders[by_cell][first_of_cell], items[by_cell][first_of_cell]
    lengths = np.bincount(orders, minlength=len(ordered_at))
    offsets = np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.int64)
    baskets = Baskets(
        keys,
        offsets,
        items.astype(np.int32),
        summed.astype(np.float32),
        ordered_at[lengths > 0],
        None if shoppers is None else shoppers[lengths > 0],
    )
    return baskets, len(cell) - len(items)
