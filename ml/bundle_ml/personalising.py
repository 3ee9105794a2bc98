"""Fit a blend that ranks by shoppers' pasts: what they buy next, and what they add to what is shown.

The questions are those of the next basket: a shopper's baskets until then are known, one item of the next is hidden.

Nothing of a shopper but numbers goes in, and nothing of a single shopper comes out: every part is a sum over many, or a
few numbers, or looks at the past of whoever is asked about alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, OffsetArray
from bundle_ml.blend import Blend
from bundle_ml.cases import CONTEXT_SIZES, Cases, Contexts, cases_by_context_size
from bundle_ml.fitting import average_ndcg
from bundle_ml.histories import Fading, Histories, Visits, histories_of, past_of
from bundle_ml.personal import (
    FREQUENCY,
    NEXT_BASKET,
    VIEWS,
    LookedAt,
    OfPast,
    PersonalFrequency,
    fit_next_basket,
)
from bundle_ml.rungs import POPULARITY, Rung, fit_popularity
from bundle_ml.settings import Settings
from bundle_ml.weighing import fit_blend

QUESTION = "next_basket"
BASKET, PAST = "basket", "past"
RATES = (1.0, 0.9, 0.8, 0.6)
HALF_LIVES_DAYS = (365.0, 180.0, 60.0)
NEXT_BASKET_L2 = 200.0
VIEWS_HALF_LIVES_DAYS = (3.0, 14.0, 60.0)
LISTED = 10
CASES = 8000
"""Pairs of a shopper and an item to weigh by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalChoices:
    """What the validation baskets chose."""

    own: Fading
    """Of the shopper's own frequency, and of the profiles from which the next basket is made."""
    half_life_days: float
    """Of popularity."""
    views_half_life_days: float | None = None
    """None where no views are known."""


def next_basket_cases(histories: Histories, nexts: Baskets, *, seed: int, limit: int) -> Cases:
    """Draw (shopper, item of the next basket); row s of both arguments is of one shopper, in a random order.

    A pair is drawn with a chance in proportion to 1 / (the highest discounted gain that its basket could earn). So what
    the average case earns is, but for a factor, NDCG@10 of whole baskets.
    """
    highest = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(LISTED) + 2.0))])[
        np.minimum(nexts.lengths, LISTED)
    ]
    waits = np.random.default_rng([seed, 5]).exponential(size=len(nexts.items)) * np.repeat(highest, nexts.lengths)
    drawn = np.argsort(waits, kind="stable")[:limit]  # Who waits for a shorter time on average comes first more often.
    shoppers = np.repeat(np.arange(len(nexts)), nexts.lengths)[drawn]
    rests = nexts.take(shoppers)
    return Cases(histories.take(shoppers), nexts.items[drawn], Contexts(rests.offsets, rests.items))


def visit_cases(histories: Histories, baskets: Baskets, *, seed: int, draws: int = 1) -> dict[str, Cases]:
    """The questions of `cases_by_context_size`, each asked of a shopper; row s of both arguments is of one shopper."""
    several = np.flatnonzero(baskets.lengths >= 2)
    cases = cases_by_context_size(baskets, seed=seed, limit=len(baskets), draws=draws)
    personal = {}
    for size in CONTEXT_SIZES:
        shown = int(size) if size.isdigit() else 1
        rows = np.tile(several[baskets.lengths[several] > shown], draws)
        visits = Visits.made_of(cases[size].contexts, histories.take(rows))
        personal[size] = replace(cases[size], contexts=visits)
    return personal


def choose_personal(train: Baskets, cases: Cases, settings: Settings) -> PersonalChoices:
    """Pick how fast pasts, views and popularity fade."""
    validation, knows_views = {QUESTION: cases}, past_of(cases.contexts).looked_at is not None
    half_lives = settings.popularity_half_life_days if _has_times(train) else settings.popularity_half_life_days[:1]

    def frequency(fading: Fading) -> float:
        return average_ndcg(PersonalFrequency(fading, train.item_count), validation)

    def popularity(days: float) -> float:
        return average_ndcg(fit_popularity(train, half_life_days=days), validation)

    def looked_at(days: float) -> float:
        return average_ndcg(LookedAt(days, train.item_count), validation)

    return PersonalChoices(
        own=max(fadings_for(train), key=frequency),
        half_life_days=max(half_lives, key=popularity),
        views_half_life_days=max(VIEWS_HALF_LIVES_DAYS, key=looked_at) if knows_views else None,
    )


def fadings_for(baskets: Baskets) -> list[Fading]:
    """Candidates for how fast pasts fade: by baskets, and where times are known by days."""
    by_days = [Fading(half_life_days=days) for days in HALF_LIVES_DAYS] if _has_times(baskets) else []
    return [*(Fading(rate=rate) for rate in RATES), *by_days]


def _has_times(baskets: Baskets) -> bool:
    return bool((baskets.ordered_at != UNKNOWN_TIME).any())


def fit_personal_rungs(baskets: Baskets, choices: PersonalChoices, settings: Settings) -> dict[str, Rung]:
    """Fit what ranks by a past, simplest first."""
    days = choices.views_half_life_days
    return {
        POPULARITY: fit_popularity(baskets, half_life_days=choices.half_life_days),
        FREQUENCY: PersonalFrequency(choices.own, baskets.item_count),
        NEXT_BASKET: fit_next_basket(
            histories_of(baskets),
            fading=choices.own,
            l2=NEXT_BASKET_L2,
            neighbour_count=settings.neighbour_count,
            max_items=settings.ease_max_items,
        ),
    } | ({} if days is None else {VIEWS: LookedAt(days, baskets.item_count)})


def fit_past_blend(rungs: Mapping[str, Rung], cases: Cases) -> Blend:
    """Weigh what ranks by a past; the weights are curves over the number of past baskets."""
    return fit_blend(rungs, {QUESTION: cases})


def fit_visit_blend(of_basket: Rung, of_past: Blend, visits: Mapping[str, Cases]) -> Blend:
    """Put a ranking by what is shown and one by the past together; the weights are curves over the number shown."""
    return fit_blend({BASKET: of_basket, PAST: OfPast(of_past)}, visits)


def last_baskets(baskets: Baskets, *, shoppers: OffsetArray) -> tuple[Baskets, Baskets]:
    """Cut off the last basket of each of these shoppers: all the others, and those, row by row."""
    assert baskets.shoppers is not None  # noqa: S101
    last = np.full(int(baskets.shoppers.max(initial=-1)) + 2, -1, np.int64)
    last[baskets.shoppers] = np.arange(len(baskets))  # of equals the last write stands
    rows = last[shoppers]
    others = np.ones(len(baskets), bool)
    others[rows] = False
    return baskets.where(others), baskets.take(rows)
