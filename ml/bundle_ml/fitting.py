"""Fit every rung that the shop has data for, choosing their few settings on the validation slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.cases import Cases
from bundle_ml.ease import fit_ease
from bundle_ml.ladder import BLEND
from bundle_ml.metrics import ndcg, ranks_of_targets
from bundle_ml.rungs import (
    CATEGORY,
    CO_PURCHASE,
    COSINE,
    EASE,
    EASE_FOR_FEW,
    POPULARITY,
    CoPurchase,
    ItemToItem,
    Rung,
    fit_category,
    fit_co_purchase,
    fit_popularity,
)
from bundle_ml.settings import Settings

CASES_TO_CHOOSE_BY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the validation slice chose."""

    half_life_days: float
    ease_l2: float
    ease_half_life_days: float


def choose(baskets: Baskets, validation: Mapping[str, Cases], allowed: Sequence[str], settings: Settings) -> Choices:
    """Pick half-lives and EASE's regularisation, one after the other; without cases, the middle of the candidates."""
    chosen = Choices(
        half_life_days=_middle(settings.popularity_half_life_days),
        ease_l2=_middle(settings.ease_l2),
        ease_half_life_days=_middle(settings.ease_half_life_days),
    )
    if not any(len(cases) for cases in validation.values()):
        return chosen

    def popularity_ndcg(days: float) -> float:
        return average_ndcg(fit_popularity(baskets, half_life_days=days), validation)

    def ease_ndcg(choices: Choices) -> float:
        return average_ndcg(ease(baskets, choices, settings), validation)

    chosen = replace(chosen, half_life_days=max(settings.popularity_half_life_days, key=popularity_ndcg))
    if EASE in allowed or BLEND in allowed:
        chosen = max((replace(chosen, ease_l2=l2) for l2 in settings.ease_l2), key=ease_ndcg)
        if (baskets.ordered_at != UNKNOWN_TIME).any():
            half_lives = settings.ease_half_life_days
            chosen = max((replace(chosen, ease_half_life_days=days) for days in half_lives), key=ease_ndcg)
    return chosen


def _middle(candidates: Sequence[float]) -> float:
    return candidates[len(candidates) // 2]


def fit_statistics(
    baskets: Baskets, category_numbers: Sequence[int], allowed: Sequence[str], choices: Choices, settings: Settings
) -> dict[str, Rung]:
    """Fit the closed-form rungs, simplest first, each with the variant that the blend leans on beside it.

    No one setting is best for one item shown and for many. EASE that rebuilds a basket from a fifth of it ranks better
    after a few items, and loses to EASE that sees most of it after many; the cosine holds back what everyone buys, the
    milder co-purchase does not. The blend weighs them by the number of items shown.
    """
    popularity = fit_popularity(baskets, half_life_days=choices.half_life_days)
    rungs: dict[str, Rung] = {POPULARITY: popularity}
    if CATEGORY in allowed:
        rungs[CATEGORY] = fit_category(baskets, category_numbers, popularity)
    if CO_PURCHASE in allowed:
        rungs[CO_PURCHASE] = co_purchase(baskets, settings)
        rungs[COSINE] = cosine(baskets, settings)
    if EASE in allowed:
        rungs[EASE] = ease(baskets, choices, settings)
        rungs[EASE_FOR_FEW] = ease(baskets, choices, settings, dropout=settings.ease_for_few_dropout)
    return rungs


def co_purchase(baskets: Baskets, settings: Settings) -> CoPurchase:
    return fit_co_purchase(baskets, exponent=settings.co_purchase_exponent, neighbour_count=settings.neighbour_count)


def cosine(baskets: Baskets, settings: Settings) -> ItemToItem:
    found = fit_co_purchase(
        baskets,
        exponent=1.0,
        length_exponent=settings.cosine_length_exponent,
        neighbour_count=settings.neighbour_count,
    )
    return ItemToItem(found.weights_VV)


def ease(baskets: Baskets, choices: Choices, settings: Settings, *, dropout: float | None = None) -> ItemToItem:
    return fit_ease(
        baskets,
        l2=choices.ease_l2,
        half_life_days=choices.ease_half_life_days,
        length_exponent=settings.ease_length_exponent,
        dropout=settings.ease_dropout if dropout is None else dropout,
        neighbour_count=settings.neighbour_count,
        max_items=settings.ease_max_items,
        companion_count=settings.ease_companions,
    )


def average_ndcg(rung: Rung, validation: Mapping[str, Cases]) -> float:
    """Average NDCG@10 over context sizes on the first cases of each."""
    measured = []
    for cases in validation.values():
        gains = []
        for rows, contexts in cases.contexts.between(0, min(len(cases), CASES_TO_CHOOSE_BY)).in_batches(256):
            scores_BV = contexts.exclude_from(rung.scores(contexts))
            gains.append(ndcg(ranks_of_targets(scores_BV, cases.targets[rows]), 10))
        if gains:
            measured.append(float(np.concatenate(gains).mean()))
    return float(np.mean(measured)) if measured else 0.0
