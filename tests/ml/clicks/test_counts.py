from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks.counts import Counts, counted_once
from bundle_ml.errors import DataError

ONE = np.array([0])


def _of(arm: int = 0, reward: float = 1.0) -> Counts:
    return Counts.of(np.array([arm]), ONE, ONE, np.array([reward]), ONE > 0, is_sale_N=ONE > 0, shape=(2, 1, 1))


def test_a_hundred_clicks_of_one_shopper_on_one_bundle_count_once() -> None:
    everything = np.ones(100, np.bool_)

    counted = counted_once(np.full(100, 7), np.full(100, 3), everything, clicks_a_shopper=10)

    assert np.flatnonzero(counted).tolist() == [0]


def test_a_shopper_who_clicks_everything_counts_so_often() -> None:
    counted = counted_once(np.full(100, 7), np.arange(100), np.ones(100, np.bool_), clicks_a_shopper=10)

    assert np.flatnonzero(counted).tolist() == list(range(10))


def test_what_was_not_clicked_is_not_counted_and_shoppers_do_not_mind_each_other() -> None:
    shoppers, arms = np.array([1, 2, 1, -3]), np.array([5, 5, 5, 5])

    counted = counted_once(shoppers, arms, np.array([False, True, True, True]), clicks_a_shopper=1)

    assert counted.tolist() == [False, True, True, True]
    assert counted_once(ONE[:0], ONE[:0], np.empty(0, np.bool_), clicks_a_shopper=1).tolist() == []


def test_what_cannot_be_summed_says_why() -> None:
    with pytest.raises(DataError, match="Found arm 2; expected 0 to 1. Give each arm a number first"):
        _of(arm=2)
    with pytest.raises(DataError, match=r"Found the reward -1\.0; expected a finite number of 0 or more"):
        _of(reward=-1.0)
