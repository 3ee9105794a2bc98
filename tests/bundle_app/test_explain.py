"""Evidence in words: nothing is told that the evidence does not hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override

from bundle_app.explain import money, why

TITLES = {"a": "Laptop", "b": "Mouse", "c": "Bag"}


def said(evidence: dict[str, Any], *, rung: str = "blend", anchor_key: str = "a") -> str:
    return why(evidence, rung=rung, anchor_key=anchor_key, titles=TITLES)


@pytest.mark.parametrize(
    ("support", "sentence"),
    [
        (132, "Bought together in 132 orders"),
        (5, "Bought together in 5 orders"),
        (12345, "Bought together in 12,345 orders"),
        (4, "Chosen to go well together"),
        (0, "Chosen to go well together"),
        (None, "Chosen to go well together"),
        ("132", "Chosen to go well together"),
    ],
)
def test_orders_are_counted_from_the_privacy_threshold_on(support: Any, sentence: str) -> None:
    assert said({"support": support}) == sentence


def test_the_threshold_is_a_setting_and_one_order_is_singular(settings: Any) -> None:
    settings.BUNDLE_APP = {"K_ANONYMITY": 1}
    assert said({"support": 1}) == "Bought together in 1 order"


def test_where_the_whole_was_seldom_bought_the_best_partner_is_named() -> None:
    evidence = {"support": 2, "parts": {"b": {"together": 9}, "c": {"together": 40}}}
    assert said(evidence) == "Customers who bought Laptop also bought Bag"


def test_a_partner_below_the_threshold_is_not_named() -> None:
    assert said({"support": 2, "parts": {"b": {"together": 4}}}) == "Chosen to go well together"


@pytest.mark.parametrize(
    ("support", "anchor_orders", "sentence"),
    [
        (132, 421, "Bought together in 132 orders, 31% of those with Laptop"),
        (132, 2000, "Bought together in 132 orders"),  # 6.6 % is no argument
        (132, 134, "Bought together in 132 orders"),  # two orders hold a laptop alone
        (4, 8, "Chosen to go well together"),
    ],
)
def test_the_share_of_the_anchors_orders_is_told_where_it_says_much_and_nothing_of_few(
    support: int, anchor_orders: int, sentence: str
) -> None:
    ratio = support / anchor_orders
    evidence = {"orders": 9000, "support": support, "anchor_orders": anchor_orders, "confidence": ratio}
    assert said(evidence) == sentence


def test_the_share_is_told_of_a_product_and_not_of_the_whole_shop() -> None:
    evidence = {"orders": 9000, "support": 132, "anchor_orders": 421, "confidence": 0.31}
    assert said(evidence, anchor_key="") == "Bought together in 132 orders"


def test_where_too_few_bought_any_of_it_the_part_is_named_that_brings_most() -> None:
    evidence = {"influence": {"b": {"a": 1.0, "c": 0.5}, "c": {"a": 2.0, "b": 1.5}, "a": {"b": -1.0}}}
    assert said(evidence) == "Chosen to go well with Bag"
    assert said({"influence": {"x": {"a": 1.0}}}) == "Chosen to go well together"
    assert said({"influence": {"a": {"b": -1.0}}}) == "Chosen to go well together"


def test_no_partner_is_named_for_the_whole_shop() -> None:
    evidence = {"orders": 100, "parts": {"b": {"together": 9}}}
    assert said(evidence, anchor_key="", rung="popularity") == "Popular in this shop"


def test_the_category_is_named_where_it_is_known() -> None:
    assert said({"orders": 100, "category": "Audio"}, rung="category") == "Popular in Audio"
    assert said({"orders": 100}, rung="category") == "Popular in the same category"


@pytest.mark.parametrize("rung", ["category", "popularity"])
def test_nothing_is_called_popular_in_a_shop_that_has_hardly_sold(rung: str) -> None:
    assert said({"orders": 4}, rung=rung) == "Chosen to go well together"


def test_a_bundle_made_by_hand_says_so() -> None:
    assert said({}, rung="") == "Put together by our team"


@pytest.mark.parametrize(
    "evidence",
    [{"parts": None}, {"parts": {"b": None}}, {"parts": {"b": 7}}, {"parts": {"b": {"together": None}}}, {}],
)
def test_evidence_of_another_shape_is_no_evidence(evidence: dict[str, Any]) -> None:
    assert said(evidence) == "Chosen to go well together"


@pytest.mark.parametrize(
    ("language", "amount", "currency", "written"),
    [
        ("en", "1234.5", "USD", "$1,234.50"),
        ("en", "0.005", "EUR", "€0.01"),
        ("en", "1234", "JPY", "¥1,234"),
        ("en", "1.2345", "KWD", "KWD\xa01.235"),
        ("de", "1234.5", "EUR", "1.234,50\xa0€"),
        ("de", "5", "CHF", "5,00\xa0CHF"),
        ("zh-hans", "88", "CNY", "¥88.00"),
    ],
)
def test_money_is_written_as_the_language_writes_it(language: str, amount: str, currency: str, written: str) -> None:
    with override(language):
        assert money(Decimal(amount), currency) == written
