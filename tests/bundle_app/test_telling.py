"""What is kept back of the evidence: no count below the threshold, and nothing from which one follows."""

from __future__ import annotations

import random
from dataclasses import asdict
from itertools import combinations
from typing import Any

import pytest

from bundle_app.telling import Told, brings, leading, most_brought_to, tell

ENOUGH: dict[str, Any] = {
    "orders": 18204,
    "support": 132,
    "anchor_orders": 421,
    "rest_orders": 1674,
    "confidence": 0.3135,
    "lift": 3.41,
    "in_these_quantities": 60,
    "template": {"categories": ["Mugs", "Spoons"], "orders": 900, "lift": 2.0},
    "parts": {"b": {"together": 200}, "c": {"together": 140}},
}


def told(**changes: Any) -> Told:
    return tell({**ENOUGH, **changes}, threshold=5)


def test_what_many_orders_hold_is_told_as_it_is() -> None:
    found = told()
    assert (found.orders, found.support, found.anchor_orders) == (18204, 132, 421)
    assert (found.confidence, found.lift) == (0.3135, 3.41)
    assert (found.in_these_quantities, found.template_orders) == (60, 900)
    assert found.partners == ("b", "c")


@pytest.mark.parametrize("support", [0, 1, 2, 3, 4])
def test_below_the_threshold_all_counts_look_alike(support: int) -> None:
    quantities = min(support, 2)
    found = told(support=support, in_these_quantities=quantities, confidence=support / 421, lift=support / 10)
    assert asdict(found) == asdict(told(support=0, in_these_quantities=0, confidence=0.0, lift=0.0))
    assert (found.support, found.confidence, found.lift, found.in_these_quantities) == (None, None, None, None)


def test_what_is_not_told_is_not_told_by_a_ratio_beside_its_parts() -> None:
    assert told(support=4, confidence=4 / 421).confidence is None
    assert told(anchor_orders=134, confidence=132 / 134).confidence is None
    assert told(rest_orders=135).lift is None
    assert told(rest_orders=None).lift is None


@pytest.mark.parametrize(
    ("changes", "kept_back"),
    [
        ({"anchor_orders": 136}, "anchor_orders"),  # four orders hold the anchor without the rest
        ({"anchor_orders": 132}, "anchor_orders"),  # none does, which is fewer than five, too
        ({"anchor_orders": 18200}, "anchor_orders"),  # four orders hold no anchor
        ({"orders": 135, "anchor_orders": 0}, "support"),
        ({"in_these_quantities": 128}, "in_these_quantities"),
        ({"template": {"orders": 136}}, "template_orders"),
    ],
)
def test_of_two_counts_that_differ_by_few_orders_one_is_kept_back(changes: dict[str, Any], kept_back: str) -> None:
    assert getattr(told(**changes), kept_back) is None


def test_no_small_count_follows_from_what_is_told_of_random_shops() -> None:
    """Orders are laid into one another at random; whatever is told of one and of a larger one differs by enough."""
    chance = random.Random(7)
    seen = 0
    for _ in range(5000):
        threshold = chance.randint(1, 8)
        orders = chance.randint(0, 60)
        anchor, rest = chance.randint(0, orders), chance.randint(0, orders)
        support = chance.randint(max(anchor + rest - orders, 0), min(anchor, rest))
        evidence = {
            "orders": orders,
            "support": support,
            "anchor_orders": anchor,
            "rest_orders": rest,
            "confidence": support / anchor if anchor else None,
            "lift": support * orders / (anchor * rest) if anchor and rest else None,
            "in_these_quantities": chance.randint(0, support),
        }
        found = tell(evidence, threshold=threshold)
        counts = [found.in_these_quantities, found.support, found.anchor_orders, found.orders]
        if found.lift is not None:
            assert None not in counts[1:]
            assert all(abs(rest - each) >= threshold for each in (found.support, found.orders) if each is not None)
        if found.confidence is not None:
            assert None not in counts[1:3]
        known = [count for count in counts if count is not None]
        assert all(count >= threshold for count in known)
        assert all(abs(one - other) >= threshold for one, other in combinations(known, 2))
        seen += len(known)
    assert seen > 5000


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"support": "132", "orders": None, "confidence": "1", "lift": float("nan"), "parts": 7, "template": []},
        {"support": True, "parts": {"b": None, "c": {"together": None}}, "template": {"categories": None}},
    ],
)
def test_evidence_of_another_shape_is_no_evidence(evidence: dict[str, Any]) -> None:
    assert asdict(tell(evidence, threshold=1)) == asdict(tell({}, threshold=1))


def test_a_partner_in_few_orders_is_not_named_and_the_most_frequent_comes_first() -> None:
    parts = {"b": {"together": 5}, "c": {"together": 4}, "d": {"together": 9}}
    assert told(parts=parts).partners == ("d", "b")


def test_what_speaks_against_leads_nothing() -> None:
    evidence = {"influence": {"a": {"b": -1.0, "c": 0.25}, "b": {"a": 0.0}}}
    assert brings(evidence) == {"b": 0.0, "a": -0.75}
    assert leading(evidence) == ""
    assert (most_brought_to(evidence, "a"), most_brought_to(evidence, "b")) == ("c", "")
