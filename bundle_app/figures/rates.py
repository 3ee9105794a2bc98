"""Shares of something, with intervals that say how far they can be believed. Pure functions.

The intervals are for one look at a period that was not chosen for what it shows, and take showings for independent of
one another, which those of one visitor are not quite: they are a little too narrow. Whoever decides between two things
compares them in an experiment, whose intervals allow for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval; without one where the whole is less than the part, as with sales of the day
    after."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What a rate has gained, in points of itself (0.01 from 2 % to 3 %), with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_beyond_chance(self) -> bool:
        return not self.low <= 0 <= self.high


def rate(part: float, whole: float) -> Rate | None:
    """`part` of `whole`, None of nothing, with Wilson's score interval.

    With p = part / whole and n = whole:

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It keeps
    within 0 and 1 and holds for small counts, where the usual p ± z √(p(1-p)/n) does not.

    >>> found = rate(10, 100)
    >>> [round(number, 4) for number in (found.value, found.low, found.high)]
    [0.1, 0.0552, 0.1744]
    """
    if whole <= 0:
        return None
    share = part / whole
    if not 0 <= share <= 1:
        return Rate(share)
    spread = Z95**2 / whole
    half = Z95 * sqrt(share * (1 - share) / whole + spread / (4 * whole))
    low, high = ((share + spread / 2 + sign * half) / (1 + spread) for sign in (-1, 1))
    return Rate(share, max(low, 0.0), min(high, 1.0))


def difference(now: Rate | None, before: Rate | None) -> Difference | None:
    """What a rate has gained since, with Newcombe's interval, made of both rates' own; None where one has none.

        d - √((p₁-l₁)² + (u₂-p₂)²)  to  d + √((u₁-p₁)² + (p₂-l₂)²)

    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17 (1998), method 10.

    >>> found = difference(rate(56, 70), rate(48, 80))  # his example (a)
    >>> [round(number, 4) for number in (found.value, found.low, found.high)]
    [0.2, 0.0524, 0.3339]
    """
    if now is None or now.low is None or now.high is None:
        return None
    if before is None or before.low is None or before.high is None:
        return None
    gained = now.value - before.value
    below = sqrt((now.value - now.low) ** 2 + (before.high - before.value) ** 2)
    above = sqrt((now.high - now.value) ** 2 + (before.value - before.low) ** 2)
    return Difference(gained, gained - below, gained + above)


def growth(now: float, before: float) -> float | None:
    """What an amount has gained, as a share of what it was; None where it was nothing.

    >>> growth(120, 100), growth(1, 0)
    (0.2, None)
    """
    return (now - before) / before if before else None
