"""What a rule would do, told before it is saved, and borne out by what is shown once it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.models import Bundle, BundlePart, Rule, Score
from bundle_app.serving import previewing
from tests.bundle_app.serving.test_ruling import make_rules
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product, products, score, titles, version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


@pytest.fixture
def goods() -> list[Any]:
    """Product 1 to 8, 1.00 to 8.00; bundles of 1+2, 3+4, 5+6 and 7+8, which cost 3, 7, 11 and 15."""
    live, made = version(), products(8)
    for number in range(4):
        score(bundle(made[2 * number : 2 * number + 2]), live, rank=number + 1)
    return made


def counts(rule: Rule, **given: Any) -> tuple[int, int, int]:
    found = serving.preview(rule, request=None, **given)
    return found.appearing.count, found.disappearing.count, found.changing.count


def shown(**given: Any) -> set[str]:
    return {" + ".join(titled) for titled in titles(serving.bundles_for([], request=None, limit=50, **given))}


def test_what_is_about_to_be_hidden_disappears_and_the_example_says_why(goods: list[Any]) -> None:
    found = serving.preview(Rule(kind="exclude", item_key=str(goods[0].pk), item_title="Product 1"), request=None)
    assert (found.disappearing.count, found.appearing.count, found.changing.count) == (1, 0, 0)
    (example,) = found.disappearing.examples
    assert (str(example.bundle), example.why) == ("Product 1 + Product 2", "")
    assert not Rule.objects.exists(), "a preview saves nothing"


def test_what_is_told_is_what_happens(goods: list[Any]) -> None:
    before = shown()
    rule = Rule(kind="price_band", lowest_price=Decimal(7), highest_price=Decimal(11), currency="USD")
    found = serving.preview(rule, request=None)
    rule.save()
    after = shown()
    assert {str(example.bundle) for example in found.disappearing.examples} == before - after
    assert len(before - after) == 2


def test_loosening_a_rule_lets_bundles_appear(goods: list[Any]) -> None:
    rule = Rule.objects.create(kind="price_band", lowest_price=Decimal(100), currency="USD")
    assert shown() == set()
    rule.lowest_price = Decimal(10)
    found = serving.preview(rule, request=None)
    assert (found.appearing.count, found.unchanged_count) == (2, 2)
    assert found.appearing.examples[0].why.startswith("Rule: Show bundles from 100 USD on. It costs $1")


def test_disabling_a_rule_ends_what_it_did(goods: list[Any]) -> None:
    rule = Rule.objects.create(kind="exclude", item_key=str(goods[0].pk))
    found = serving.preview(rule, request=None)
    assert (found.appearing.count, found.disappearing.count, found.hidden_count) == (0, 0, 1), "as it stands"
    rule.is_enabled = False
    found = serving.preview(rule, request=None)
    assert (found.appearing.count, found.in_force, found.hidden_count) == (1, False, 0)


def test_a_new_rule_that_is_not_enabled_does_nothing(goods: list[Any]) -> None:
    assert counts(Rule(kind="exclude", item_key=str(goods[0].pk), is_enabled=False)) == (0, 0, 0)


def test_a_rule_that_begins_later_is_told_as_of_its_beginning(goods: list[Any]) -> None:
    soon = timezone.now() + timedelta(days=2)
    Rule.objects.create(kind="exclude", item_key=str(goods[2].pk), valid_until=timezone.now() + timedelta(days=1))
    found = serving.preview(Rule(kind="exclude", category="", item_key=str(goods[2].pk), valid_from=soon), request=None)
    assert (found.at, found.begins_later, found.disappearing.count) == (soon, True, 1)


def test_a_change_is_one_for_some_shoppers_or_some_place_or_of_the_order(goods: list[Any]) -> None:
    key = str(goods[0].pk)
    for rule, expected in (
        (Rule(kind="placement", item_key=key, placement="cart"), "Otherwise: no longer shown."),
        (Rule(kind="exclude", item_key=key, placement="home"), "at “home”: no longer shown."),
        (Rule(kind="segment", item_key=key, segment="trade"), "Otherwise: no longer shown."),
        (Rule(kind="pin", item_key=key), "In the shop: comes first."),
        (Rule(kind="pin", item_key=key, segment="trade"), "shoppers of “trade”: comes first."),
    ):
        found = serving.preview(rule, request=None)
        assert counts(rule) == (0, 0, 1)
        assert [example.why for example in found.changing.examples] == [expected]


def test_unpinning_is_a_change(goods: list[Any]) -> None:
    rule = Rule.objects.create(kind="pin", item_key=str(goods[0].pk))
    rule.is_enabled = False
    assert [example.why for example in serving.preview(rule, request=None).changing.examples] == [
        "In the shop: no longer first."
    ]


def test_other_rules_are_reckoned_with(goods: list[Any]) -> None:
    key = str(goods[0].pk)
    Rule.objects.create(kind="exclude", item_key=key)
    assert counts(Rule(kind="exclude", item_key=key)) == (0, 0, 0), "hidden already"
    assert counts(Rule(kind="pin", item_key=key, priority=1)) == (1, 0, 0), "a pin with more weight lets it through"


def test_only_bundles_that_a_page_could_show_are_counted(goods: list[Any]) -> None:
    Bundle.objects.filter(parts__item_key=str(goods[0].pk)).update(status="paused")
    bundle([goods[0], goods[7]])  # Active, and known to no model.
    bundle([goods[0], product("Gone", available=False)], source="manual")
    found = serving.preview(Rule(kind="exclude", item_key=str(goods[0].pk)), request=None)
    assert (found.concerned_count, found.unsaleable_count, found.disappearing.count) == (1, 1, 0)


def test_a_shop_of_many_bundles_is_looked_at_up_to_a_bound(goods: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "MOST_BUNDLES", 3)
    found = serving.preview(Rule(kind="stock_floor", stock_count=1), request=None)
    assert (found.concerned_count, found.judged_count) == (4, 3)


def test_a_thousand_bundles_and_a_hundred_rules_cost_as_many_queries_as_four_and_none(goods: list[Any]) -> None:
    rule = Rule(kind="price_band", lowest_price=Decimal(5), currency="USD")

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            found = serving.preview(rule, request=None)
        assert found.concerned_count == Bundle.objects.count()
        assert len(found.disappearing.examples) <= previewing.EXAMPLE_COUNT
        return len(queries)

    few = query_count()
    live = Score.objects.first()
    assert live is not None
    made = Bundle.objects.bulk_create(
        Bundle(composition_hash=f"{number:064}", status="active", source="generated") for number in range(1000)
    )
    BundlePart.objects.bulk_create(
        BundlePart(bundle=one, item_key=str(thing.pk), title=thing.name)
        for number, one in enumerate(made)
        for thing in (goods[number % 8], goods[(number + 3) % 8], goods[(number + 5) % 8])
    )
    Score.objects.bulk_create(
        Score(model_version_id=live.model_version_id, bundle=one, score=0.5, rank=100 + number, rung="ease")
        for number, one in enumerate(made)
    )
    make_rules(100, goods)
    assert query_count() == few <= 5
