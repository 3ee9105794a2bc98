"""Compose bundles: beam search from an anchor, or from a context of several items, with a decision to stop.

The blend says which item comes next; three rules, each of which a merchandiser can check in the evidence, say whether
it may:

1. **Bought together.** Every two items of a bundle were in one order, no more seldom than chance would have it; with
   what it starts from clearly more often.
2. **Coherent.** The overlap of two items is the share of the rarer one's orders that hold the other. A bundle grows
   while the next item overlaps with some member nearly as much as the start does with its best partner, and not too
   much less with the start itself. When no item passes, the bundle is complete: that is the stop decision.
3. **No substitutes** (see `substitutes`), and no category twice unless its items are bought with each other (see
   `templates`).

Bundles rank by the average score of what was added, to which categories that make a set add a little; a pair that could
have grown counts half. Two bundles of one start must differ in most of that.

Not here: from which contexts to start (see `contexts`), how many of each (see `quantities`), and what other anchors'
bundles hold (see `assortment`).

Shapes: B drafts, C items asked about, V learned items, P parts of the blend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

import numpy as np
import scipy.sparse

from bundle_ml.baskets import Baskets, BoolArray, FloatArray, IntArray
from bundle_ml.blend import Blend
from bundle_ml.cases import Contexts
from bundle_ml.compressed import like
from bundle_ml.rungs import CoPurchase
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.substitutes import Substitutes
from bundle_ml.templates import Templates

STARTS_AT_ONCE = 32
NEXT_ITEMS_LOOKED_AT = 60
INCOMPLETE = 0.5
"""What a bundle that could have grown is worth of a complete one."""
CHILDREN_PER_DRAFT = 3
START_SHARE = 0.5
"""Of the overlap asked for with some member, so much is asked for with each item of the start."""
DEVIATIONS = 3.0
"""Standard deviations by which a count may come out too high by luck."""
SHRINKAGE_ORDERS = 5
"""Added to the rarer item's orders, so that a coincidence of two orders does not look like a certainty."""


Start = tuple[int, ...]
CLICKS = "clicks"
"""Names what clicks taught, among the parts of a bundle's score."""


class Taught(Protocol):
    """What clicks taught about bundles, in the unit of the blend's scores (see `clicks.taught`)."""

    def changes(self, sets: Sequence[Sequence[int]], items: IntArray) -> FloatArray:
        """By how much more each item is worth next to each set than the blend says; (B, C)."""

    def changes_when_complete(self, sets: Sequence[Sequence[int]]) -> FloatArray:
        """By how much more it is worth to leave each set as it is; (B,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A bundle in the making: its start, what was added, the gain of each and what the parts of the blend gave.

    The start is its first `start_length` items: an anchor, or the items of a context.
    """

    items: tuple[int, ...]
    gains: tuple[float, ...] = ()
    by_part_P: FloatArray | None = None
    complete: bool = True
    start_length: int = 1
    gain_of_stopping: float = 0.0
    """What clicks taught about leaving it as it is."""

    @property
    def start(self) -> Start:
        return self.items[: self.start_length]

    @property
    def added(self) -> tuple[int, ...]:
        return self.items[self.start_length :]

    @property
    def value(self) -> float:
        average = (sum(self.gains) + self.gain_of_stopping) / len(self.gains) if self.gains else 0.0
        return average if self.complete else INCOMPLETE * average

    def with_item(self, item: int, gain: float, by_part_P: FloatArray) -> Draft:
        total_P = by_part_P if self.by_part_P is None else self.by_part_P + by_part_P
        return replace(self, items=(*self.items, item), gains=(*self.gains, gain), by_part_P=total_P)

    def overlaps(self, other: Draft) -> float:
        mine, theirs = set(self.added), set(other.added)
        return len(mine & theirs) / len(mine | theirs)


@dataclass(frozen=True, slots=True, eq=False)
class Affinity:
    """Pairs that were really bought: how often, how much above chance, with what overlap."""

    together_VV: scipy.sparse.csr_array
    expected_VV: scipy.sparse.csr_array
    orders_V: FloatArray
    """Baskets of two or more that hold the item."""

    @classmethod
    def of(cls, baskets: Baskets, co_purchase: CoPurchase, *, exponent: float) -> Affinity:
        """Chance is measured with baskets weighed by 1/(length - 1), as co-purchase is.

        In plain counts a few wholesale baskets make everything look expected, and a bestseller has no partner left.
        """
        several = baskets.of_several()
        orders_V = several.order_counts().astype(np.float32)
        together, weights = co_purchase.together_VV, co_purchase.weights_VV
        one, other = np.repeat(orders_V, np.diff(weights.indptr)), orders_V[weights.indices]
        lift = weights.data * (one * other) ** (exponent / 2) * len(several.items) / (one * other)
        return cls(together, like(weights, (together.data / lift).astype(np.float32)), orders_V)

    def partners(self, item: int) -> IntArray:
        """The item's strongest neighbours, ascending."""
        indptr = self.together_VV.indptr
        return np.asarray(self.together_VV.indices[indptr[item] : indptr[item + 1]], np.int32)

    def together(self, item: int, others: IntArray) -> FloatArray:
        """Count orders with the item and each other; 0 beyond its strongest neighbours."""
        return _cells(self.together_VV, item, others)

    def expected(self, item: int, others: IntArray) -> FloatArray:
        """Count the orders that chance would have made of those; 0 where there are none."""
        return _cells(self.expected_VV, item, others)

    def clearly_above_chance(self, item: int, others: IntArray, *, lift: float) -> BoolArray:
        """Say where they meet `lift` times as often as by chance, and more than luck explains."""
        least = lift * self.expected(item, others)
        together = self.together(item, others)
        return np.asarray((together > 0) & (together >= least + DEVIATIONS * np.sqrt(least)))

    def overlap(self, item: int, others: IntArray) -> FloatArray:
        rarer = np.minimum(self.orders_V[item], self.orders_V[others])
        return np.asarray(self.together(item, others) / (rarer + SHRINKAGE_ORDERS))


@dataclass(frozen=True, slots=True, eq=False)
class Composer:
    """Beam search over the learned items."""

    blend: Blend
    affinity: Affinity
    substitutes: Substitutes
    templates: Templates
    shelf: Shelf
    settings: Settings
    taught: Taught | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """Whose word counts: parts of the blend, and clicks where they taught anything."""
        return self.blend.parts if self.taught is None else (*self.blend.parts, CLICKS)

    def compose_all(
        self, anchors: Sequence[int], *, on_progress: Callable[[float], None] = lambda _done: None
    ) -> Iterator[tuple[int, list[Draft]]]:
        """Yield each anchor with its bundles, best first; none where the rules leave none."""
        for (anchor,), drafts in self.compose_from([(anchor,) for anchor in anchors], on_progress=on_progress):
            yield anchor, drafts

    def compose_from(
        self, starts: Sequence[Start], *, on_progress: Callable[[float], None] = lambda _done: None
    ) -> Iterator[tuple[Start, list[Draft]]]:
        """Yield each start with the bundles that hold it and more, best first. All starts are of one length."""
        for first in range(0, len(starts), STARTS_AT_ONCE):
            chunk = starts[first : first + STARTS_AT_ONCE]
            finished, begun = self._search(chunk)
            for start in chunk:
                yield start, self._choose(finished[start], begun[start])
            on_progress(min(1.0, (first + len(chunk)) / len(starts)))

    def _search(self, starts: Sequence[Start]) -> tuple[dict[Start, list[Draft]], dict[Start, list[Draft]]]:
        """Grow the drafts of all starts side by side; return those that are complete, and those of one item more."""
        length = len(starts[0])
        beams = {start: [Draft(start, start_length=length)] for start in starts}
        finished: dict[Start, list[Draft]] = {start: [] for start in starts}
        begun: dict[Start, list[Draft]] = {start: [] for start in starts}
        least_overlap = dict.fromkeys(starts, 0.0)
        for size in range(length, self.settings.max_bundle_size):
            grown: dict[Start, list[Draft]] = {start: [] for start in starts}
            drafts = [draft for beam in beams.values() for draft in beam]
            for draft, children, overlaps in self._extend(drafts, least_overlap):
                start = draft.start
                if size == length and children:
                    least_overlap[start] = self.settings.stop_ratio * max(overlaps)
                    begun[start] = [replace(child, complete=False) for child in children]
                    grown[start] = _with_overlap(children, overlaps, least_overlap[start])[: self.settings.beam_width]
                elif size > length and children:
                    grown[start] += children[:CHILDREN_PER_DRAFT]
                elif size > length:
                    finished[start].append(draft)
            beams = {start: _best_sets(drafts, self.settings.beam_width) for start, drafts in grown.items()}
        for start, beam in beams.items():
            finished[start] += beam
        return self._when_complete(finished), self._when_complete(begun)

    def _when_complete(self, drafts_of: dict[Start, list[Draft]]) -> dict[Start, list[Draft]]:
        drafts = [draft for drafts in drafts_of.values() for draft in drafts]
        if self.taught is None or not drafts:
            return drafts_of
        changes = iter(self.taught.changes_when_complete([draft.items for draft in drafts]).tolist())
        return {
            start: [replace(draft, gain_of_stopping=next(changes)) for draft in drafts]
            for start, drafts in drafts_of.items()
        }

    def may_follow(self, sets: Sequence[Start]) -> dict[Start, tuple[list[int], list[float]]]:
        """Say what the rules allow next to each set, whose first item is the anchor, and the gain of each."""
        anchors = dict.fromkeys(each[:1] for each in sets)
        found: dict[Start, tuple[list[int], list[float]]] = {}
        least_overlap = dict.fromkeys(anchors, 0.0)
        for anchor, children, overlaps in self._extend([Draft(each) for each in anchors], least_overlap):
            found[anchor.items] = _last_of(children)
            least_overlap[anchor.start] = self.settings.stop_ratio * max(overlaps, default=0.0)
        longer = [Draft(each) for each in sets if len(each) > 1]
        for draft, children, _ in self._extend(longer, least_overlap):
            found[draft.items] = _last_of(children)
        return found

    def gains(self, sets: Sequence[Start], items: IntArray) -> FloatArray:
        """What each item adds to each set, whatever the rules say; (B, C)."""
        total_BC = self.blend.contributions(Contexts.of(sets), items).sum(axis=0)
        prior_BC = np.stack([self._prior(Draft(each), items) for each in sets])
        return np.asarray(total_BC + prior_BC, np.float32)

    def _extend(
        self, drafts: Sequence[Draft], least_overlap: Mapping[Start, float]
    ) -> Iterator[tuple[Draft, list[Draft], list[float]]]:
        """Yield each draft with the larger ones that the rules allow, best first, and the overlap of what was added."""
        if not drafts:
            return
        partners = {draft.start: self._partners(draft.start) for draft in drafts}
        asked_C = np.unique(np.concatenate(list(partners.values())))
        sets = [draft.items for draft in drafts]
        by_part_PBC = self.blend.contributions(Contexts.of(sets), asked_C)
        if self.taught is not None:
            by_part_PBC = np.concatenate([by_part_PBC, self.taught.changes(sets, asked_C)[None]])
        total_BC = by_part_PBC.sum(axis=0)
        for row, draft in enumerate(drafts):
            possible = partners[draft.start]
            possible = possible[~np.isin(possible, draft.items)]
            scores = total_BC[row, np.searchsorted(asked_C, possible)] + self._prior(draft, possible)
            best_first = np.argsort(-scores, kind="stable")[:NEXT_ITEMS_LOOKED_AT]
            gain_of = dict(zip(possible[best_first].tolist(), scores[best_first].tolist(), strict=True))
            items, overlaps = self._allowed(draft, possible[best_first], least_overlap[draft.start])
            places = np.searchsorted(asked_C, items)
            children = [  # A copy of the few numbers: a view would keep all scores of the chunk in memory.
                draft.with_item(item, gain_of[item], by_part_PBC[:, row, place].copy())
                for item, place in zip(items, places, strict=True)
            ]
            yield draft, children, overlaps

    def _prior(self, draft: Draft, items: IntArray) -> FloatArray:
        """What categories that make a set add to each item's score."""
        return self.settings.template_weight * self.templates.priors(draft.items, items)

    def _partners(self, start: Start) -> IntArray:
        """What can be sold and is bought with each item of the start clearly above chance: nothing else enters."""
        return reduce(np.intersect1d, map(self._partners_of, start))

    def _partners_of(self, item: int) -> IntArray:
        others = self.affinity.partners(item)
        keep = self.shelf.sellable[others] & self.affinity.clearly_above_chance(
            item, others, lift=self.settings.min_lift
        )
        return np.asarray(others[keep], np.int32)

    def _allowed(self, draft: Draft, items: IntArray, least_overlap: float) -> tuple[list[int], list[float]]:
        """Apply the three rules; return what may come next and its overlap with the draft."""
        keep = np.ones(len(items), np.bool_)
        overlap = np.zeros(len(items), np.float32)
        for member in draft.items:
            least = np.maximum(self.settings.min_together, self.affinity.expected(member, items))
            keep &= self.affinity.together(member, items) >= least
            overlap = np.maximum(overlap, self.affinity.overlap(member, items))
        keep &= overlap >= least_overlap
        for member in draft.start:
            keep &= self.affinity.overlap(member, items) >= START_SHARE * least_overlap
        for place in np.flatnonzero(keep):
            item = int(items[place])
            keep[place] = self.templates.may_join(draft.items, item) and not self.substitutes.any_replaces(
                draft.items, item
            )
        return items[keep].tolist(), overlap[keep].tolist()

    def _choose(self, finished: list[Draft], begun: list[Draft]) -> list[Draft]:
        """Take the best that differ enough from what was taken before."""
        chosen: list[Draft] = []
        for draft in _best_sets([*finished, *begun], len(finished) + len(begun)):
            if len(chosen) == self.settings.candidates_per_anchor:
                break
            if all(draft.overlaps(other) <= self.settings.max_overlap_ratio for other in chosen):
                chosen.append(draft)
        return chosen


def _cells(matrix_VV: scipy.sparse.csr_array, row: int, columns: IntArray) -> FloatArray:
    """Look cells of one row up; 0 where nothing is stored."""
    start, stop = matrix_VV.indptr[row], matrix_VV.indptr[row + 1]
    stored, values = matrix_VV.indices[start:stop], matrix_VV.data[start:stop]
    if not len(stored):
        return np.zeros(len(columns), np.float32)
    places = np.searchsorted(stored, columns).clip(max=len(stored) - 1)
    return np.where(stored[places] == columns, values[places], 0).astype(np.float32)


def _last_of(children: list[Draft]) -> tuple[list[int], list[float]]:
    return [child.items[-1] for child in children], [child.gains[-1] for child in children]


def _with_overlap(children: list[Draft], overlaps: list[float], least: float) -> list[Draft]:
    return [child for child, overlap in zip(children, overlaps, strict=True) if overlap >= least]


def _best_sets(drafts: list[Draft], count: int) -> list[Draft]:
    """Keep the best drafts, one for each set of items."""
    ordered = sorted(drafts, key=lambda draft: (-draft.value, draft.items))
    by_set: dict[frozenset[int], Draft] = {}
    for draft in ordered:
        by_set.setdefault(frozenset(draft.items), draft)
    return list(by_set.values())[:count]
