from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.bootstrap import BasketDraws, interval


def _interval(values: list[float]) -> tuple[float, float]:
    column = np.asarray(values)[:, None]
    return interval(BasketDraws.of(len(values), samples=300, seed=0).means(column, np.arange(len(values)))[:, 0])


def test_the_interval_holds_the_mean_and_narrows_with_more_baskets() -> None:
    random = np.random.default_rng(1)
    few, many = random.random(50), random.random(5000)

    low, high = _interval(few.tolist())
    narrow_low, narrow_high = _interval(many.tolist())

    assert low < few.mean() < high
    assert narrow_high - narrow_low < (high - low) / 5


def test_the_interval_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(2).random(2000)

    low, high = _interval(values.tolist())

    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(len(values)), rel=0.15)


def test_only_counted_cases_are_averaged() -> None:
    values, counted = np.asarray([[1.0], [5.0], [3.0]]), np.asarray([[True], [False], [True]])

    means = BasketDraws.of(3, samples=200, seed=0).means(values, np.arange(3), counted)

    assert set(means.ravel().tolist()) <= {0.0, 1.0, 3.0, 2.0, 5 / 3, 7 / 3}
    assert means.max() == 3.0
