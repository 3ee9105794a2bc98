"""What a simulator must be able to say, so that every figure can be measured again on another one.

A *page* shows K of C candidate bundles, the best place first. A candidate on the page of an anchor is an *arm*; arms
are numbered over the whole shop. What the shop can tell of a visit besides the anchor is one small number, its
*context*. A truth knows more than that, and keeps it to itself: policies are given a `Pages` and read `hidden` never.

Shapes: N pages, C candidates, K places on a page, R arms, H contexts, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EMPTY = -1
"""Stands where a page has no arm, or a place no column."""


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """Some visits of one day."""

    arms_NC: Numbers
    """The candidates; their columns are what a policy shows."""
    contexts_N: Numbers
    shoppers_N: Numbers
    is_bot_N: Flags
    """For judging alone: a shop does not know."""
    day: int
    hidden: Any = None

    def __len__(self) -> int:
        return len(self.arms_NC)

    @property
    def eligible_NC(self) -> Flags:
        return np.asarray(self.arms_NC != EMPTY)

    def take(self, rows: Numbers) -> Pages:
        """Return these pages, in this order; what is hidden says for itself what its rows are."""
        hidden = None if self.hidden is None else self.hidden.take(rows)
        arms_NC, contexts_N, shoppers_N = (each[rows] for each in (self.arms_NC, self.contexts_N, self.shoppers_N))
        return Pages(arms_NC, contexts_N, shoppers_N, self.is_bot_N[rows], self.day, hidden)

    def shown_arms(self, columns_NK: Numbers) -> Numbers:
        """Say which arms stand in these columns; (N, K)."""
        return np.where(columns_NK == EMPTY, EMPTY, np.take_along_axis(self.arms_NC, columns_NK.clip(0), axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What became of each place of each page; nothing is bought that was not added, nor added that was not clicked."""

    clicks_NK: Flags
    adds_NK: Flags
    purchases_NK: Flags
    is_buyer_N: Flags
    """Whether the order table knows the shopper from before."""


class Truth(Protocol):
    """How shoppers answer. Made by a callable that takes a seed; everything else is drawn from the generators given."""

    @property
    def slot_count(self) -> int: ...

    @property
    def prior_R(self) -> Reals:
        """The supervised model's score of each arm: what a static shop ranks a page by."""

    @property
    def features_RHF(self) -> Reals:
        """What a policy may know of each arm in each context, the prior first; each of about unit spread."""

    @property
    def anchor_of_R(self) -> Numbers:
        """Whose page an arm stands on."""

    @property
    def core_of_R(self) -> Numbers:
        """The number of what an arm is about, from 0: arms of one core are expected to be alike (`cores`)."""

    def draw(self, count: int, *, day: int, random: np.random.Generator) -> Pages:
        """Let some shoppers come; the draws depend on nothing that was shown before."""

    def chances(self, pages: Pages, columns_NK: Numbers) -> Reals:
        """The true chance of a click at each place, for this shopper, now; 0 at an empty one; (N, K)."""

    def expected(self, pages: Pages) -> Reals:
        """The chance of a click in the first place, averaged over all that a shop cannot know of the visit; (N, C).

        Ranking by it is the best that any policy can do which knows arms, contexts and days; ranking by `chances` takes
        reading shoppers' minds.
        """

    def answer(self, pages: Pages, columns_NK: Numbers, random: np.random.Generator) -> Answers:
        """Draw what happens, and remember what these shoppers have now seen."""

    def anew(self) -> Truth:
        """The same shop, where nobody has seen anything yet."""

    def attacked(self, bot_ratio: float, targets: Numbers) -> Truth:
        """The same shop, with so many visits by bots that click their anchor's target wherever it stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Openings:
    """Some visits for which a bundle is composed."""

    anchors_B: Numbers
    contexts_B: Numbers
    hidden: Any = None

    def __len__(self) -> int:
        return len(self.anchors_B)


class Menu(Protocol):
    """What may become a bundle, and what the supervised model thinks of it. Shapes: B bundles, M items, V items."""

    @property
    def item_count(self) -> int: ...

    def may_follow(self, sets_BM: Numbers) -> Flags:
        """Which items may be put to these sets, anchors included: in stock, no substitute, no rule against; (B, V)."""

    def next_item_log_scores(self, sets_BM: Numbers, items_C: Numbers) -> Reals:
        """The supervised model's log p(item | set) of some items, up to what is the same for all of a set; (B, C)."""


class BundleTruth(Menu, Protocol):
    """How shoppers answer a bundle of any items around an anchor. Shapes: B bundles, M items at most."""

    @property
    def context_count(self) -> int: ...

    @property
    def margin_V(self) -> Reals:
        """What each item earns the shop, in any unit."""

    def open(self, count: int, random: np.random.Generator) -> Openings: ...

    def click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        """The true chance of a click on a bundle (without its anchor) by this shopper; (B,)."""

    def expected_click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        """The same, averaged over what a shop cannot know of the visit; (B,)."""

    def outcomes(self, openings: Openings, bundles_BM: Numbers, random: np.random.Generator) -> Flags:
        """Draw whether each bundle is clicked, added and bought; (B, 3)."""
