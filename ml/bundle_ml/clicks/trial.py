"""Policies on pages of a truth, day by day: who shows what, who learns from it, and what it was truly worth.

Judged is the true chance of a click at each place, not the clicks drawn, so that no luck is in the figures; bots' pages
are left out. Every policy meets visits drawn from the same seeds.

Shapes: N pages, K places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from bundle_ml.clicks import bandit
from bundle_ml.clicks.bandit import BanditSettings, Beliefs, Values
from bundle_ml.clicks.counts import Counts, counted_once
from bundle_ml.clicks.truth import EMPTY, Answers, Numbers, Pages, Reals, Truth

OnDay = Callable[[int], None]


class PagePolicy(Protocol):
    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        """What is shown and what would be without exploration; (N, K) columns each."""

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None: ...


@dataclass(slots=True)
class Static:
    """The supervised model's order, for ever."""

    truth: Truth

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        columns_NK = bandit.ranked(self.truth.prior_R[pages.arms_NC.clip(0)], pages.eligible_NC, self.truth.slot_count)
        return columns_NK, columns_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None: ...


@dataclass(slots=True)
class Oracle:
    """Ranks by the true chance, averaged over what cannot be known of a visit."""

    truth: Truth

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        columns_NK = bandit.ranked(self.truth.expected(pages), pages.eligible_NC, self.truth.slot_count)
        return columns_NK, columns_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None: ...


@dataclass(slots=True)
class MindReader:
    """Ranks by the true chance of this shopper now: need, boredom and all."""

    truth: Truth

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        everything_NC = np.broadcast_to(np.arange(pages.arms_NC.shape[1]), pages.arms_NC.shape)
        chances = [
            self.truth.chances(pages, everything_NC[:, [column]])[:, 0] for column in range(everything_NC.shape[1])
        ]
        columns_NK = bandit.ranked(np.column_stack(chances), pages.eligible_NC, self.truth.slot_count)
        return columns_NK, columns_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None: ...


@dataclass(slots=True)
class Learner:
    """The bandit as a shop runs it: sums by the day, a fit every night. Undefended, it believes every click."""

    truth: Truth
    settings: BanditSettings
    is_defended: bool = True
    clicks_a_shopper: int = 10
    beliefs: Beliefs = field(init=False)
    counts: Counts = field(init=False)
    values: Values = field(init=False)

    def __post_init__(self) -> None:
        arm_count, context_count, feature_count = self.truth.features_RHF.shape
        self.counts = Counts.none(arm_count, context_count, self.truth.slot_count)
        self.beliefs = Beliefs.before_any_click(0.1, feature_count, self.truth.slot_count)
        self._value()

    def _value(self) -> None:
        self.values = bandit.value(
            self.counts, self.truth.features_RHF, self.truth.core_of_R, self.beliefs, self.settings
        )

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        values = self.values.at(pages.arms_NC, pages.contexts_N)
        plan = bandit.plan(values, pages.eligible_NC, self.truth.slot_count, self.settings)
        return plan.draw(random), plan.best_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None:
        self.counts = self.counts + self.day_of(pages, columns_NK, answers)
        self.beliefs = bandit.fit(self.counts, self.truth.features_RHF, self.truth.core_of_R) or self.beliefs
        self._value()

    def day_of(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> Counts:
        rows_N, places_N = np.nonzero(columns_NK != EMPTY)
        arms_N = pages.shown_arms(columns_NK)[rows_N, places_N]
        clicks_N = answers.clicks_NK[rows_N, places_N]
        is_buyer_N = answers.is_buyer_N[rows_N]
        if self.is_defended:
            clicks_N = counted_once(pages.shoppers_N[rows_N], arms_N, clicks_N, clicks_a_shopper=self.clicks_a_shopper)
        else:
            is_buyer_N = np.ones_like(is_buyer_N)
        return Counts.of(
            arms_N,
            pages.contexts_N[rows_N],
            places_N,
            clicks_N.astype(np.float64),
            is_buyer_N,
            is_sale_N=answers.purchases_NK[rows_N, places_N],
            shape=self.counts.shape,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What a run was truly worth, by the day: clicks a page, of people."""

    shown_D: Reals
    best_D: Reals
    """Of the same pages, had nothing been explored."""
    pages_D: Reals
    watched_D: Reals
    """The share of people's pages that show a watched arm."""

    def watched(self, days: slice = slice(None)) -> float:
        return float((self.watched_D * self.pages_D)[days].sum() / self.pages_D[days].sum())

    def worth(self, days: slice = slice(None)) -> float:
        return float((self.shown_D * self.pages_D)[days].sum() / self.pages_D[days].sum())

    def best_worth(self, days: slice = slice(None)) -> float:
        return float((self.best_D * self.pages_D)[days].sum() / self.pages_D[days].sum())

    @property
    def exploration_cost_ratio(self) -> float:
        """Of clicks."""
        best = float((self.best_D * self.pages_D).sum())
        return (best - float((self.shown_D * self.pages_D).sum())) / best


def play(
    truth: Truth,
    policy: PagePolicy,
    *,
    page_count: int,
    day_count: int,
    seed: int,
    draw: int = 0,
    watched: Numbers | None = None,
    on_day: OnDay = lambda _day: None,
) -> Played:
    """Let shoppers come for some days; a policy learns at the end of each. Of one seed there are many draws of them."""
    visits, choices, outcomes = (np.random.default_rng([seed, 30, which, draw]) for which in range(3))
    measured: list[tuple[float, float, float, float]] = []
    for day, pages_today in enumerate(np.diff(np.linspace(0, page_count, day_count + 1).astype(int)).tolist()):
        pages = truth.draw(pages_today, day=day, random=visits)
        columns_NK, best_NK = policy.show(pages, choices)
        person_count = max(int((~pages.is_bot_N).sum()), 1)
        clicks = [truth.chances(pages, each)[~pages.is_bot_N].sum() / person_count for each in (columns_NK, best_NK)]
        is_watched_N = np.isin(pages.shown_arms(columns_NK), [] if watched is None else watched).any(axis=1)
        watched_count = np.count_nonzero(is_watched_N & ~pages.is_bot_N)
        measured.append((*clicks, person_count, watched_count / person_count))
        policy.learn(pages, columns_NK, truth.answer(pages, columns_NK, outcomes))
        on_day(day)
    shown_D, best_D, pages_D, watched_D = np.asarray(measured, np.float64).T
    return Played(shown_D, best_D, pages_D, watched_D)
