"""When a learned policy goes live, and when it goes again: pure functions from estimates to decisions.

A decision holds a code for programs and the numbers it rests on; what is said to people about it is the app's business.

    promote(candidate, incumbent, …)    once, on the log, before going live
    watch(earned, promised, …)          every day after, by intervals that may be looked at every day
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt

from bundle_ml.clicks.always_valid import half_width
from bundle_ml.clicks.estimators import Estimate
from bundle_ml.errors import DataError, SettingsError


class Code(StrEnum):
    BETTER = "better"
    TOO_LITTLE_LOG = "too_little_log"
    NOT_BETTER_BEYOND_CHANCE = "not_better_beyond_chance"
    WORSE_BEYOND_CHANCE = "worse_beyond_chance"
    WITHIN_PROMISE = "within_promise"
    BELOW_PROMISE = "below_promise"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    least_effective_count: float = 1000.0
    """Impressions that the log must weigh for the candidate."""
    least_gain_ratio: float = 0.0
    """How far above the incumbent's mean the lower bound must be, of that mean."""
    narrowest_at_count: int = 10_000
    """Impressions after which a policy that disappoints should be noticed soonest."""

    def __post_init__(self) -> None:
        if self.least_effective_count < 0 or self.least_gain_ratio < 0 or self.narrowest_at_count < 1:
            raise SettingsError(
                f"Found {self}; expected counts and a gain of 0 or more, and at least 1 to be narrowest at."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    code: Code
    numbers: dict[str, float]

    @property
    def goes_live(self) -> bool:
        return self.code is Code.BETTER

    @property
    def rolls_back(self) -> bool:
        return self.code is Code.BELOW_PROMISE


def promote(candidate: Estimate, incumbent: Estimate, settings: GateSettings) -> Decision:
    """Let the candidate go live where the lower bound of its lead over the incumbent, on the same log, is a lead.

    Both estimates are of the same rows, so that the bound is of the paired difference. A log of one visitor has no
    bounds, and is too little.
    """
    lead = candidate.minus(incumbent)
    asked = settings.least_gain_ratio * incumbent.mean
    numbers = {
        "candidate": candidate.mean,
        "incumbent": incumbent.mean,
        "lead": lead.mean,
        "lead_low": lead.low,
        "lead_high": lead.high,
        "lead_asked": asked,
        "effective_count": candidate.effective_count,
        "effective_count_asked": settings.least_effective_count,
        "largest_weight": candidate.largest_weight,
    }
    if candidate.effective_count < settings.least_effective_count or not isfinite(lead.low):
        code = Code.TOO_LITTLE_LOG
    elif lead.low > asked:
        code = Code.BETTER
    elif lead.high < 0:
        code = Code.WORSE_BEYOND_CHANCE
    else:
        code = Code.NOT_BETTER_BEYOND_CHANCE
    return Decision(code=code, numbers={name: number for name, number in numbers.items() if isfinite(number)})


@dataclass(frozen=True, slots=True)
class Promise:
    """What a policy was let in for, as it is kept: the mean reward an impression, and its interval."""

    mean: float
    low: float
    high: float


def watch(
    reward_sum: float, reward_square_sum: float, count: int, promised: Estimate | Promise, settings: GateSettings
) -> Decision:
    """Roll back a live policy whose earnings lie below its promise: their whole interval under the promised one.

    Sums are over impressions since it went live. The interval holds at every look together, so looking daily is free.
    """
    if count < 1 or reward_square_sum < 0:
        raise DataError(
            f"Found {count} impressions and a sum of squares of {reward_square_sum}; expected 1 and 0 or more."
        )
    mean = reward_sum / count
    deviation = sqrt(max(reward_square_sum / count - mean**2, 0.0))
    # Before the first reward, or the first miss, nothing has been seen to vary; a half of one is then as much as we
    # know.
    wide = half_width(deviation or 0.5, count, narrowest_at=settings.narrowest_at_count)
    numbers = {
        "earned": mean,
        "earned_low": mean - wide,
        "earned_high": mean + wide,
        "promised": promised.mean,
        "promised_low": promised.low,
        "promised_high": promised.high,
        "count": float(count),
    }
    return Decision(code=Code.BELOW_PROMISE if mean + wide < promised.low else Code.WITHIN_PROMISE, numbers=numbers)
