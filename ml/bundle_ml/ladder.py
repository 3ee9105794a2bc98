"""Which rung a shop gets: popularity → category → co-purchase → EASE → blend.

Two conditions. A shop must have enough baskets for a rung, and no simpler rung may rank its held-out baskets better by
more than chance. An item with too few orders of its own falls down the same ladder alone (see `generation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from bundle_ml.bootstrap import DrawArray, interval
from bundle_ml.rungs import CATEGORY, CO_PURCHASE, EASE, POPULARITY
from bundle_ml.settings import Settings

BLEND = "blend"
LADDER = (POPULARITY, CATEGORY, CO_PURCHASE, EASE, BLEND)


class Measured(Protocol):
    """How well each model ranked the same held-out baskets."""

    @property
    def basket_count(self) -> int: ...

    @property
    def draws(self) -> Mapping[str, DrawArray]:
        """Model → its NDCG@10 in each bootstrap draw; draws are shared by all models."""
        ...

    def mean_ndcg(self) -> dict[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rung that a simpler one beats outside noise, and by how much NDCG@10."""

    rung: str
    by: str
    difference: float
    difference_low: float
    difference_high: float

    def to_json(self) -> dict[str, str | float]:
        return asdict(self)

    def __str__(self) -> str:
        between = f"{self.difference_low:+.4f} … {self.difference_high:+.4f}"
        return f"{self.rung} ({self.by} is better by {self.difference:.4f}, 95 % {between})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    rung: str
    reason: str
    refused: tuple[Refusal, ...] = ()


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


def choose_rung(allowed: Sequence[str], evaluation: Measured, *, settings: Settings) -> Decision:
    """Go down from the highest allowed rung as long as a simpler one beats it outside noise.

    'Beats' is by NDCG@10, averaged over context sizes; 'outside noise' is that 95 % of the paired bootstrap's
    differences are on its side. Of several that do, the best one takes the place, and must stand the same test.
    """
    means = evaluation.mean_ndcg()
    count = evaluation.basket_count
    if count < max(settings.gate_min_cases, 1):
        why = f"{count} held-out baskets are too few to judge; chosen by the amount of data"
        return Decision(rung=allowed[-1], reason=why)
    measured = [name for name in allowed if name in means]
    rung, refused = measured[-1], []
    while beaten := _beaten(rung, measured[: measured.index(rung)], evaluation):
        refused.append(beaten)
        rung = beaten.by
    reason = f"NDCG@10 {means[rung]:.4f} on {count} held-out baskets"
    if refused:
        reason += f"; refused: {', '.join(map(str, refused))}"
    return Decision(rung=rung, reason=reason, refused=tuple(refused))


def _beaten(rung: str, simpler: Sequence[str], evaluation: Measured) -> Refusal | None:
    """Find the best of the simpler rungs that are better outside noise."""
    means = evaluation.mean_ndcg()
    found = None
    for name in simpler:
        low, high = interval(evaluation.draws[name] - evaluation.draws[rung])
        if low > 0 and (found is None or means[name] > means[found.by]):
            found = Refusal(
                rung=rung, by=name, difference=means[name] - means[rung], difference_low=low, difference_high=high
            )
    return found
