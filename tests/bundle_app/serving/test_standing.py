"""Why bundles are not shown, in sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.models import Bundle, Rule
from bundle_app.serving import Standing
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product, products

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


def standing(made: Bundle) -> Standing:
    return serving.standings([Bundle.objects.prefetch_related("parts").get(pk=made.pk)], request=None)[made.pk]


def test_a_bundle_that_nothing_stands_against_is_shown() -> None:
    assert standing(bundle(products(2))) == Standing()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "review"}, "Its status is “Review”."),
        ({"valid_from": timedelta(days=1)}, "It begins later."),
        ({"valid_until": timedelta(days=-1)}, "Its time is over."),
    ],
)
def test_status_and_dates_are_reasons(fields: dict[str, Any], expected: str) -> None:
    moments = {
        name: timezone.now() + value if isinstance(value, timedelta) else value for name, value in fields.items()
    }
    assert standing(bundle(products(2), **moments)).against == [expected]


def test_obstacles_and_rules_are_told_together() -> None:
    lamp, bulb = product("Lamp"), product("Bulb", available=False)
    Rule.objects.create(kind="exclude", item_key=str(lamp.pk), item_title="Lamp")
    assert standing(bundle([lamp, bulb])).against == [
        "Bulb is not for sale.",
        "Rule: Never show bundles with Lamp.",
    ]


def test_what_is_shown_to_some_or_somewhere_alone_is_no_reason_but_a_limit() -> None:
    lamp, bulb = products(2)
    Rule.objects.create(kind="segment", segment="trade")
    Rule.objects.create(kind="placement", item_key=str(lamp.pk), item_title="Lamp", placement="cart")
    pin = Rule.objects.create(kind="pin", item_key=str(lamp.pk))
    found = standing(bundle([lamp, bulb]))
    assert found.against == []
    assert found.limits == [
        "Rule: Show bundles only to shoppers of “trade”.",
        "Rule: Show bundles with Lamp only at “cart”.",
    ]
    assert found.pin == pin


def test_all_bundles_of_a_page_cost_two_queries() -> None:
    goods = products(30)
    for number in range(25):
        bundle(goods[number : number + 3])
    fetched = list(Bundle.objects.prefetch_related("parts"))
    with CaptureQueriesContext(connection) as queries:
        assert len(serving.standings(fetched, request=None)) == 25
    assert len(queries) == 2
