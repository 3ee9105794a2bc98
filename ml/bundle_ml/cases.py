"""Questions with known answers: some items of a held-out basket, and one that was in it too.

For every basket with enough items one case per context size: the items are shuffled, the first are shown, the next one
is the target. A context size is the number of items shown; `all_but_one` shows all save the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse

from bundle_ml.baskets import Baskets, FloatArray, IntArray, OffsetArray
from bundle_ml.compressed import compressed_rows

PerCase = npt.NDArray[np.float64]
"""Something measured of each case."""

CONTEXT_SIZES = ("1", "2", "4", "all_but_one")
SHOWN = {"1": 1, "2": 2, "4": 4}
"""Context size → items shown, where it is a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Contexts:
    """Sets of items for which the next one is asked, as compressed rows."""

    offsets: OffsetArray
    items: IntArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> IntArray:
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    @property
    def sizes(self) -> OffsetArray:
        """How much is known of each: the number of items. The weights of a blend change with it."""
        return np.diff(self.offsets)

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]] | Sequence[IntArray]) -> Contexts:
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        flat = [np.asarray(row, np.int32) for row in rows]
        return cls(offsets, np.concatenate([np.empty(0, np.int32), *flat]))

    @classmethod
    def joined(cls, several: Iterable[Contexts]) -> Contexts:
        """Put the rows of one after those of the other."""
        return cls.of([each[row] for each in several for row in range(len(each))])

    def take(self, rows: OffsetArray) -> Contexts:
        """Return these rows, in this order."""
        return Contexts.of([self[row] for row in rows.tolist()])

    def between(self, start: int, stop: int) -> Contexts:
        first, last = self.offsets[start], self.offsets[stop]
        return Contexts(self.offsets[start : stop + 1] - first, self.items[first:last])

    def in_batches(self, size: int) -> Iterator[tuple[slice, Contexts]]:
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield slice(start, stop), self.between(start, stop)

    def row_numbers(self) -> OffsetArray:
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def averaging_matrix(self, item_count: int) -> scipy.sparse.csr_array:
        """One row per context: each of its items has the same weight, and they sum to 1."""
        lengths = np.diff(self.offsets)
        weights = np.repeat((1.0 / np.maximum(lengths, 1)).astype(np.float32), lengths)
        return compressed_rows(weights, self.items, self.offsets, (len(self), item_count))

    def exclude_from(self, scores_BV: FloatArray) -> FloatArray:
        """Make what is in the context already impossible, in place."""
        scores_BV[self.row_numbers(), self.items] = -np.inf
        return scores_BV


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Contexts, the hidden item of each, and the rest of its basket (which holds the target)."""

    contexts: Contexts
    targets: IntArray
    rests: Contexts
    draws: int = 1
    """How often each basket is in: the cases of one draw follow those of the draw before, in the same order."""

    def per_basket(self, of_case: PerCase) -> PerCase:
        """Average over the draws, so that a basket counts once however often it was drawn.

        >>> one_basket = Cases(Contexts.of([[1], [2]]), np.array([2, 1]), Contexts.of([[2], [1]]), draws=2)
        >>> one_basket.per_basket(np.array([0.0, 1.0]))
        array([0.5])
        """
        return np.asarray(of_case.reshape(self.draws, -1).mean(axis=0))

    def __len__(self) -> int:
        return len(self.targets)


def cases_by_context_size(baskets: Baskets, *, seed: int, limit: int, draws: int = 1) -> dict[str, Cases]:
    """Draw cases of every context size from the same shuffled baskets; each basket is shuffled `draws` times."""
    random = np.random.default_rng([seed, 1])
    rows = _rows_asked(baskets, random, limit)
    shuffled = [random.permutation(baskets[row]) for _ in range(draws) for row in rows.tolist()]
    return {
        "1": _cases([(items, 1) for items in shuffled], draws),
        "2": _cases([(items, 2) for items in shuffled if len(items) > 2], draws),
        "4": _cases([(items, 4) for items in shuffled if len(items) > 4], draws),
        "all_but_one": _cases([(items, len(items) - 1) for items in shuffled], draws),
    }


def rows_asked(baskets: Baskets, *, seed: int, limit: int) -> OffsetArray:
    """Return the rows of the baskets that `cases_by_context_size` draws its cases from."""
    return _rows_asked(baskets, np.random.default_rng([seed, 1]), limit)


def _rows_asked(baskets: Baskets, random: np.random.Generator, limit: int) -> OffsetArray:
    rows = np.flatnonzero(baskets.lengths >= 2)
    return np.sort(random.choice(rows, limit, replace=False)) if len(rows) > limit else rows


def baskets_of_cases(cases: Mapping[str, Cases]) -> dict[str, OffsetArray]:
    """For each context size, which basket each case stems from, by its place among those with any case.

    Every basket has a case at sizes 1 and all_but_one; at the others those have that hold an item more than is shown.
    """
    shown = np.diff(cases["all_but_one"].contexts.offsets)
    return {size: np.flatnonzero(shown >= SHOWN.get(size, 1)) for size in cases}


def _cases(shown: list[tuple[IntArray, int]], draws: int) -> Cases:
    return Cases(
        Contexts.of([items[:count] for items, count in shown]),
        np.asarray([items[count] for items, count in shown], np.int32),
        Contexts.of([items[count:] for items, count in shown]),
        draws,
    )
