"""A rule as the database sees it: each kind has what it needs and nothing else."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import override

from bundle_app.models import Rule
from bundle_app.models.rule import NEEDS, NUMBERS, TEXTS

pytestmark = pytest.mark.django_db

COMPLETE: dict[str, dict[str, Any]] = {
    "pin": {"item_key": "a"},
    "exclude": {"item_key": "a"},
    "require": {"other_item_key": "b"},
    "price_band": {"lowest_price": Decimal(5), "currency": "EUR"},
    "margin_floor": {"margin_percent": Decimal(20)},
    "stock_floor": {"stock_count": 3},
    "segment": {"segment": "trade"},
    "placement": {"placement": "cart"},
}
FILLED: dict[str, Any] = {
    **dict.fromkeys(TEXTS, "x"),
    "currency": "EUR",
    "lowest_price": Decimal(1),
    "highest_price": Decimal(9),
    "margin_percent": Decimal(10),
    "stock_count": 2,
}


def refused(**fields: Any) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Rule.objects.create(**fields)
    return str(caught.value)


def test_every_kind_is_known_here() -> None:
    assert set(COMPLETE) == set(NEEDS) == set(Rule.Kind.values)


@pytest.mark.parametrize("kind", sorted(NEEDS))
def test_a_kind_with_what_it_needs_is_kept_and_without_is_refused(kind: str) -> None:
    Rule.objects.create(kind=kind, **COMPLETE[kind])
    for name in COMPLETE[kind]:
        lacking = {key: value for key, value in COMPLETE[kind].items() if key != name}
        assert "rule_has_what_its_kind_needs" in refused(kind=kind, **lacking)


@pytest.mark.parametrize("kind", sorted(NEEDS))
def test_a_kind_with_a_field_that_it_does_not_use_is_refused(kind: str) -> None:
    unused = [name for name in (*TEXTS, *NUMBERS) if name not in NEEDS[kind].used]
    assert unused
    for name in unused:
        assert "rule_has_what_its_kind_needs" in refused(kind=kind, **COMPLETE[kind], **{name: FILLED[name]})


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "exclude", "item_key": "a", "category": "b"}, "rule_product_or_category"),
        ({"kind": "require", "other_item_key": "a", "other_category": "b"}, "rule_product_or_category"),
        ({"kind": "exclude", "item_key": "a", "other_item_key": "a"}, "rule_pair_of_two_products"),
        (
            {"kind": "price_band", "lowest_price": 9, "highest_price": 8, "currency": "EUR"},
            "rule_price_band_is_not_empty",
        ),
        ({"kind": "price_band", "lowest_price": -1, "currency": "EUR"}, "rule_numbers_in_range"),
        ({"kind": "margin_floor", "margin_percent": 100}, "rule_numbers_in_range"),
        ({"kind": "stock_floor", "stock_count": 0}, "rule_numbers_in_range"),
        ({"kind": "bury", "item_key": "a"}, "rule_has_what_its_kind_needs"),
        (
            {
                "kind": "exclude",
                "item_key": "a",
                "valid_from": timezone.now(),
                "valid_until": timezone.now() - timedelta(days=1),
            },
            "rule_ends_after_it_begins",
        ),
    ],
)
def test_the_database_refuses_a_rule_that_makes_no_sense(fields: dict[str, Any], constraint: str) -> None:
    assert constraint in refused(**fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"is_enabled": False}, False),
        ({"valid_from": 1}, False),
        ({"valid_until": -1}, False),
        ({"valid_from": -1, "valid_until": 1}, True),
    ],
)
def test_a_rule_is_in_force_while_it_is_enabled_and_within_its_dates(fields: dict[str, Any], expected: bool) -> None:
    days = {name: timezone.now() + timedelta(days=value) for name, value in fields.items() if name != "is_enabled"}
    Rule.objects.create(kind="exclude", item_key="a", **fields | days)
    assert Rule.objects.in_force().exists() is expected


def test_the_weightiest_rule_comes_first() -> None:
    light, heavy = (Rule.objects.create(kind="exclude", item_key="a", priority=priority) for priority in (-1, 3))
    assert list(Rule.objects.in_force()) == [heavy, light]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "pin", "item_key": "a", "item_title": "Tea"}, "Show bundles with Tea first"),
        ({"kind": "exclude", "category": "Toys"}, "Never show bundles with something of “Toys”"),
        (
            {"kind": "exclude", "item_key": "a", "other_item_key": "b", "placement": "cart", "segment": "trade"},
            "Never show bundles with a and b for shoppers of “trade”, at “cart”",
        ),
        (
            {"kind": "require", "item_key": "a", "other_category": "Cases"},
            "Show bundles with a only together with something of “Cases”",
        ),
        (
            {
                "kind": "price_band",
                "lowest_price": Decimal("5.00"),
                "highest_price": Decimal("7.50"),
                "currency": "EUR",
            },
            "Show bundles from 5 to 7.5 EUR",
        ),
        ({"kind": "margin_floor", "margin_percent": Decimal("20.00")}, "Show bundles from a margin of 20% on"),
        ({"kind": "stock_floor", "stock_count": 3}, "Show bundles while 3 can be sold"),
        ({"kind": "segment", "segment": "trade"}, "Show bundles only to shoppers of “trade”"),
        (
            {"kind": "placement", "category": "Toys", "placement": "home"},
            "Show bundles with something of “Toys” only at “home”",
        ),
    ],
)
def test_a_rule_says_in_words_what_it_does(fields: dict[str, Any], expected: str) -> None:
    with override("en"):
        assert str(Rule(**fields)) == expected
