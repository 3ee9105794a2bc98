"""Composing bundles step by step, many at once: the environment, without the library whose interface it speaks.

State: the bundle so far, its anchor, and the shopper's context. Action: an item to add, or to stop (the last number).
A mask says what is allowed: no item that is out of stock, replaces another or breaks a rule; no stop before the first
item; nothing but a stop when the bundle is full or nothing fits. Reward, once, at the stop: what became of the bundle.

Shapes: B bundles, M items at most, V items, A actions = V + 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bundle_ml.clicks.truth import EMPTY, BundleTruth, Flags, Menu, Numbers, Openings, Reals
from bundle_ml.errors import DataError, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettings:
    """What a click, an add and a purchase are worth; each counts besides the ones before it."""

    click: float = 1.0
    add: float = 0.0
    purchase: float = 0.0
    is_by_margin: bool = False
    """Whether adds and purchases count times the mean margin of the bundle's items."""

    def __post_init__(self) -> None:
        if min(self.click, self.add, self.purchase) < 0 or not max(self.click, self.add, self.purchase) > 0:
            raise SettingsError(f"Found {self}; expected rewards of 0 or more, and one above 0.")


@dataclass(slots=True)
class Drafts:
    """A batch of bundles in the making; one that was stopped stays as it is."""

    menu: Menu
    most_items: int = 3
    openings: Openings = field(init=False)
    bundles_BM: Numbers = field(init=False)
    is_done_B: Flags = field(init=False)

    def __post_init__(self) -> None:
        self.begin(Openings(np.empty(0, np.int64), np.empty(0, np.int64)))

    @property
    def stop(self) -> int:
        return self.menu.item_count

    def begin(self, openings: Openings) -> None:
        self.openings = openings
        self.bundles_BM = np.full((len(openings), self.most_items), EMPTY)
        self.is_done_B = np.zeros(len(openings), np.bool_)

    @property
    def sizes_B(self) -> Numbers:
        return np.asarray((self.bundles_BM != EMPTY).sum(axis=1))

    @property
    def sets_BM(self) -> Numbers:
        """Anchors first, then what was added; (B, 1 + M)."""
        return np.hstack([self.openings.anchors_B[:, None], self.bundles_BM])

    def allowed(self) -> Flags:
        """The action mask; (B, A), always with at least one action."""
        is_full_B1 = (self.sizes_B >= self.most_items)[:, None] | self.is_done_B[:, None]
        items_BV = self.menu.may_follow(self.sets_BM) & ~is_full_B1
        may_stop_B = (self.sizes_B > 0) | ~items_BV.any(axis=1)
        return np.hstack([items_BV, may_stop_B[:, None]])

    def advance(self, actions_B: Numbers) -> Flags:
        """Add an item to each bundle, or stop; say which stop now; (B,).

        Raises:
            DataError: an action is masked.
        """
        allowed_BA = self.allowed()
        rows_B = np.arange(len(actions_B))
        wrong = np.flatnonzero(~allowed_BA[rows_B, actions_B])
        if len(wrong):
            row = wrong[0]
            raise DataError(
                f"Found action {actions_B[row]} for the bundle {self.bundles_BM[row].tolist()} of anchor "
                f"{self.openings.anchors_B[row]}; expected one that `allowed` permits."
            )
        adds_B = ~self.is_done_B & (actions_B != self.stop)
        self.bundles_BM[rows_B[adds_B], self.sizes_B[adds_B]] = actions_B[adds_B]
        stops_B = ~self.is_done_B & (actions_B == self.stop)
        self.is_done_B = self.is_done_B | stops_B
        return np.asarray(stops_B)


@dataclass(slots=True)
class Composing(Drafts):
    """Drafts, and shoppers who answer them."""

    menu: BundleTruth
    rewards: RewardSettings = field(default_factory=RewardSettings)

    @property
    def truth(self) -> BundleTruth:
        return self.menu

    def open(self, count: int, random: np.random.Generator) -> None:
        """Begin so many bundles, for visits drawn anew."""
        self.begin(self.truth.open(count, random))

    def step(self, actions_B: Numbers, random: np.random.Generator) -> Reals:
        """Add an item to each bundle, or stop; returns each one's reward, 0 but for those that stop now.

        Raises:
            DataError: an action is masked.
        """
        stops_B = self.advance(actions_B)
        rewards_B = np.zeros(len(actions_B))
        asked = np.flatnonzero(stops_B & (self.sizes_B > 0))
        if len(asked):
            rewards_B[asked] = self._reward(asked, random)
        return rewards_B

    def _reward(self, rows: Numbers, random: np.random.Generator) -> Reals:
        openings, bundles_BM = taken(self.openings, rows), self.bundles_BM[rows]
        outcomes_B3 = self.truth.outcomes(openings, bundles_BM, random)
        worth = np.asarray([self.rewards.click, self.rewards.add, self.rewards.purchase])
        worth_B3 = np.broadcast_to(worth, outcomes_B3.shape).copy()
        if self.rewards.is_by_margin:
            is_item = bundles_BM != EMPTY
            margin_B = (self.truth.margin_V[bundles_BM.clip(0)] * is_item).sum(axis=1) / is_item.sum(axis=1)
            worth_B3[:, 1:] *= margin_B[:, None]
        return np.asarray((outcomes_B3 * worth_B3).sum(axis=1))


def taken(openings: Openings, rows: Numbers) -> Openings:
    """Return these openings, in this order; what is hidden is None or a tuple of arrays."""
    hidden = None if openings.hidden is None else tuple(each[rows] for each in openings.hidden)
    return Openings(openings.anchors_B[rows], openings.contexts_B[rows], hidden)
