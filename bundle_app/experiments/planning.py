"""How long an experiment takes, and how often it misleads: simulated, before it is started.

Visitors of two arms buy or not, each with the arm's probability; once a day everybody who waits looks. Counted is when
the arms are first said to differ, by the intervals that hold at every look and, for comparison, by those of a textbook,
which hold at one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist

from bundle_app.experiments.sequential import Moments, difference

ALPHA, POWER = 0.05, 0.8
LEAST_COUNT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of many runs. Visitors are those of both arms; infinite where too few runs ever said that the arms differ."""

    median_visitors: float
    eight_of_ten_visitors: float
    told_ratio: float
    """Share of runs in which the arms were said to differ by the end."""
    told_by_textbook_ratio: float
    """The same by the textbook's interval, looked at as often."""
    one_look_visitors: float
    """What a single look, planned beforehand, needs for a power of 80 %; infinite where the arms do not differ."""


def forecast(
    control: float, treated: float, *, planned_count: int, a_day: int, days: int, runs: int = 1000, seed: int = 0
) -> Forecast:
    """Let `a_day` visitors come to each arm on each day, of whom the ratios `control` and `treated` buy.

    >>> found = forecast(0.1, 0.2, planned_count=4000, a_day=100, days=20, runs=50)
    >>> found.told_ratio, found.median_visitors < 2000
    (1.0, True)
    """
    import numpy as np

    random = np.random.default_rng(seed)
    bought = random.binomial(a_day, np.asarray([control, treated])[:, None, None], (2, runs, days)).cumsum(axis=2)
    firsts: list[float] = []
    misled = 0
    for run in range(runs):
        first, is_misled = inf, False
        for day in range(days):
            count = a_day * (day + 1)
            arms = [_moments(count, int(bought[arm, run, day])) for arm in (1, 0)]
            found = difference(*arms, alpha=ALPHA, planned_count=planned_count, least_count=LEAST_COUNT)
            if not found.low <= 0 <= found.high:
                first = min(first, 2 * count)
            is_misled = is_misled or _differs_by_textbook(*arms)
        firsts.append(first)
        misled += is_misled
    finite = sorted(firsts)
    return Forecast(
        median_visitors=finite[(runs - 1) // 2],
        eight_of_ten_visitors=finite[int(0.8 * runs) - 1],
        told_ratio=sum(first < inf for first in firsts) / runs,
        told_by_textbook_ratio=misled / runs,
        one_look_visitors=one_look(control, treated),
    )


def one_look(control: float, treated: float) -> float:
    """Visitors of both arms for one look: 2 (z_{1−α/2} √(2 p̄ q̄) + z_{0.8} √(p₁q₁ + p₂q₂))² / (p₁ − p₂)².

    Source: Fleiss, Levin & Paik 2003, "Statistical Methods for Rates and Proportions", chapter 4.

    >>> round(one_look(0.10, 0.12))
    7682
    """
    if control == treated:
        return inf
    middle = (control + treated) / 2
    z = NormalDist().inv_cdf
    spread = z(1 - ALPHA / 2) * sqrt(2 * middle * (1 - middle))
    spread += z(POWER) * sqrt(control * (1 - control) + treated * (1 - treated))
    return 2 * spread**2 / (control - treated) ** 2


def _moments(count: int, bought: int) -> Moments:
    return Moments(count, count, bought, count, bought, bought)


def _differs_by_textbook(treated: Moments, control: Moments) -> bool:
    error = sqrt(treated.variance / treated.n + control.variance / control.n)
    return abs(treated.value - control.value) > NormalDist().inv_cdf(1 - ALPHA / 2) * error > 0
