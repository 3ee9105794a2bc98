"""What became of impressions, as plain sums: all that the bandit remembers.

A *cell* is an arm in a context at a place. Sums of days, of servers, of one impression after another are the same sums,
so learning by the day equals learning by the click, and a night's roll-up of a table is a full state.

Two things stand between a click and a sum. `counted_once` takes each shopper's first click on an arm and no later one.
And two witnesses are summed on their own, since a bot can click, and add to a cart, for nothing, but to buy it must
pay: what known buyers, shoppers whom the order table knows, saw and clicked; and what all others bought (`vouched`).

Sources: Mantel & Haenszel 1959, "Statistical aspects of the analysis of data from retrospective studies of disease"
(one ratio from many small cells); Greenland & Robins 1985 (of rates).

Shapes: N impressions, R arms, H contexts, K places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle_ml.clicks.truth import Flags, Numbers, Reals
from bundle_ml.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Sums over impressions, each (R, H, K), of everybody, of known buyers alone, and of sales to all others."""

    shown_RHK: Reals
    reward_RHK: Reals
    buyers_shown_RHK: Reals
    buyers_reward_RHK: Reals
    others_sales_RHK: Reals
    """Counted, whatever a sale is worth as a reward."""

    @classmethod
    def none(cls, arm_count: int, context_count: int, slot_count: int) -> Counts:
        shape = arm_count, context_count, slot_count
        return cls(*(np.zeros(shape) for _ in range(5)))

    @classmethod
    def of(
        cls,
        arms_N: Numbers,
        contexts_N: Numbers,
        places_N: Numbers,
        rewards_N: Reals,
        is_buyer_N: Flags,
        *,
        is_sale_N: Flags,
        shape: tuple[int, int, int],
    ) -> Counts:
        """Sum impressions up; a reward is what the shop's settings make of a click, an add or a purchase.

        Raises:
            DataError: an arm, context or place lies outside the shape, or a reward is negative or not finite.
        """
        for name, numbers, count in zip(
            ("arm", "context", "place"), (arms_N, contexts_N, places_N), shape, strict=True
        ):
            outside = numbers[(numbers < 0) | (numbers >= count)]
            if len(outside):
                raise DataError(
                    f"Found {name} {outside[0]}; expected 0 to {count - 1}. Give each {name} a number first."
                )
        wrong = rewards_N[~(np.isfinite(rewards_N) & (rewards_N >= 0))]
        if len(wrong):
            raise DataError(
                f"Found the reward {wrong[0]}; expected a finite number of 0 or more. Take refunds off first."
            )
        cells_N = np.ravel_multi_index((arms_N, contexts_N, places_N), shape)

        def summed(weights_N: Reals) -> Reals:
            return np.bincount(cells_N, weights_N, int(np.prod(shape))).astype(np.float64).reshape(shape)

        ones_N = np.ones(len(cells_N))
        return cls(
            shown_RHK=summed(ones_N),
            reward_RHK=summed(rewards_N),
            buyers_shown_RHK=summed(ones_N * is_buyer_N),
            buyers_reward_RHK=summed(rewards_N * is_buyer_N),
            others_sales_RHK=summed(ones_N * (is_sale_N & ~is_buyer_N)),
        )

    @property
    def _sums(self) -> tuple[Reals, ...]:
        return (
            self.shown_RHK,
            self.reward_RHK,
            self.buyers_shown_RHK,
            self.buyers_reward_RHK,
            self.others_sales_RHK,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        arm_count, context_count, slot_count = self.shown_RHK.shape
        return arm_count, context_count, slot_count

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + another for one, another in zip(self._sums, other._sums, strict=True)))

    def vouched(self) -> tuple[Reals, Reals]:
        """What is believed without doubt, shown and earned; everybody's where no buyer is known.

        Known buyers' part, and the others' sales. A showing to one of the others leads to fewer sales than one to a
        buyer earns rewards, and counts that much less. How much is one ratio for all arms, by Mantel & Haenszel: with b
        and o showings to buyers and others in a cell, Σ sales · b / (b + o) over Σ buyers' rewards · o / (b + o), so
        that it does not matter to whom which arm was shown, nor what bots click.
        """
        if not self.buyers_shown_RHK.any():
            return self.shown_RHK, self.reward_RHK
        others_shown_RHK = self.shown_RHK - self.buyers_shown_RHK
        shown_RHK = np.maximum(self.shown_RHK, 1)
        sales = float((self.others_sales_RHK * self.buyers_shown_RHK / shown_RHK).sum())
        rewards = float((self.buyers_reward_RHK * others_shown_RHK / shown_RHK).sum())
        if not sales or not rewards:
            return self.buyers_shown_RHK, self.buyers_reward_RHK
        return (
            self.buyers_shown_RHK + sales / rewards * others_shown_RHK,
            self.buyers_reward_RHK + self.others_sales_RHK,
        )


def counted_once(shoppers_N: Numbers, arms_N: Numbers, is_click_N: Flags, *, clicks_a_shopper: int) -> Flags:
    """Say which clicks count: a shopper's first on an arm, and so many arms a shopper, in the order given; (N,).

    >>> counted_once(np.array([1, 1, 1, 2]), np.array([7, 7, 8, 7]), np.array([True] * 4), clicks_a_shopper=9).tolist()
    [True, False, True, True]
    """
    clicks = np.flatnonzero(is_click_N)
    pairs = np.column_stack([shoppers_N[clicks], arms_N[clicks]])
    _, first = np.unique(pairs, axis=0, return_index=True)
    kept = clicks[np.sort(first)]
    by_shopper = np.argsort(shoppers_N[kept], kind="stable")
    ordered = shoppers_N[kept][by_shopper]
    starts = np.flatnonzero(np.diff(ordered, prepend=np.iinfo(np.int64).min))
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
    counted_N = np.zeros(len(shoppers_N), np.bool_)
    counted_N[kept[by_shopper[rank < clicks_a_shopper]]] = True
    return counted_N
