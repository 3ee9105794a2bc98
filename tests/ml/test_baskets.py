from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import UNKNOWN_TIME, baskets_from_pairs, split_by_time
from tests.ml.worlds import baskets_of


def test_duplicate_pairs_are_merged_and_their_quantities_summed() -> None:
    baskets, merged = baskets_from_pairs(
        ("a", "b"),
        np.asarray([0, 0, 0, 2], np.int32),
        np.asarray([1, 0, 1, 0], np.int32),
        np.asarray([2, 1, 3, 1], np.float32),
        ordered_at=np.asarray([10, 20, 30]),
    )

    assert merged == 1
    assert [row.tolist() for row in (baskets[0], baskets[1])] == [[0, 1], [0]]
    assert baskets.quantities.tolist() == [1, 5, 1]
    assert baskets.ordered_at.tolist() == [10, 30]


def test_counts_and_slices_agree_with_counting_by_hand() -> None:
    baskets = baskets_of([[0], [0, 1], [1, 2], [2]], item_count=4)

    assert baskets.order_counts().tolist() == [2, 2, 2, 0]
    assert [row.tolist() for row in (baskets.between(1, 3)[0], baskets.between(1, 3)[1])] == [[0, 1], [1, 2]]
    assert len(baskets.of_several()) == 2
    assert baskets.where(np.asarray([True, False, False, True])).items.tolist() == [0, 2]


def test_slices_that_follow_one_another_are_the_whole_again() -> None:
    baskets = baskets_of([[0], [0, 1], [1, 2], [2]], item_count=4)

    for cut in range(len(baskets) + 1):
        parts = baskets.between(0, cut), baskets.between(cut, len(baskets))
        assert parts[0].followed_by(parts[1]).fingerprint() == baskets.fingerprint()


def test_a_basket_of_a_half_life_ago_weighs_half() -> None:
    baskets = baskets_of([[0], [0], [0]], item_count=1, days_apart=30)

    assert baskets.recency(30).tolist() == pytest.approx([0.25, 0.5, 1.0])


def test_baskets_without_a_time_weigh_one() -> None:
    baskets = baskets_of([[0], [0]], item_count=1)
    baskets.ordered_at[0] = UNKNOWN_TIME

    assert baskets.recency(30).tolist() == [1, 1]
    baskets.ordered_at[1] = UNKNOWN_TIME
    assert baskets.recency(30).tolist() == [1, 1]


def test_the_last_baskets_in_time_are_held_out() -> None:
    baskets = baskets_of([[0, 1]] * 7 + [[0]] + [[1, 2]] * 3, item_count=3)

    split = split_by_time(baskets, validation_ratio=0.1, test_ratio=0.2)

    assert [len(part) for part in (split.train, split.validation, split.test)] == [8, 1, 2]
    assert split.test.ordered_at.min() > split.validation.ordered_at.max() > split.train.ordered_at.max()


@pytest.mark.parametrize("rows", [[], [[0]], [[0, 1]]])
def test_a_shop_too_small_to_hold_out_keeps_all_for_training(rows: list[list[int]]) -> None:
    split = split_by_time(baskets_of(rows, item_count=2), validation_ratio=0.1, test_ratio=0.1)

    assert [len(part) for part in (split.train, split.validation, split.test)] == [len(rows), 0, 0]


def test_the_fingerprint_changes_with_any_basket() -> None:
    same = [baskets_of([[0, 1], [1, 2]], item_count=3).fingerprint() for _ in range(2)]

    assert same[0] == same[1] != baskets_of([[0, 1], [0, 2]], item_count=3).fingerprint()
