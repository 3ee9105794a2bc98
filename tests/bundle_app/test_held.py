"""Bundles in a cart: what they save today, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app.models import Bundle
from bundle_app.serving import HeldBundle, HeldPrice, HeldStanding, price_held
from bundle_app.shop import ItemCard
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


@pytest.fixture
def light() -> Bundle:
    """A lamp for 20 and two bulbs for 2.50 each, ten percent off."""
    return bundle({product("Lamp"): 1, product("Bulb"): 2}, discount_percent=Decimal(10), title="Light")


def cards(made: Bundle, **changes: Any) -> dict[str, ItemCard]:
    prices = dict(zip(made.quantities(), ("20.00", "2.50"), strict=True))
    return {
        key: ItemCard(**{"key": key, "title": key, "price": Decimal(price), "currency": "USD", **changes})
        for key, price in prices.items()
    }


def held(made: Bundle, **changes: int) -> HeldBundle:
    return HeldBundle(bundle_id=made.pk, quantities={**made.quantities(), **changes})


def priced(made: Bundle, **changes: Any) -> HeldPrice:
    (found,) = price_held([held(made)], cards(made, **changes))
    return found


def test_a_whole_bundle_saves_line_by_line(light: Bundle) -> None:
    found = priced(light)
    lamp, bulb = light.quantities()
    assert (found.standing, found.notice, found.title, found.combinable) == (HeldStanding.WHOLE, "", "Light", False)
    assert found.discounts == {lamp: Decimal("2.00"), bulb: Decimal("0.50")}
    assert found.price.total == Decimal("22.50")


@pytest.mark.parametrize(
    ("changes", "standing", "notice"),
    [
        ({"status": "paused"}, HeldStanding.NOT_ON_OFFER, "This set is not on offer any more; its parts are at their"),
        (
            {"valid_until": timezone.now() - timedelta(days=1)},
            HeldStanding.NOT_ON_OFFER,
            "This set is not on offer any",
        ),
        ({"max_uses": 2, "use_count": 2}, HeldStanding.USED_UP, "No more of this set are left at its price; its parts"),
        (
            {"discount_percent": 0, "discount_form": "amount", "discount_amount": 5, "discount_currency": "EUR"},
            HeldStanding.NOT_ON_OFFER,
            "This set is not on offer any more",
        ),
    ],
)
def test_what_ends_the_offer_ends_the_discount_and_is_told(
    light: Bundle, changes: dict[str, Any], standing: HeldStanding, notice: str
) -> None:
    Bundle.objects.filter(pk=light.pk).update(**changes)
    found = priced(light)
    assert (found.standing, found.price.discount) == (standing, Decimal(0))
    assert found.notice.startswith(notice)
    assert found.combinable, "single items may be combined with anything"


def test_another_quantity_or_a_product_that_is_gone_breaks_it_up(light: Bundle) -> None:
    lamp, bulb = light.quantities()
    changed, gone = (
        price_held([held(light, **{bulb: 3})], cards(light)),
        price_held([held(light)], {lamp: cards(light)[lamp]}),
    )
    for (found,) in (changed, gone):
        assert (found.standing, found.price.discount) == (HeldStanding.BROKEN_UP, Decimal(0))
        assert found.notice == "This set is not whole any more; what is left of it is at its usual price."
    assert gone[0].keys == (lamp,)


def test_a_bundle_that_was_deleted_is_not_on_offer() -> None:
    (found,) = price_held([HeldBundle(bundle_id=404, quantities={"gone": 1})], {})
    assert (found.standing, found.price.full) == (HeldStanding.NOT_ON_OFFER, Decimal(0))


def test_the_floor_holds_in_the_cart_too(light: Bundle, settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "MIN_PRICE_RATIO": 0.95}
    assert priced(light).price.total == Decimal("23.75")
    settings.BUNDLE_APP = {**TUTORIAL, "MIN_MARGIN_RATIO": 0.2}
    lamp, bulb = cards(light).values()
    (found,) = price_held([held(light)], {lamp.key: replace(lamp, cost=Decimal("15.60")), bulb.key: bulb})
    assert found.price.total == Decimal("19.50") + Decimal("3.00")


@pytest.mark.parametrize("count", [1, 20])
def test_any_number_of_sets_costs_two_queries(light: Bundle, count: int) -> None:
    found, groups = cards(light), [held(light)] * count
    with CaptureQueriesContext(connection) as queries:
        assert len(price_held(groups, found)) == count
    assert len(queries) == 2


def test_an_empty_cart_costs_none() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert price_held([], {}) == []
    assert len(queries) == 0
