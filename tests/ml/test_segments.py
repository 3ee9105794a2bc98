from __future__ import annotations

import numpy as np

from bundle_ml.cases import cases_by_context_size, rows_asked
from bundle_ml.segments import earlier_baskets, segments_of
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1], [2, 3], [0, 4], [0, 1, 2, 3, 4], [0, 1, 2, 5, 6]], item_count=10)
COUNTS = np.asarray([90, 80, 5, 4, 3, 2, 1, 0, 0, 0])


def test_every_case_is_of_one_segment_of_each_kind() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=10)

    for size, masks in segments_of(cases, COUNTS).items():
        for one, other in (("common_items", "rare_items"), ("small_baskets", "large_baskets")):
            assert len(masks[one]) == len(cases[size])
            assert (masks[one] ^ masks[other]).all()


def test_the_fifth_of_the_items_with_most_orders_is_common() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=10)

    for size, masks in segments_of(cases, COUNTS).items():
        assert masks["common_items"].tolist() == [target in {0, 1} for target in cases[size].targets.tolist()]


def test_a_basket_is_large_above_the_median_at_every_context_size() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=10)

    segments = segments_of(cases, COUNTS)

    assert [segments[size]["large_baskets"].tolist() for size in ("1", "all_but_one")] == [[False] * 3 + [True] * 2] * 2
    assert segments["4"]["large_baskets"].tolist() == [True, True]


def test_a_shopper_with_a_basket_before_the_slice_returns_and_nobody_is_neither() -> None:
    rows = [[0, 1], [2, 3], [0, 4], [0, 1, 2, 3, 4], [5], [1, 2]]
    baskets = baskets_of(rows, item_count=10, shoppers=[7, 3, -1, 3, 0, -1])
    before, held_out = baskets.between(0, 2), baskets.between(2, 6)
    cases = cases_by_context_size(held_out, seed=0, limit=10)

    earlier_N = earlier_baskets(before, held_out)

    assert earlier_N is not None
    assert earlier_N.tolist() == [-1, 1, 0, -1]
    segments = segments_of(cases, COUNTS, earlier_N[rows_asked(held_out, seed=0, limit=10)])
    assert segments["1"]["returning_shoppers"].tolist() == [False, True, False]
    assert segments["4"]["returning_shoppers"].tolist() == [True]
    assert not segments["1"]["new_shoppers"].any(), "the basket of the new shopper holds one item and asks nothing"


def test_where_no_shopper_is_known_none_is_new() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=10)

    assert earlier_baskets(BASKETS, BASKETS) is None
    assert "new_shoppers" not in segments_of(cases, COUNTS)["1"]


def test_rows_asked_are_those_of_the_cases() -> None:
    baskets = baskets_of([[number, number + 1] for number in range(20)], item_count=21)

    rows = rows_asked(baskets, seed=3, limit=5)

    cases = cases_by_context_size(baskets, seed=3, limit=5)["1"]
    assert len(rows) == 5
    for row, target in zip(rows.tolist(), cases.targets.tolist(), strict=True):
        assert target in baskets[row]
