"""Fit every rung that the shop has data for, choosing their few settings on the validation slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import Baskets
from bundle_ml.cases import Cases
from bundle_ml.ladder import BLEND
from bundle_ml.metrics import ndcg, ranks_of_targets
from bundle_ml.rungs import (
    CATEGORY,
    CO_PURCHASE,
    EASE,
    POPULARITY,
    CoPurchase,
    ItemToItem,
    Rung,
    fit_category,
    fit_co_purchase,
    fit_ease,
    fit_popularity,
)
from bundle_ml.settings import Settings

CASES_TO_CHOOSE_BY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the validation slice chose."""

    half_life_days: float
    ease_l2: float


def choose(baskets: Baskets, validation: Mapping[str, Cases], allowed: Sequence[str], settings: Settings) -> Choices:
    """Pick the popularity half-life and EASE's regularisation; without cases, the middle one of the candidates."""
    half_lives, penalties = settings.popularity_half_life_days, settings.ease_l2
    half_life, l2 = half_lives[len(half_lives) // 2], penalties[len(penalties) // 2]
    if any(len(cases) for cases in validation.values()):
        fitted = {days: fit_popularity(baskets, half_life_days=days) for days in half_lives}
        half_life = max(half_lives, key=lambda days: average_ndcg(fitted[days], validation))
        if EASE in allowed or BLEND in allowed:
            l2 = max(penalties, key=lambda each: average_ndcg(_ease(baskets, each, settings), validation))
    return Choices(half_life_days=half_life, ease_l2=l2)


def fit_statistics(
    baskets: Baskets, category_numbers: Sequence[int], allowed: Sequence[str], choices: Choices, settings: Settings
) -> dict[str, Rung]:
    """Fit the closed-form rungs, simplest first."""
    popularity = fit_popularity(baskets, half_life_days=choices.half_life_days)
    rungs: dict[str, Rung] = {POPULARITY: popularity}
    if CATEGORY in allowed:
        rungs[CATEGORY] = fit_category(baskets, category_numbers, popularity)
    if CO_PURCHASE in allowed:
        rungs[CO_PURCHASE] = co_purchase(baskets, settings)
    if EASE in allowed:
        rungs[EASE] = _ease(baskets, choices.ease_l2, settings)
    return rungs


def co_purchase(baskets: Baskets, settings: Settings) -> CoPurchase:
    return fit_co_purchase(baskets, exponent=settings.co_purchase_exponent, neighbour_count=settings.neighbour_count)


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


def _ease(baskets: Baskets, l2: float, settings: Settings) -> ItemToItem:
    return fit_ease(baskets, l2=l2, neighbour_count=settings.neighbour_count, max_items=settings.ease_max_items)
