from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from bundle_app.models import Bundle, BundlePart, composition_hash

pytestmark = pytest.mark.django_db


def make_bundle(digest: str = "a", **values: Any) -> Bundle:
    return Bundle.objects.create(composition_hash=digest, **values)


def test_the_identity_of_a_composition_ignores_order_and_heeds_quantity() -> None:
    assert composition_hash({"a": 1, "b": 2}) == composition_hash({"b": 2, "a": 1})
    assert composition_hash({"a": 1, "b": 2}) != composition_hash({"a": 2, "b": 1})


def test_keys_cannot_be_joined_into_another_composition() -> None:
    assert composition_hash({'a", 1], ["b': 1}) != composition_hash({"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("values", "is_on_offer"),
    [
        ({"status": "active"}, True),
        ({"status": "draft"}, False),
        ({"status": "paused"}, False),
        ({"status": "rejected"}, False),
        ({"status": "active", "valid_from": timedelta(days=1)}, False),
        ({"status": "active", "valid_from": timedelta(0)}, True),
        ({"status": "active", "valid_until": timedelta(0)}, False),
        ({"status": "active", "valid_until": timedelta(days=1)}, True),
        ({"status": "active", "max_uses": 2, "use_count": 1}, True),
        ({"status": "active", "max_uses": 2, "use_count": 2}, False),
    ],
)
def test_a_bundle_is_on_offer_while_active_and_within_its_dates(values: dict[str, Any], is_on_offer: bool) -> None:
    now = timezone.now()
    moments: dict[str, Any] = {
        name: now + value if isinstance(value, timedelta) else value for name, value in values.items()
    }
    make_bundle(**moments)

    assert Bundle.objects.on_offer(at=now).exists() is is_on_offer


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"discount_percent": 100}, "bundle_discount_below_100_percent"),
        ({"discount_percent": -1}, "bundle_discount_below_100_percent"),
        ({"discount_form": "barter"}, "bundle_discount_form_known"),
        ({"discount_form": "cheapest_free", "discount_percent": 5}, "bundle_percentage_only_where_it_counts"),
        ({"discount_form": "amount"}, "bundle_amount_where_it_counts"),
        (
            {"discount_form": "amount", "discount_amount": 0, "discount_currency": "EUR"},
            "bundle_amount_where_it_counts",
        ),
        ({"discount_amount": 5, "discount_currency": "EUR"}, "bundle_amount_where_it_counts"),
        ({"discount_form": "fixed_price", "discount_amount": 5}, "bundle_amounts_have_a_currency"),
        ({"discount_maximum": 5}, "bundle_amounts_have_a_currency"),
        ({"discount_currency": "EUR"}, "bundle_amounts_have_a_currency"),
        ({"discount_maximum": 0, "discount_currency": "EUR"}, "bundle_discount_maximum_above_0"),
        ({"max_uses": 1, "use_count": 2}, "bundle_sold_no_more_often_than_allowed"),
        ({"max_uses": 0}, "bundle_sold_no_more_often_than_allowed"),
        ({"status": "rejected", "pinned": True}, "bundle_rejected_is_not_pinned"),
        (
            {"valid_from": timezone.now(), "valid_until": timezone.now() - timedelta(days=1)},
            "bundle_ends_after_it_begins",
        ),
    ],
)
def test_the_database_refuses_a_bundle_that_makes_no_sense(values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        make_bundle(**values)


def test_the_database_refuses_the_same_composition_twice() -> None:
    make_bundle("same")

    with pytest.raises(IntegrityError, match="composition_hash"):
        make_bundle("same")


@pytest.mark.parametrize(
    ("parts", "constraint"),
    [
        ([("cup", 1), ("cup", 2)], "bundle_holds_an_item_once"),
        ([("cup", 0)], "bundle_part_quantity_at_least_1"),
    ],
)
def test_the_database_refuses_a_part_that_makes_no_sense(parts: list[tuple[str, int]], constraint: str) -> None:
    bundle = make_bundle()

    with pytest.raises(IntegrityError, match=constraint):
        BundlePart.objects.bulk_create(
            BundlePart(bundle=bundle, item_key=key, quantity=quantity) for key, quantity in parts
        )


def test_without_a_title_a_bundle_is_called_by_its_parts() -> None:
    bundle = make_bundle()
    BundlePart.objects.create(bundle=bundle, item_key="cup", title="Cup", quantity=2, position=1)
    BundlePart.objects.create(bundle=bundle, item_key="tea", position=0)

    assert str(bundle) == "tea + 2 × Cup"
    assert bundle.quantities() == {"tea": 1, "cup": 2}


def test_a_bundle_is_undecided_until_somebody_decides() -> None:
    undecided = make_bundle("a", source="generated")
    make_bundle("b", source="generated", decided_at=timezone.now())
    make_bundle("c", source="manual")

    assert list(Bundle.objects.undecided()) == [undecided]
