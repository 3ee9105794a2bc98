"""Draws a year of visitors: which pages they open, what of the bundles there they look at, and what they do with it.

Everything random comes from one `random.Random`; the same seed gives the same showings. What a visitor buys is not
drawn here: sales come from the shop's orders. Nor is it who sees which look of the widget: that is the app's to say,
by the experiments that run (both in `example_shop.visitors`).

What can be found in the figures, because it was put there:

    seasons       more visitors before Christmas and on Sundays, and more of them from month to month
    position      the second and third bundle of a page are looked at less often, and clicked less often if they are
    model         the first quarter of the year shows what was put together by hand, the rest what a model ranked
    policy        the last third is ranked by a policy that shows something else now and then, which is clicked less
    experiments   looks of the widget, each shown to half of the visitors: one of them is clicked more, another is not
    dismissals    few, and of some bundles more than of others
    bots          once a month somebody clicks one bundle more often than a visitor is believed
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate

DAY_COUNT = 365
VISITS_A_DAY = 125
VISITOR_COUNT = 9000
SEASON: Mapping[int, float] = {11: 1.35, 12: 1.6, 1: 0.9, 2: 0.85, 7: 0.9, 8: 0.9}
SUNDAY_FACTOR = 1.3
GROWTH_RATIO = 0.35
"""By how much there are more visitors at the end of the year than at its beginning."""
PAGES_A_VISIT = (1, 1, 1, 2, 2, 3)

SEEN_RATIOS = (0.85, 0.55, 0.35)
CLICK_RATIO, ADD_RATIO, DISMISS_RATIO = 0.055, 0.35, 0.012
POSITION_FACTORS = (1.0, 0.7, 0.5)
BY_HAND_FACTOR, TRIED_OUT_FACTOR = 0.72, 0.55
MODEL_FROM, POLICY_FROM = 0.25, 0.66
"""Parts of the year that are over when it begins."""
TRIED_OUT_RATIO = 0.06
BOT_CLICKS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An experiment of the year about a look of the widget, which in truth is clicked `click_factor` times as often as
    the shop's first one. It begins and ends when so much of the year is over; one without an end is still running."""

    name: str
    arm: str
    template: str
    begins: float
    ends: float | None
    planned_count: int
    click_factor: float


TRIALS = (
    Trial(
        name="A quieter widget",
        arm="No frames",
        template="example_shop/widget_quiet.html",
        begins=0.26,
        ends=0.43,
        planned_count=4_000,
        click_factor=1.0,
    ),
    Trial(
        name="A bolder widget",
        arm="Stronger frames",
        template="example_shop/widget_bold.html",
        begins=0.45,
        ends=0.7,
        planned_count=5_000,
        click_factor=1.45,
    ),
    Trial(
        name="Another heading",
        arm="Often bought together",
        template="example_shop/widget_heading.html",
        begins=0.92,
        ends=None,
        planned_count=20_000,
        click_factor=1.5,
    ),
)
CLICK_FACTORS: Mapping[str, float] = {trial.template: trial.click_factor for trial in TRIALS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopPage:
    """A page with the bundles on it, best first; `weight` is how often it is opened, beside the others."""

    anchor_key: str
    placement: str
    weight: float
    bundle_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a bundle came to be where it is shown."""

    bundle_id: int
    slot: int
    is_by_model: bool
    is_by_policy: bool
    arm: str
    template: str
    propensity: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A showing that was seen. `answers` are what became of it besides, each with seconds since it was shown; those in
    `surplus` are more than a visitor is believed."""

    id: int
    visitor: int
    page: ShopPage
    choice: Choice
    at: datetime
    answers: Mapping[str, float] = field(default_factory=dict)
    is_surplus: bool = False


Look = Callable[[int, ShopPage, datetime], tuple[str, str]]
"""Of a visitor, a page and a moment: the words of the visitor's arms, and the template that is drawn."""


def as_it_stands(_visitor: int, _page: ShopPage, _at: datetime) -> tuple[str, str]:
    return "", ""


class Year:
    """The days that end with `last`, and how things stood on each."""

    def __init__(self, last: date, rng: random.Random, *, look: Look = as_it_stands) -> None:
        self.rng, self.look = rng, look
        self.days = [last - timedelta(days=DAY_COUNT - 1 - number) for number in range(DAY_COUNT)]
        self._appeal: dict[int, float] = {}

    def showings(self, pages: Sequence[ShopPage], day: date) -> Iterator[Shown]:
        """All that was seen on a day."""
        weights = list(accumulate(page.weight for page in pages))
        for _ in range(self._visit_count(day)):
            visitor, at = self.rng.randrange(VISITOR_COUNT), self._moment(day)
            for page in self.rng.choices(pages, cum_weights=weights, k=self.rng.choice(PAGES_A_VISIT)):
                yield from self._seen(page, visitor, at)
                at += timedelta(seconds=self.rng.randrange(20, 240))
        if day.day == 15:
            yield from self._bot(day, self.rng.choice(pages))

    def past(self, day: date) -> float:
        """The part of the year that is over when a day begins."""
        return (day - self.days[0]).days / DAY_COUNT

    def choices(self, page: ShopPage, *, visitor: int, at: datetime) -> list[Choice]:
        """What a page shows a visitor, from the top."""
        past = self.past(at.date())
        words, template = self.look(visitor, page, at)
        is_by_policy = past >= POLICY_FROM
        ranked = list(page.bundle_ids[: len(SEEN_RATIOS)])
        others = page.bundle_ids[len(SEEN_RATIOS) :]
        found = []
        for slot, bundle_id in enumerate(ranked, start=1):
            chosen, propensity = bundle_id, 1.0
            if is_by_policy and others:
                is_tried_out = self.rng.random() < TRIED_OUT_RATIO
                chosen = self.rng.choice(others) if is_tried_out else bundle_id
                propensity = TRIED_OUT_RATIO / len(others) if is_tried_out else 1 - TRIED_OUT_RATIO
            found.append(
                Choice(
                    bundle_id=chosen,
                    slot=slot,
                    is_by_model=past >= MODEL_FROM,
                    is_by_policy=is_by_policy,
                    arm=words,
                    template=template,
                    propensity=propensity,
                )
            )
        return found

    def new_id(self) -> int:
        return self.rng.getrandbits(62)

    def _seen(self, page: ShopPage, visitor: int, at: datetime) -> Iterator[Shown]:
        for choice in self.choices(page, visitor=visitor, at=at):
            if self.rng.random() < SEEN_RATIOS[choice.slot - 1]:
                yield Shown(
                    id=self.new_id(), visitor=visitor, page=page, choice=choice, at=at, answers=self._answers(choice)
                )

    def _answers(self, choice: Choice) -> dict[str, float]:
        appeal = self._appeal.setdefault(choice.bundle_id, self.rng.uniform(0.5, 1.5))
        factors = (
            POSITION_FACTORS[choice.slot - 1],
            1.0 if choice.is_by_model else BY_HAND_FACTOR,
            TRIED_OUT_FACTOR if choice.propensity < 0.5 else 1.0,
            CLICK_FACTORS.get(choice.template, 1.0),
        )
        chance = CLICK_RATIO * appeal
        for factor in factors:
            chance *= factor
        seconds = self.rng.uniform(3, 60)
        if self.rng.random() < chance:
            is_added = self.rng.random() < ADD_RATIO
            return {"click": seconds, "add": seconds + 5} if is_added else {"click": seconds}
        return {"dismiss": seconds} if self.rng.random() < DISMISS_RATIO / appeal else {}

    def _bot(self, day: date, page: ShopPage) -> Iterator[Shown]:
        visitor, begin = VISITOR_COUNT + day.month, self._moment(day)
        for number in range(BOT_CLICKS):
            at = begin + timedelta(seconds=20 * number)
            choice = self.choices(page, visitor=visitor, at=at)[0]
            yield Shown(
                id=self.new_id(), visitor=visitor, page=page, choice=choice, at=at, answers={"click": 1.0},
                is_surplus=number >= 3,
            )  # fmt: skip

    def _visit_count(self, day: date) -> int:
        weekday = SUNDAY_FACTOR if day.weekday() == 6 else 1.0
        usual = VISITS_A_DAY * SEASON.get(day.month, 1.0) * weekday * (1 + GROWTH_RATIO * self.past(day))
        return round(usual * self.rng.uniform(0.85, 1.15))

    def _moment(self, day: date) -> datetime:
        seconds = int(self.rng.triangular(6 * 3600, 24 * 3600 - 1800, 19 * 3600))
        return datetime.combine(day, time.min, tzinfo=UTC) + timedelta(seconds=seconds)
