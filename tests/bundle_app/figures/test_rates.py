"""Intervals, held against what their authors computed, and against chance."""

from __future__ import annotations

import random

import pytest

from bundle_app.figures.rates import Rate, difference, growth, rate


def test_nothing_has_no_rate() -> None:
    assert rate(0, 0) is None
    assert difference(rate(1, 2), None) is None
    assert growth(3, 0) is None


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_an_interval_is_that_of_the_literature(part: int, whole: int, low: float, high: float) -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3."""
    found = rate(part, whole)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)],
)
def test_so_is_the_interval_of_a_difference(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe (1998), table II, method 10."""
    found = difference(rate(*one), rate(*other))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_sales_beyond_what_was_seen_have_no_interval() -> None:
    assert rate(3, 2) == Rate(1.5)
    assert difference(rate(3, 2), rate(1, 2)) is None


def test_a_difference_is_beyond_chance_if_its_interval_is_on_one_side_of_nothing() -> None:
    sure, unsure = difference(rate(60, 100), rate(20, 100)), difference(rate(21, 100), rate(20, 100))
    assert sure is not None
    assert sure.is_beyond_chance
    assert unsure is not None
    assert not unsure.is_beyond_chance


def test_of_a_hundred_intervals_about_five_miss() -> None:
    rng, missed = random.Random(1), 0
    for _ in range(1000):
        found = rate(sum(rng.random() < 0.05 for _ in range(400)), 400)
        assert found is not None
        missed += not (found.low or 0) <= 0.05 <= (found.high or 1)
    assert 30 <= missed <= 70
