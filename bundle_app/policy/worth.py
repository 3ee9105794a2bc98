"""What a bundle is worth beside a product: pure, and the same on a page as in the night that judges it.

A policy promises exp(w·x + b) of a bundle with the features x of its score, times its quality, which is 1 until it was
shown. Without a policy a bundle is worth its place in the model's order, so that the order stands and the first few
places are worth exploring (`bundle_ml.clicks.nightly.order_values`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

ORDER_FALL = 0.8
LEAST_SCORE = 0.02


@dataclass(frozen=True, slots=True)
class Worth:
    mean: float
    deviation: float


def features(score: float, rank: int) -> tuple[float, float]:
    """Of a bundle in the eyes of its model: the logarithms of its score and of its rank.

    >>> features(1.0, 1)
    (0.0, 0.0)
    """
    return log(max(score, LEAST_SCORE)), log(max(rank, 1))


def by_policy(
    beliefs: Mapping[str, Any], *, score: float, rank: int, quality: float | None, evidence: float | None
) -> Worth:
    """What the live policy makes of it; a bundle without a quality was never shown while that was learned."""
    weights, intercept = beliefs["weights"], beliefs["intercept"]
    promised = exp(sum(w * x for w, x in zip(weights, features(score, rank), strict=True)) + intercept)
    mean = promised * (1.0 if quality is None else quality)
    return Worth(mean, mean / sqrt(beliefs["arm_strength"] if evidence is None else evidence))


def by_order(count: int) -> Sequence[Worth]:
    """What the places of the model's order are worth."""
    return [Worth(ORDER_FALL**place, 0.0) for place in range(count)]
