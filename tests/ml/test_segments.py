from __future__ import annotations

import numpy as np

from bundle_ml.cases import cases_by_context_size
from bundle_ml.segments import segments_of
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
