"""What the beam search makes of bundles that were shown, and what it would have allowed beside each part of them.

Shapes: B sets, M items at most, V items, C items asked about, R arms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from bundle_ml.baskets import FloatArray
from bundle_ml.clicks.showings import Arm
from bundle_ml.clicks.truth import EMPTY, Flags, Numbers, Reals
from bundle_ml.generation import INCOMPLETE, Composer

ARMS_AT_ONCE = 128


def in_order_of_composing(arms: Sequence[Arm], beam: Composer) -> list[Arm]:
    """Order each bundle's items as they would be added beside its anchor: so that their gains come to most.

    A bundle is stored in the order in which it was first composed, which may have been beside another anchor.
    """
    ordered: list[Arm] = []
    for begin in range(0, len(arms), ARMS_AT_ONCE):
        ordered += _in_best_order(arms[begin : begin + ARMS_AT_ONCE], beam)
    return ordered


def _in_best_order(arms: Sequence[Arm], beam: Composer) -> Iterator[Arm]:
    sets = sorted({each for arm in arms for each in _on_the_way(arm)})
    items = np.unique([item for arm in arms for item in arm[1:]]).astype(np.int32)
    gains_BC = beam.gains(sets, items)
    row_of = {frozenset(each): row for row, each in enumerate(sets)}
    column_of = {item: column for column, item in enumerate(items.tolist())}

    def total(arm: Arm) -> float:
        steps = ((frozenset(arm[:end]), arm[end]) for end in range(1, len(arm)))
        return float(sum(gains_BC[row_of[each], column_of[item]] for each, item in steps))

    for arm in arms:
        yield max(((arm[0], *rest) for rest in permutations(sorted(arm[1:]))), key=total)


def _on_the_way(arm: Arm) -> Iterator[Arm]:
    """All sets from which its last item may be missing, or more: with the anchor, without one item at least."""
    for count in range(len(arm) - 1):
        for added in combinations(sorted(arm[1:]), count):
            yield (arm[0], *added)


@dataclass(frozen=True, slots=True, eq=False)
class ShownMenu:
    """What may follow everything that was shown, and all that it began with.

    What was shown once stays possible, whatever the rules say today: it is there to be learned from.
    """

    item_count: int
    most_items: int
    """Of a bundle, besides its anchor."""
    gains: Mapping[Arm, tuple[Numbers, FloatArray]]
    """Set → the items that may follow, ascending, and what the blend says that each adds."""

    @classmethod
    def of(cls, arms: Sequence[Arm], beam: Composer, *, on_progress: Callable[[float], None]) -> ShownMenu:
        """Ask the beam search about arms that stand together by anchor, none longer than a bundle may be."""
        gains: dict[Arm, tuple[Numbers, FloatArray]] = {}
        for begin in range(0, len(arms), ARMS_AT_ONCE):
            gains |= _gains(arms[begin : begin + ARMS_AT_ONCE], beam)
            on_progress(min(1.0, (begin + ARMS_AT_ONCE) / len(arms)))
        return cls(beam.shelf.learned_count, beam.settings.max_bundle_size - 1, gains)

    def may_follow(self, sets_BM: Numbers) -> Flags:
        flags_BV = np.zeros((len(sets_BM), self.item_count), np.bool_)
        for row, arm in enumerate(_unpadded(sets_BM)):
            flags_BV[row, self.gains[arm][0]] = True
        return flags_BV

    def next_item_log_scores(self, sets_BM: Numbers, items_C: Numbers) -> Reals:
        """0 for what may not follow; of all that may, each must be among those asked about."""
        scores_BC = np.zeros((len(sets_BM), len(items_C)))
        for row, arm in enumerate(_unpadded(sets_BM)):
            items, gains = self.gains[arm]
            scores_BC[row, np.searchsorted(items_C, items)] = gains
        return scores_BC

    def value(self, arm: Arm) -> float:
        """What the beam search makes of it: see `generation.Draft.value`."""
        return self.worth(arm) * sum(self._gain(arm[:end], arm[end]) for end in range(1, len(arm))) / (len(arm) - 1)

    def worth(self, arm: Arm) -> float:
        """A pair that could grow is worth less, as in the beam search."""
        return INCOMPLETE if len(arm) == 2 and len(self.gains[arm][0]) else 1.0

    def actions(self, arms: Sequence[Arm]) -> Numbers:
        """Each bundle as what was added, then the stop, then -1; (R, T)."""
        actions_RT = np.full((len(arms), self.most_items + 1), EMPTY)
        for row, arm in enumerate(arms):
            actions_RT[row, : len(arm)] = (*arm[1:], self.item_count)
        return actions_RT

    def _gain(self, arm: Arm, item: int) -> float:
        items, gains = self.gains[arm]
        return float(gains[np.searchsorted(items, item)])


def _gains(arms: Sequence[Arm], beam: Composer) -> dict[Arm, tuple[Numbers, FloatArray]]:
    sets = list(dict.fromkeys(arm[:length] for arm in arms for length in range(1, len(arm) + 1)))
    growing = [each for each in sets if len(each) < beam.settings.max_bundle_size]
    allowed = beam.may_follow(growing)
    gain_of = {each: dict(zip(*allowed.get(each, ((), ())), strict=True)) for each in sets}
    shown = {(arm[:length], arm[length]) for arm in arms for length in range(1, len(arm))}
    against = sorted((each, item) for each, item in shown if item not in gain_of[each])
    if against:
        asked = list(dict.fromkeys(each for each, _ in against))
        items = np.unique([item for _, item in against]).astype(np.int32)
        gains_BC = beam.gains(asked, items)
        row_of = {each: row for row, each in enumerate(asked)}
        for each, item in against:
            gain_of[each][item] = float(gains_BC[row_of[each], np.searchsorted(items, item)])
    return {each: _as_arrays(gains) for each, gains in gain_of.items()}


def _as_arrays(gains: Mapping[int, float]) -> tuple[Numbers, FloatArray]:
    items = sorted(gains)
    return np.asarray(items, np.int64), np.asarray([gains[item] for item in items], np.float32)


def _unpadded(sets_BM: Numbers) -> list[Arm]:
    return [tuple(item for item in row if item != EMPTY) for row in sets_BM.tolist()]
