"""Evidence in words."""

from __future__ import annotations

from typing import Any

import pytest

from bundle_app.admin.evidence import confidence_sentence, evidence_rows, rung_label, sentence
from bundle_app.models import Score
from tests.bundle_app.admin.conftest import EVIDENCE
from tests.bundle_app.tutorial_shop import bundle, score, version


def of(rung: str = "blend", anchor: str = "1", **evidence: Any) -> Score:
    return Score(rung=rung, anchor_key=anchor, evidence=evidence, rank=1, score=0.5)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (EVIDENCE, "Bought together in 132 of 18,204 orders; 3.4 times as often as chance."),
        ({"orders": 1, "support": 1}, "Bought together in 1 of 1 order."),
        ({"orders": 2000, "support": 3, "lift": None}, "Bought together in 3 of 2,000 orders."),
        (
            {"orders": 90000, "support": 3, "lift": 1234.56},
            "Bought together in 3 of 90,000 orders; 1,235 times as often as chance.",
        ),
    ],
)
def test_support_and_lift_are_told_in_one_sentence(evidence: dict[str, Any], expected: str) -> None:
    assert sentence(of(**evidence)) == expected


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        ("blend", "Never bought all together yet; the model expects it from what similar orders hold."),
        ("popularity", "Too few orders to say; these sell well in the whole shop."),
        ("a rung of tomorrow", "Never bought all together yet."),
    ],
)
def test_without_support_the_rung_is_the_reason(rung: str, expected: str) -> None:
    assert sentence(of(rung, orders=500, support=0)) == expected
    assert sentence(of(rung)) == expected


def test_confidence_is_told_about_an_anchor_and_never_about_the_whole_shop() -> None:
    assert confidence_sentence(of(confidence=0.3135), "Laptop") == "31% of the orders with Laptop hold the rest too."
    assert confidence_sentence(of(confidence=0.016), "Laptop") == "1.6% of the orders with Laptop hold the rest too."
    assert confidence_sentence(of(anchor="", confidence=0.3), "Whole shop") == ""
    assert confidence_sentence(of(), "Laptop") == ""


def test_a_rung_that_is_not_known_stands_for_itself() -> None:
    assert rung_label("ease") == "Linear model (EASE)"
    assert rung_label("a rung of tomorrow") == "a rung of tomorrow"


def test_rows_name_anchors_by_title_and_picture_the_shares(goods: list[Any]) -> None:
    made, live = bundle(goods[:2]), version()
    scores = [score(made, live, anchor=goods[0], evidence=EVIDENCE), score(made, live, evidence=EVIDENCE)]
    first, second = evidence_rows(made, scores)
    assert (first.anchor, second.anchor) == ("Product 1", "Whole shop")
    assert [(share.label, share.percent) for share in first.shares] == [
        ("Transformer", 46),
        ("Linear model (EASE)", 30),
        ("Bought together", 18),
        ("Popularity", 6),
    ]
    assert first.bar.count("<rect") == 4
    assert len(first.sentences) == 2
    assert len(second.sentences) == 1
