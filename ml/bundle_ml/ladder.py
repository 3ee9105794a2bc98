"""Which rung a shop gets: popularity → category → co-purchase → EASE → blend.

Two conditions. A shop must have enough baskets for a rung, and no simpler rung may rank its held-out baskets better. An
item with too few orders of its own falls down the same ladder alone (see `generation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.metrics import Row
from bundle_ml.rungs import CATEGORY, CO_PURCHASE, EASE, POPULARITY
from bundle_ml.settings import Settings

BLEND = "blend"
LADDER = (POPULARITY, CATEGORY, CO_PURCHASE, EASE, BLEND)


@dataclass(frozen=True, slots=True)
class Decision:
    rung: str
    reason: str


def allowed_rungs(*, baskets_of_several: int, has_categories: bool, settings: Settings) -> tuple[str, ...]:
    """Name the rungs for which the shop has enough data, simplest first.

    >>> allowed_rungs(baskets_of_several=30, has_categories=True, settings=Settings())
    ('popularity', 'category', 'co_purchase')
    """
    enough = {
        POPULARITY: True,
        CATEGORY: has_categories,
        CO_PURCHASE: baskets_of_several >= settings.co_purchase_min_baskets,
        EASE: baskets_of_several >= settings.ease_min_baskets,
        BLEND: baskets_of_several >= settings.transformer_min_baskets,
    }
    return tuple(name for name in LADDER if enough[name])


def choose_rung(allowed: Sequence[str], rows: Sequence[Row], *, settings: Settings) -> Decision:
    """Take the highest allowed rung that no simpler one beats by NDCG@10, averaged over context sizes."""
    measured = average_ndcg(rows)
    cases = max((row.cases for row in rows), default=0)
    if cases < settings.gate_min_cases:
        return Decision(allowed[-1], f"{cases} held-out baskets are too few to judge; chosen by the amount of data")
    best = max(allowed, key=lambda name: measured.get(name, 0.0))  # of equals the simplest
    refused = [name for name in allowed[allowed.index(best) + 1 :] if name in measured]
    reason = f"NDCG@10 {measured.get(best, 0.0):.4f} on {cases} held-out baskets"
    return Decision(best, reason + (f"; refused: {', '.join(refused)}" if refused else ""))


def average_ndcg(rows: Sequence[Row]) -> Mapping[str, float]:
    by_model: dict[str, list[float]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row.ndcg_at_10)
    return {name: float(np.mean(values)) for name, values in by_model.items()}
