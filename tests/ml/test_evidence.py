from __future__ import annotations

import pytest

from bundle_ml.evidence import Postings, gather_evidence
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1, 2], [0, 1], [0], [1, 2], [2]], item_count=4)
POSTINGS = Postings.of(BASKETS, item_count=6)


@pytest.mark.parametrize(
    ("items", "support"), [([0], 3), ([0, 1], 2), ([0, 1, 2], 1), ([0, 2], 1), ([3], 0), ([0, 3], 0), ([5, 0], 0)]
)
def test_support_counts_the_orders_that_hold_all(items: list[int], support: int) -> None:
    assert POSTINGS.support(items) == support


def test_evidence_agrees_with_counting_by_hand() -> None:
    evidence = gather_evidence(POSTINGS, "abcdef", [0, 1, 2], {"popularity": 1.0})

    assert (evidence.orders, evidence.support, evidence.anchor_orders, evidence.rest_orders) == (5, 1, 3, 2)
    assert evidence.confidence == pytest.approx(1 / 3, abs=1e-6)
    assert evidence.lift == pytest.approx((1 / 3) / (2 / 5), abs=1e-4)
    assert evidence.parts == {"b": {"together": 2}, "c": {"together": 1}}


def test_what_was_never_sold_has_no_confidence_and_no_lift() -> None:
    assert gather_evidence(POSTINGS, "abcdef", [5, 0], {}).confidence is None
    assert gather_evidence(POSTINGS, "abcdef", [0, 5], {}).lift is None
    assert gather_evidence(POSTINGS, "abcdef", [0, 5], {}).confidence == 0.0
