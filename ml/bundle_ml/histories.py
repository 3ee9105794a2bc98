"""What shoppers bought before, in order, and what they looked at: their past.

The order of baskets and how long ago they were counts; the order of things inside a basket does not. A shopper is a
number here. Which number is whose is known while the lines are read (see `lines`) and nowhere else.

Unusual: histories are contexts in which nothing is shown, so whatever ranks by contexts (rungs, blends, the fitting of
blends) ranks by histories too; `Visits` are both. What a shopper bought before is not excluded: people buy again.

Shapes: B shoppers, N baskets, V items.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import scipy.sparse

from bundle_ml.baskets import MICROSECONDS_PER_DAY, UNKNOWN_TIME, Baskets, IntArray, OffsetArray
from bundle_ml.cases import Contexts
from bundle_ml.errors import DataError
from bundle_ml.rungs import incidence
from bundle_ml.views import Views

LATEST_BASKETS = 100
"""So many of a shopper's last baskets are kept: what came before weighs nothing, and an account that orders for a whole
firm would cost its square."""

NOTHING = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """How fast the past loses weight.

    A basket weighs `rate` ** (baskets since) and is halved for every half-life between it and the shopper's last one;
    the weights of a shopper sum to 1.
    """

    rate: float = 1.0
    half_life_days: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Histories(Contexts):
    """Past baskets of shoppers, as compressed rows of baskets: oldest first, none is possible.

    Shapes:
        past_offsets (B + 1) into the rows of `baskets`.
    """

    past_offsets: OffsetArray
    baskets: Baskets
    looked_at: Views | None = None
    """What each of these shoppers looked at; None where nobody recorded it."""

    @classmethod
    def made_of(cls, past_offsets: OffsetArray, baskets: Baskets, looked_at: Views | None = None) -> Histories:
        return cls(np.zeros_like(past_offsets), NOTHING, past_offsets, baskets, looked_at)

    @property
    def sizes(self) -> OffsetArray:
        """How many past baskets each shopper has."""
        return np.diff(self.past_offsets)

    @classmethod
    def joined(cls, several: Iterable[Contexts]) -> Contexts:
        """Put the shoppers of one after those of the other."""
        first, *others = cast(list[Histories], list(several))
        for other in others:
            offsets = np.concatenate([first.past_offsets, first.past_offsets[-1] + other.past_offsets[1:]])
            looked_at = None
            if first.looked_at is not None and other.looked_at is not None:
                looked_at = first.looked_at.followed_by(other.looked_at)
            first = cls.made_of(offsets, first.baskets.followed_by(other.baskets), looked_at)
        return first

    def take(self, rows: OffsetArray) -> Histories:
        sizes = self.sizes[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        chosen = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.past_offsets[rows], sizes)
        return Histories.made_of(offsets, self.baskets.take(chosen), self._looked_at(rows))

    def between(self, start: int, stop: int) -> Histories:
        first, last = int(self.past_offsets[start]), int(self.past_offsets[stop])
        offsets = self.past_offsets[start : stop + 1] - first
        baskets = self.baskets.between(first, last)
        return Histories.made_of(offsets, baskets, self._looked_at(np.arange(start, stop)))

    def _looked_at(self, rows: OffsetArray) -> Views | None:
        return None if self.looked_at is None else self.looked_at.take(rows)

    def profiles(self, fading: Fading) -> scipy.sparse.csr_array:
        """Average each shopper's baskets by their weights; (B, V), a row of zeros for who has none."""
        last_N = np.repeat(self.past_offsets[1:] - 1, self.sizes)
        weights_N = self._faded(np.arange(len(self.baskets)), last_N, fading)
        rows_N = np.repeat(np.arange(len(self)), self.sizes)
        return _averages(weights_N, rows_N, np.arange(len(self.baskets)), len(self)) @ incidence(self.baskets)

    def transitions(self, fading: Fading) -> tuple[scipy.sparse.csr_array, Baskets]:
        """For every basket that had one before it: the shopper's profile until then, (T, V), and that basket."""
        places_N = np.arange(len(self.baskets)) - np.repeat(self.past_offsets[:-1], self.sizes)
        next_T = np.flatnonzero(places_N > 0)
        before_T = places_N[next_T]
        rows = np.repeat(np.arange(len(next_T)), before_T)
        last = np.repeat(next_T - 1, before_T)
        past = np.arange(len(rows)) - np.repeat(np.cumsum(before_T) - before_T, before_T)
        past += np.repeat(next_T - before_T, before_T)
        averages = _averages(self._faded(past, last, fading), rows, past, len(next_T), len(self.baskets))
        return averages @ incidence(self.baskets), self.baskets.take(next_T)

    def _faded(self, past: OffsetArray, last: OffsetArray, fading: Fading) -> npt.NDArray[np.float64]:
        """Weigh baskets beside a later one of the same shopper; where a time is unknown, by their number alone."""
        weights = np.float64(fading.rate) ** (last - past)
        if fading.half_life_days is not None and len(past):
            at = self.baskets.ordered_at
            known = (at[past] != UNKNOWN_TIME) & (at[last] != UNKNOWN_TIME)
            days = np.where(known, at[last] - at[past], 0) / MICROSECONDS_PER_DAY
            weights = weights * 0.5 ** (days / fading.half_life_days)
        return np.asarray(weights, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Visits(Contexts):
    """Items shown, or in the cart, to shoppers whose past is known; row by row."""

    histories: Histories

    @classmethod
    def made_of(cls, shown: Contexts, histories: Histories) -> Visits:
        return cls(shown.offsets, shown.items, histories)

    @classmethod
    def joined(cls, several: Iterable[Contexts]) -> Contexts:
        visits = cast(list[Visits], list(several))
        histories = Histories.joined(each.histories for each in visits)
        return cls.made_of(Contexts.joined(visits), cast(Histories, histories))

    def take(self, rows: OffsetArray) -> Visits:
        return Visits.made_of(Contexts.of([self[row] for row in rows.tolist()]), self.histories.take(rows))

    def between(self, start: int, stop: int) -> Visits:
        first, last = self.offsets[start], self.offsets[stop]
        shown = Contexts(self.offsets[start : stop + 1] - first, self.items[first:last])
        return Visits.made_of(shown, self.histories.between(start, stop))


def past_of(contexts: Contexts) -> Histories:
    """Return what is known of the shoppers who are asked about.

    Raises:
        TypeError: the contexts are sets of items alone.
    """
    if isinstance(contexts, Visits):
        return contexts.histories
    if isinstance(contexts, Histories):
        return contexts
    raise TypeError(f"Found {type(contexts).__name__}; expected Histories or Visits, for this ranks by the past.")


def histories_of(baskets: Baskets, *, shopper_count: int | None = None, latest: int = LATEST_BASKETS) -> Histories:
    """Gather each shopper's baskets, row s for shopper s; those of nobody are left out.

    Baskets stand in the order of time, so a shopper's do. Orders without times stand in the order of their keys, a
    shorter key first: that is their order where keys are counted upwards.

    Raises:
        DataError: the baskets know no shoppers.
    """
    if baskets.shoppers is None:
        raise DataError("Found no column shopper_key in the order lines; expected a pseudonym per shopper. Export one.")
    count = int(baskets.shoppers.max(initial=-1)) + 1 if shopper_count is None else shopper_count
    rows = np.flatnonzero(baskets.shoppers >= 0)
    rows = rows[np.argsort(baskets.shoppers[rows], kind="stable")]
    sizes = np.bincount(baskets.shoppers[rows], minlength=count)
    places_from_end = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(rows))
    offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, latest))]).astype(np.int64)
    return Histories.made_of(offsets, baskets.take(rows[places_from_end <= latest]))


def _averages(
    weights: npt.NDArray[np.float64],
    rows: OffsetArray | IntArray,
    columns: OffsetArray,
    row_count: int,
    column_count: int | None = None,
) -> scipy.sparse.csr_array:
    """Weights as a matrix whose rows sum to 1."""
    total = np.bincount(rows, weights, minlength=row_count)
    shares = (weights / total[rows]).astype(np.float32)
    shape = (row_count, len(columns) if column_count is None else column_count)
    return scipy.sparse.csr_array((shares, (rows, columns)), shape=shape)
