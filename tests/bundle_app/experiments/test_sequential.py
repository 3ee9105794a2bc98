"""The statistics by hand, and by simulation: whoever looks every day is misled no more often than is said."""

from __future__ import annotations

from math import comb, inf, log, sqrt
from statistics import NormalDist, mean, variance

import numpy as np
import pytest

from bundle_app.engine import half_width
from bundle_app.experiments.sequential import Interval, Moments, difference, split_evidence

ALPHA = 0.05


def fixed_sample(treated: Moments, control: Moments) -> Interval:
    """The interval of a textbook, for one look at a size that was chosen beforehand."""
    estimate = treated.value - control.value
    error = sqrt(treated.variance / treated.n + control.variance / control.n)
    around = NormalDist().inv_cdf(1 - ALPHA / 2) * error
    return Interval(estimate, estimate - around, estimate + around)


def always_valid(treated: Moments, control: Moments) -> Interval:
    return difference(treated, control, alpha=ALPHA, planned_count=10_000, least_count=100)


class TestMoments:
    def test_a_figure_per_visitor_is_a_mean_with_its_variance(self) -> None:
        paid = [0.0, 0.0, 12.5, 40.0, 7.5]
        moments = Moments.of(paid)
        assert moments.value == pytest.approx(mean(paid))
        assert moments.variance == pytest.approx(variance(paid))

    def test_a_ratio_is_linearised_over_visitors(self) -> None:
        clicks, seen = [1, 0, 2], [2, 3, 5]
        moments = Moments.of(clicks, seen)
        assert moments.value == pytest.approx(3 / 10)
        # Residuals 1 - .3·2 = .4, -.9, .5, over the mean of what was seen, 10/3.
        assert moments.variance == pytest.approx((0.16 + 0.81 + 0.25) / 2 / (10 / 3) ** 2)

    def test_sums_of_two_days_are_those_of_both(self) -> None:
        assert Moments.of([1, 2], [3, 4]) + Moments.of([5], [6]) == Moments.of([1, 2, 5], [3, 4, 6])

    def test_nothing_yet_is_nothing(self) -> None:
        assert (Moments().value, Moments().variance, Moments.of([3]).variance) == (0.0, 0.0, 0.0)

    def test_the_error_of_a_ratio_is_that_of_the_simulated_ratio(self) -> None:
        rng = np.random.default_rng(5)
        ratios, told = [], []
        for _ in range(2_000):
            seen = rng.integers(1, 9, 200)
            clicks = rng.binomial(seen, rng.beta(2, 8, 200))  # Each visitor has a liking of their own.
            moments = Moments(200, *map(float, (seen.sum(), clicks.sum(), seen @ seen, seen @ clicks, clicks @ clicks)))
            ratios.append(moments.value)
            told.append(moments.variance / 200)
        assert np.mean(told) == pytest.approx(np.var(ratios), rel=0.07)


class TestTheInterval:
    def test_its_width_is_the_formula(self) -> None:
        # σ · sqrt(2 (tρ² + 1) / (t²ρ²) · log(sqrt(tρ² + 1) / α)) with ρ² = (−2 log α + log(1 − 2 log α)) / t*
        squared = (-2 * log(0.05) + log(1 - 2 * log(0.05))) / 300
        expected = 2 * sqrt(2 * (100 * squared + 1) / (100**2 * squared) * log(sqrt(100 * squared + 1) / 0.05))
        assert half_width(2.0, 100, narrowest_at=300, error_ratio=0.05) == pytest.approx(expected)

    def test_it_is_nearly_the_narrowest_at_the_planned_size(self) -> None:
        planned = half_width(1.0, 5_000, narrowest_at=5_000, error_ratio=ALPHA)
        others = [half_width(1.0, 5_000, narrowest_at=count, error_ratio=ALPHA) for count in range(500, 50_000, 250)]
        assert planned < 1.001 * min(others)

    def test_it_is_wider_than_that_of_one_look(self) -> None:
        treated, control = Moments.of([0, 1] * 500), Moments.of([0, 0, 0, 1] * 250)
        once, always = fixed_sample(treated, control), always_valid(treated, control)
        assert always.estimate == once.estimate == 0.25
        assert 1.2 < (always.high - always.low) / (once.high - once.low) < 2.5

    def test_the_difference_s_variance_is_that_of_both_arms_added(self) -> None:
        treated, control = Moments.of([0, 2] * 300), Moments.of([0, 0, 1] * 100)
        found = difference(treated, control, alpha=ALPHA, planned_count=900, least_count=100, control_factor=0.9)
        error = treated.variance / 600 + 0.81 * control.variance / 300
        assert found.estimate == pytest.approx(1 - 0.9 / 3)
        expected = half_width(sqrt(900 * error), 900, narrowest_at=900, error_ratio=ALPHA)
        assert (found.high - found.low) / 2 == pytest.approx(expected)

    @pytest.mark.parametrize("ones", [0, 99])
    def test_too_few_visitors_have_no_bounds(self, ones: int) -> None:
        found = always_valid(Moments.of([1] * ones + [0] * (99 - ones)), Moments.of([0, 1] * 200))
        assert (found.low, found.high, found.is_known) == (-inf, inf, False)

    def test_an_arm_in_which_all_did_the_same_has_no_bounds(self) -> None:
        assert not always_valid(Moments.of([0] * 400), Moments.of([0, 1] * 200)).is_known

    def test_whoever_looks_every_day_is_misled_in_at_most_one_run_of_twenty(self) -> None:
        """No effect, 60 days of 300 visitors of whom 4 in 100 buy: every day the experiment may be stopped."""
        rng = np.random.default_rng(1)
        runs, days, a_day = 1_000, 60, 150
        runs_of_bought = rng.binomial(a_day, 0.04, (runs, 2, days)).cumsum(axis=2)
        misled = {fixed_sample: 0, always_valid: 0}
        for bought_by_day in runs_of_bought:
            for interval in misled:
                misled[interval] += any(
                    not found.low <= 0 <= found.high
                    for n, bought_so_far in zip(range(a_day, a_day * days + 1, a_day), bought_by_day.T, strict=True)
                    for found in [interval(*(Moments(n, n, y, n, y, y) for y in map(float, bought_so_far)))]
                )
        assert misled[always_valid] <= 0.05 * runs
        assert misled[fixed_sample] >= 0.2 * runs

    def test_so_it_is_with_revenue_and_with_clicks_over_impressions(self) -> None:
        rng = np.random.default_rng(2)
        runs, days, a_day = 400, 30, 200
        misled = {"revenue": 0, "ratio": 0}
        for _ in range(runs):
            shape = (2, days, a_day)
            revenue = (rng.random(shape) < 0.05) * rng.lognormal(3, 1, shape)
            seen = rng.geometric(0.3, shape).astype(float)
            clicks = rng.binomial(seen.astype(int), rng.beta(1, 12, shape)).astype(float)
            for name, y, x in [("revenue", revenue, np.ones(shape)), ("ratio", clicks, seen)]:
                sums = [each.sum(axis=2).cumsum(axis=1) for each in (x, y, x * x, x * y, y * y)]
                misled[name] += any(
                    not found.low <= 0 <= found.high
                    for day in range(days)
                    for found in [
                        always_valid(
                            *(Moments((day + 1) * a_day, *(float(each[arm, day]) for each in sums)) for arm in (0, 1))
                        )
                    ]
                )
        assert misled["revenue"] <= 0.05 * runs
        assert misled["ratio"] <= 0.05 * runs

    def test_a_real_effect_is_found(self) -> None:
        rng = np.random.default_rng(3)
        found = 0
        for _ in range(200):
            bought = rng.binomial([5_000, 5_000], [0.05, 0.07])
            treated, control = (Moments(5_000, 5_000, y, 5_000, y, y) for y in map(float, bought[::-1]))
            found += always_valid(treated, control).low > 0
        assert found >= 0.8 * 200


class TestTheSplit:
    def test_the_evidence_is_the_mixture_s_likelihood_over_that_of_the_split(self) -> None:
        # Of a uniform prior over two arms the likelihood of 3 and 1 is B(4, 2) = 1/20.
        assert split_evidence([3, 1], [1, 1], concentrations=[2.0]) == pytest.approx(2**4 / 20)

    def test_its_mean_under_the_split_is_one(self) -> None:
        likely = [comb(12, k) * 0.25**k * 0.75 ** (12 - k) for k in range(13)]
        assert sum(p * split_evidence([k, 12 - k], [1, 3]) for k, p in enumerate(likely)) == pytest.approx(1)

    def test_before_anybody_came_there_is_no_evidence(self) -> None:
        assert split_evidence([0, 0, 0], [1, 2, 3]) == pytest.approx(1)

    @pytest.mark.parametrize("counts", [[50, 0], [5_300, 4_700], [50_800, 49_200]])
    def test_a_split_that_is_off_is_found(self, counts: list[int]) -> None:
        assert split_evidence(counts, [1, 1]) > 100

    def test_a_split_beyond_all_doubt_does_not_overflow(self) -> None:
        assert split_evidence([1_000_000, 1], [1, 1]) == inf

    def test_the_asked_for_split_is_refused_in_few_runs_though_it_is_looked_at_every_day(self) -> None:
        rng = np.random.default_rng(4)
        firsts = rng.binomial(200, 0.25, (1_000, 60)).cumsum(axis=1)
        refused = sum(
            any(split_evidence([int(a), 200 * (day + 1) - int(a)], [1, 3]) >= 100 for day, a in enumerate(first))
            for first in firsts
        )
        assert refused <= 0.01 * 1_000


def test_a_scaled_interval_keeps_its_proportions() -> None:
    assert Interval(2.0, 1.0, 4.0).scaled(0.5) == Interval(1.0, 0.5, 2.0)
