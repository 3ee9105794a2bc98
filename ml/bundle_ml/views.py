"""What shoppers looked at: product views, a part of their past.

Unusual: a question about the next basket is told of no view of the last day before it. Whoever buys a thing has mostly
looked at it minutes before; a model that was shown those views would be praised for naming what is in the cart already,
and would learn to say nothing else.

Shapes: S shoppers known, B shoppers asked about, N views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bundle_ml.baskets import MICROSECONDS_PER_DAY, UNKNOWN_TIME, IntArray, OffsetArray
from bundle_ml.cells import as_array, as_text, instants
from bundle_ml.lines import MALFORMED, ReadReport, blocks, explaining, require_mostly_well_formed

COLUMNS = ("shopper_key", "item_key", "viewed_at")
UNKNOWN_SHOPPER = "unknown_shopper"
UNKNOWN_ITEM = "unknown_item"
SAME_VISIT = MICROSECONDS_PER_DAY
"""Before a basket, in microseconds: what was looked at since belongs to the visit that ended in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Rows of shoppers, as compressed rows of views, oldest first.

    Shapes:
        offsets (S + 1 or B + 1), items (N), viewed_at (N) in microseconds since 1970, until (S or B): the moment as of
        which a row is looked at. UNKNOWN_TIME: none.
    """

    offsets: OffsetArray
    items: IntArray
    viewed_at: OffsetArray
    until: OffsetArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def of(cls, shoppers: IntArray, items: IntArray, viewed_at: OffsetArray, *, shopper_count: int) -> Views:
        """Gather each shopper's views, row s for shopper s, looked at as of the last one of all."""
        order = np.lexsort((items, viewed_at, shoppers))
        sizes = np.bincount(shoppers, minlength=shopper_count)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        until = np.full(shopper_count, viewed_at.max(initial=UNKNOWN_TIME), np.int64)
        return cls(offsets, items[order].astype(np.int32), viewed_at[order], until)

    @property
    def rows(self) -> OffsetArray:
        """Whose each view is."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def ages_days(self) -> npt.NDArray[np.float64]:
        """How old each view is as of its row's moment."""
        return np.asarray((self.until[self.rows] - self.viewed_at) / MICROSECONDS_PER_DAY, np.float64)

    def as_of(self, shoppers: OffsetArray, moments: OffsetArray) -> Views:
        """The views of these shoppers before these moments, row by row; of a shopper beyond the last, none."""
        known = self.take(np.where(shoppers < len(self), shoppers, -1))
        return known._where(known.viewed_at < moments[known.rows], moments)

    def before_visit(self, shoppers: OffsetArray, ordered_at: OffsetArray) -> Views:
        """The views of these shoppers before the visits that ended in their orders; none where an order has no time."""
        is_known = ordered_at != UNKNOWN_TIME
        return self.as_of(shoppers, np.where(is_known, ordered_at - SAME_VISIT * is_known, UNKNOWN_TIME))

    def take(self, rows: OffsetArray) -> Views:
        """Return these rows, in this order; row -1 is one without views."""
        there = rows >= 0
        sizes = np.where(there, np.diff(self.offsets, append=self.offsets[-1])[rows], 0)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        chosen = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[rows], sizes)
        until = np.where(there, np.append(self.until, UNKNOWN_TIME)[rows], UNKNOWN_TIME)
        return Views(offsets, self.items[chosen], self.viewed_at[chosen], until)

    def followed_by(self, other: Views) -> Views:
        return Views(
            np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            np.concatenate([self.items, other.items]),
            np.concatenate([self.viewed_at, other.viewed_at]),
            np.concatenate([self.until, other.until]),
        )

    def _where(self, chosen: npt.NDArray[np.bool_], until: OffsetArray) -> Views:
        sizes = np.bincount(self.rows[chosen], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return Views(offsets, self.items[chosen], self.viewed_at[chosen], until)


def read_views(
    path: Path,
    *,
    shopper_keys: Sequence[str],
    item_keys: Sequence[str],
    on_block: Callable[[int], None] = lambda _lines_read: None,
) -> tuple[Views, ReadReport]:
    """Read views of shoppers and items that the order lines know, numbered as there; others are counted and dropped.

    Raises:
        DataError: the file is missing, unreadable, lacks a column, or most of its lines are malformed.
    """
    report = ReadReport()
    known_shoppers, known_items = pa.array(shopper_keys, pa.string()), pa.array(item_keys, pa.string())
    shoppers, items = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    moments = [np.empty(0, np.int64)]
    with explaining(path):
        for block in blocks(path, report, required=COLUMNS):
            shopper = _numbers(as_text(block, "shopper_key"), known_shoppers)
            item = _numbers(as_text(block, "item_key"), known_items)
            text = as_text(block, "viewed_at")
            moment, valid = instants(text)
            valid &= moment != UNKNOWN_TIME
            _note(text, valid, report)
            keep = np.ones(block.num_rows, bool)
            for reason, mask in ((MALFORMED, ~valid), (UNKNOWN_SHOPPER, shopper < 0), (UNKNOWN_ITEM, item < 0)):
                report.dropped[reason] += int((keep & mask).sum())
                keep &= ~mask
            shoppers.append(shopper[keep])
            items.append(item[keep])
            moments.append(moment[keep])
            on_block(report.lines_read)
    require_mostly_well_formed(report, path)
    views = Views.of(
        np.concatenate(shoppers), np.concatenate(items), np.concatenate(moments), shopper_count=len(shopper_keys)
    )
    report.lines_kept = len(views.items)
    return views, report


def _numbers(text: pa.Array, known: pa.Array) -> IntArray:
    """The place of each cell among what is known; -1 where it is not, or is NULL."""
    return as_array(pc.fill_null(pc.index_in(text, value_set=known, skip_nulls=True), -1)).astype(np.int32)


def _note(text: pa.Array, valid: npt.NDArray[np.bool_], report: ReadReport) -> None:
    rows = np.flatnonzero(~valid)
    if len(rows):
        report.malformed_cells["viewed_at"] += len(rows)
        report.malformed_examples.setdefault("viewed_at", repr((text[int(rows[0])].as_py() or "")[:80]))
