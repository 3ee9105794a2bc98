from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.bootstrap import BasketDraws
from bundle_ml.whole_baskets import gains_of, mark_lists, repeats
from tests.ml.worlds import baskets_of


def test_gains_equal_those_computed_by_hand() -> None:
    nexts = baskets_of([[0, 1, 2], [3]], 20, shoppers=[0, 1])
    lists = np.asarray([[5, 0, 6, 2], [7, 8, 9, -1]], np.int32)
    is_repeat = np.asarray([True, False, False, False])

    whole, counted = gains_of(lists, nexts)
    of_repeats, with_repeats = gains_of(lists, nexts, is_repeat)

    highest = 1 + 1 / np.log2(3) + 1 / 2
    found = 1 / np.log2(3) + 1 / np.log2(5)
    np.testing.assert_allclose(whole, [[found / highest, 2 / 3, 2 / 3, 1 / 2], [0, 0, 0, 0]])
    np.testing.assert_allclose(of_repeats[0], [1 / np.log2(3), 1, 1, 1 / 2])
    assert counted.tolist() == [True, True]
    assert with_repeats.tolist() == [True, False]


def test_a_repeat_is_what_the_same_shopper_bought_before() -> None:
    before = baskets_of([[0], [1], [2]], 4, shoppers=[0, 1, 0])
    nexts = baskets_of([[0, 1, 3], [0, 1]], 4, shoppers=[0, 1])

    assert repeats(before, nexts).tolist() == [True, False, False, False, True]


def test_repeats_and_what_is_new_are_marked_apart() -> None:
    nexts = baskets_of([[0, 1], [2]], 4, shoppers=[0, 1])
    lists = np.asarray([[0, 3], [3, 1]], np.int32)

    found = mark_lists(lists, nexts, np.asarray([True, False, True]), draws=BasketDraws.of(2, samples=50, seed=0))

    recalls = {name: (mark["recall_at_10"], mark["cases"]) for name, mark in found.marks.items()}
    assert recalls == {"mean": (0.25, 2), "repeat": (0.5, 2), "new": (0.0, 1)}
    assert found.marks["repeat"]["ndcg_at_10_low"] == 0.0
    assert found.marks["repeat"]["ndcg_at_10_high"] == pytest.approx(1.0)
