"""Evidence in words."""

from __future__ import annotations

from typing import Any

import pytest

from bundle_app.admin.evidence import (
    brought_rows,
    confidence_sentence,
    evidence_rows,
    quantities_sentence,
    rung_label,
    sentence,
    template_sentence,
)
from bundle_app.models import Score
from bundle_app.models.score import context_key
from tests.bundle_app.admin.conftest import EVIDENCE
from tests.bundle_app.tutorial_shop import bundle, score, version


def of(rung: str = "blend", anchor: str = "1", **evidence: Any) -> Score:
    return Score(rung=rung, anchor_key=anchor, evidence=evidence, rank=1, score=0.5)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (EVIDENCE, "Bought together in 132 of 18,204 orders; 3.4 times as often as chance."),
        ({"orders": 2000, "support": 5, "lift": None}, "Bought together in 5 of 2,000 orders."),
        ({"orders": 14, "support": 9}, "Bought together in 9 of 14 orders."),
        ({"support": 9}, "Bought together in 9 orders."),
        (
            {"orders": 90000, "support": 5, "anchor_orders": 14, "rest_orders": 10, "lift": 1234.56},
            "Bought together in 5 of 90,000 orders; 1,235 times as often as chance.",
        ),
    ],
)
def test_support_and_lift_are_told_in_one_sentence(evidence: dict[str, Any], expected: str) -> None:
    assert sentence(of(**evidence)) == expected


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        ("blend", " The model expects it from what similar orders hold."),
        ("popularity", " These sell well in the whole shop."),
        ("a rung of tomorrow", ""),
    ],
)
@pytest.mark.parametrize("support", [0, 1, 4, None])
def test_below_the_threshold_the_rung_is_the_reason_and_no_count_makes_a_difference(
    rung: str, expected: str, support: int | None
) -> None:
    assert sentence(of(rung, orders=500, support=support, anchor_orders=40, confidence=0.1, lift=2.0)) == (
        f"Bought all together in fewer than 5 orders.{expected}"
    )


def test_where_few_orders_hold_anything_else_the_bundle_is_neither_counted_nor_called_rare() -> None:
    assert sentence(of("", orders=11, support=9)) == "Too few orders to say how many hold all of it."


def test_with_a_threshold_of_one_only_what_was_never_bought_is_not_counted(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "K_ANONYMITY": 1}
    assert sentence(of("", orders=9, support=1)) == "Bought together in 1 of 9 orders."
    assert sentence(of("", orders=9, support=0)) == "Never bought all together yet."


def test_confidence_is_told_about_an_anchor_and_never_about_the_whole_shop() -> None:
    assert confidence_sentence(of(**EVIDENCE), "Laptop") == "31% of the orders with Laptop hold the rest too."
    rare = {**EVIDENCE, "anchor_orders": 8250, "confidence": 0.016}
    assert confidence_sentence(of(**rare), "Laptop") == "1.6% of the orders with Laptop hold the rest too."
    assert confidence_sentence(of(anchor="", **EVIDENCE), "Whole shop") == ""
    assert confidence_sentence(of(), "Laptop") == ""


@pytest.mark.parametrize(("support", "anchor_orders"), [(4, 8), (0, 40), (132, 134), (3, 3)])
def test_no_share_of_the_orders_tells_a_small_count(support: int, anchor_orders: int) -> None:
    small = {**EVIDENCE, "support": support, "anchor_orders": anchor_orders, "confidence": support / anchor_orders}
    assert confidence_sentence(of(**small), "Laptop") == ""


def test_quantities_and_categories_are_told_by_their_orders() -> None:
    template = {"categories": ["Mugs", "Spoons"], "orders": 400, "lift": 2.5}
    told = of(in_these_quantities=40, template=template, **EVIDENCE)
    assert quantities_sentence(told) == ("In 40 of these orders the quantities are those of the bundle, or a multiple.")
    assert template_sentence(told) == "400 orders hold something of both Mugs and Spoons."


@pytest.mark.parametrize("count", [4, 130])
def test_few_orders_in_these_quantities_or_few_in_others_are_not_told(count: int) -> None:
    assert quantities_sentence(of(**EVIDENCE, in_these_quantities=count)) == ""


@pytest.mark.parametrize("count", [4, 133])
def test_few_orders_of_two_categories_or_few_beside_the_bundle_are_not_told(count: int) -> None:
    template = {"categories": ["Mugs", "Spoons"], "orders": count, "lift": 2.5}
    assert template_sentence(of(**EVIDENCE, template=template)) == ""


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


@pytest.mark.django_db
def test_a_context_is_told_by_the_titles_of_what_is_in_hand(settings: Any, goods: list[Any]) -> None:
    made = bundle(goods[:3])
    keys = [str(each.pk) for each in goods[:2]]
    evidence = {"context": keys, "orders": 900, "support": 30, "anchor_orders": 120, "confidence": 0.25}
    rated = score(made, version(), anchor_key=context_key(keys), evidence=evidence)

    (row,) = evidence_rows(made, [rated])

    assert row.anchor == "Cart with Product 1 + Product 2"
    assert row.sentences[-1] == "25% of the orders with Product 1 + Product 2 hold the rest too."


def influence(goods: list[Any]) -> dict[str, dict[str, float]]:
    """The first brings 3 and 1, the second 1 and 0, the third speaks against both."""
    one, two, three = (str(each.pk) for each in goods[:3])
    return {two: {one: 1.0, three: 0.0}, one: {two: 1.0, three: 3.0}, three: {one: -0.5, two: -0.5}}


def test_what_each_part_brings_is_a_share_with_a_picture_the_most_first(goods: list[Any]) -> None:
    made = bundle(goods[:3])
    scores = [score(made, version(), evidence={**EVIDENCE, "influence": influence(goods)})]
    rows = brought_rows(made, scores)
    assert [(row.title, row.percent, row.most_to) for row in rows] == [
        ("Product 1", 80, "Product 3"),
        ("Product 2", 20, "Product 1"),
        ("Product 3", 0, ""),
    ]
    assert "<title>Product 1 80%</title>" in rows[0].bar
    assert 'width="160.0"' in rows[0].bar


@pytest.mark.parametrize("found", [{}, None, {"1": None}, {"1": {"2": "much"}}, {"1": {"2": -1.0}}, {"9": {"8": 1.0}}])
def test_where_nothing_was_measured_nothing_is_shown(goods: list[Any], found: Any) -> None:
    made = bundle(goods[:2])
    assert brought_rows(made, [score(made, version(), evidence={**EVIDENCE, "influence": found})]) == []
