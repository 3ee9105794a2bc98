"""Rules where bundles are chosen: on pages, by the interface, at the button; and in how many queries."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bundle_app import serving
from bundle_app.exceptions import BundleNotOnOffer
from bundle_app.models import Bundle, BundlePart, Rule
from bundle_app.rules import Audience, RuleBook, judge
from bundle_app.serving.ruling import about_any, broad, not_hidden, rules_in_force
from tests.bundle_app import tutorial_pages
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product, products, score, titles, version

pytestmark = pytest.mark.django_db

ADAPTERS = "tests.bundle_app.tutorial_shop."


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


def page_request(**headers: str) -> Any:
    request = RequestFactory().get("/shop/1/", headers=headers)
    request.session = {}  # type: ignore[assignment]
    request.user = AnonymousUser()
    return request


def shown(*anchors: Any, limit: int = 9, placement: str = "product", request: Any = None) -> list[list[str]]:
    keys = [str(anchor.pk) for anchor in anchors]
    return titles(serving.bundles_for(keys, request=request, limit=limit, placement=placement))


def in_category(category: str, *products_of_it: Any) -> None:
    keys = [str(item.pk) for item in products_of_it]
    BundlePart.objects.filter(item_key__in=keys).update(category=category)


@pytest.fixture
def desk() -> dict[str, Any]:
    """A laptop with a mouse, a bag and a lamp, in the order of their ranks; tea with a cup for the whole shop."""
    live = version()
    things = {name: product(name) for name in ("Laptop", "Mouse", "Bag", "Lamp", "Tea", "Cup")}
    for rank, name in enumerate(("Mouse", "Bag", "Lamp"), start=1):
        score(bundle([things["Laptop"], things[name]]), live, anchor=things["Laptop"], rank=rank)
    score(bundle([things["Tea"], things["Cup"]]), live)
    return things


def key(thing: Any) -> str:
    return str(thing.pk)


class TestHiding:
    def test_what_a_rule_excludes_is_gone_from_the_page_at_once(self, desk: dict[str, Any]) -> None:
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]))
        assert shown(desk["Laptop"]) == [["Laptop", "Bag"], ["Laptop", "Lamp"], ["Tea", "Cup"]]

    def test_a_category_is_excluded_as_the_parts_know_it(self, desk: dict[str, Any]) -> None:
        in_category("Drinks", desk["Tea"])
        Rule.objects.create(kind="exclude", category="Drinks")
        assert ["Tea", "Cup"] not in shown(desk["Laptop"])

    def test_what_lacks_what_is_required_is_gone(self, desk: dict[str, Any]) -> None:
        in_category("Bags", desk["Bag"])
        Rule.objects.create(kind="require", item_key=key(desk["Laptop"]), other_category="Bags")
        assert shown(desk["Laptop"]) == [["Laptop", "Bag"], ["Tea", "Cup"]]

    def test_what_is_hidden_does_not_take_the_place_of_what_is_shown(self) -> None:
        live, wine = version(), product("Wine")
        goods = products(41)
        for rank, thing in enumerate(goods[:40], start=1):
            score(bundle([wine, thing]), live, rank=rank)
        score(bundle(goods[39:]), live, rank=41)
        in_category("Drinks", wine)
        Rule.objects.create(kind="exclude", category="Drinks")
        assert shown(limit=1) == [["Product 40", "Product 41"]]

    def test_nor_does_what_was_made_by_hand_and_is_hidden(self) -> None:
        wine, goods = product("Wine"), products(41)
        bundle(goods[39:], source="manual")
        for thing in goods[:40]:
            bundle([wine, thing], source="manual")
        Rule.objects.create(kind="exclude", item_key=key(wine))
        assert shown(limit=1) == [["Product 40", "Product 41"]]

    def test_what_lacks_what_all_need_does_not_take_it_either(self) -> None:
        live, goods = version(), products(42)
        for rank, thing in enumerate(goods[1:41], start=1):
            score(bundle([goods[0], thing]), live, rank=rank)
        score(bundle(goods[40:]), live, rank=41)
        Rule.objects.create(kind="require", other_item_key=key(goods[41]))
        assert shown(limit=1) == [["Product 41", "Product 42"]]

    def test_a_rule_hides_what_was_made_by_hand_and_pinned_too(self, desk: dict[str, Any]) -> None:
        bundle([desk["Mouse"], desk["Cup"]], source=Bundle.Source.MANUAL, pinned=True)
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]))
        assert shown(desk["Cup"]) == [["Cup", "Tea"]]

    def test_a_price_band_looks_at_the_price_of_today(self, desk: dict[str, Any]) -> None:
        Rule.objects.create(kind="price_band", highest_price=Decimal(20), currency="USD")
        assert len(shown(desk["Laptop"])) == 4
        desk["Bag"].price = Decimal("10.01")
        desk["Bag"].save()
        assert ["Laptop", "Bag"] not in shown(desk["Laptop"])

    def test_a_margin_floor_looks_at_the_cost_of_today(self, desk: dict[str, Any], settings: Any) -> None:
        Rule.objects.create(kind="margin_floor", margin_percent=Decimal(30))
        assert shown(desk["Laptop"]) == [], "no cost is known"
        paths = {"preset": "tutorial", "item_fields": {"cost": lambda thing: thing.price * Decimal("0.7")}}
        settings.BUNDLE_APP = {**TUTORIAL, "MAP": paths}
        assert len(shown(desk["Laptop"])) == 4
        Bundle.objects.filter(parts__item_key=key(desk["Bag"])).update(discount_percent=1)
        assert ["Laptop", "Bag"] not in shown(desk["Laptop"])

    def test_a_stock_floor_counts_whole_bundles(self, desk: dict[str, Any], settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "StockAdapter"}
        Rule.objects.create(kind="stock_floor", stock_count=1)
        assert len(shown(desk["Laptop"])) == 4
        Rule.objects.create(kind="stock_floor", stock_count=2, item_key=key(desk["Bag"]))
        assert ["Laptop", "Bag"] not in shown(desk["Laptop"])

    @pytest.mark.parametrize("fields", [{"is_enabled": False}, {"valid_until": "2020-01-01T00:00Z"}])
    def test_a_rule_that_is_not_in_force_hides_nothing(self, desk: dict[str, Any], fields: dict[str, Any]) -> None:
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]), **fields)
        assert len(shown(desk["Laptop"])) == 4


class TestPinning:
    def test_what_a_rule_pins_comes_first_on_the_pages_of_its_products(self, desk: dict[str, Any]) -> None:
        Rule.objects.create(kind="pin", item_key=key(desk["Lamp"]))
        assert shown(desk["Laptop"])[0] == ["Laptop", "Lamp"]

    def test_on_the_page_of_other_products_it_leads_only_the_shop_wide_ones(self, desk: dict[str, Any]) -> None:
        live = version_of_the_shop()
        score(bundle([desk["Cup"], desk["Bag"]]), live, rank=2)
        Rule.objects.create(kind="pin", item_key=key(desk["Cup"]), other_item_key=key(desk["Bag"]))
        assert shown(desk["Laptop"])[-2:] == [["Cup", "Bag"], ["Tea", "Cup"]]
        assert shown()[0] == ["Cup", "Bag"]

    def test_it_is_found_however_low_its_rank(self) -> None:
        live, goods = version(), products(62)
        for rank in range(1, 61):
            score(bundle([goods[rank], goods[rank + 1]]), live, rank=rank)
        Rule.objects.create(kind="pin", item_key=key(goods[61]))
        assert shown(limit=1) == [["Product 61", "Product 62"]]

    def test_one_made_by_hand_is_found_however_old_it_is(self) -> None:
        goods = products(62)
        for first in range(60):
            bundle(goods[first : first + 2], source="manual")
        Rule.objects.create(kind="pin", item_key=key(goods[0]))
        assert shown(limit=1) == [["Product 1", "Product 2"]]

    def test_a_person_s_pin_comes_before_a_rule_s_and_the_weightier_rule_before_the_other(
        self, desk: dict[str, Any]
    ) -> None:
        Bundle.objects.filter(parts__item_key=key(desk["Mouse"])).update(pinned=True)
        Rule.objects.create(kind="pin", item_key=key(desk["Bag"]))
        Rule.objects.create(kind="pin", item_key=key(desk["Lamp"]), priority=2)
        assert shown(desk["Laptop"])[:3] == [["Laptop", "Mouse"], ["Laptop", "Lamp"], ["Laptop", "Bag"]]


def version_of_the_shop() -> Any:
    from bundle_app.models import ModelVersion

    return ModelVersion.objects.live().get()


class TestWhoAndWhere:
    def test_a_segment_sees_what_others_do_not(self, desk: dict[str, Any], settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "SegmentAdapter"}
        Rule.objects.create(kind="segment", item_key=key(desk["Mouse"]), segment="trade")
        assert ["Laptop", "Mouse"] not in shown(desk["Laptop"], request=page_request())
        assert ["Laptop", "Mouse"] in shown(desk["Laptop"], request=page_request(x_segments="trade"))
        assert ["Laptop", "Mouse"] not in shown(desk["Laptop"], request=None)

    def test_a_shop_without_such_a_rule_is_not_asked_who_comes(self, desk: dict[str, Any], settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": ADAPTERS + "SegmentAdapter"}
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]))
        request = page_request(x_segments="unanswerable")
        assert shown(desk["Laptop"], request=request)
        Rule.objects.create(kind="exclude", item_key=key(desk["Bag"]), segment="trade")
        with pytest.raises(RuntimeError, match="was asked"):
            shown(desk["Laptop"], request=request)

    def test_a_placement_is_kept_apart(self, desk: dict[str, Any]) -> None:
        Rule.objects.create(kind="placement", item_key=key(desk["Mouse"]), placement="cart")
        assert ["Laptop", "Mouse"] in shown(desk["Laptop"], placement="cart")
        assert ["Laptop", "Mouse"] not in shown(desk["Laptop"], placement="product")
        assert ["Laptop", "Mouse"] not in shown(desk["Laptop"], placement="")


class TestAtTheButton:
    def test_what_a_rule_hides_cannot_be_added_any_more(self, desk: dict[str, Any]) -> None:
        made = Bundle.objects.filter(parts__item_key=key(desk["Mouse"])).get()
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]))
        request = page_request()
        with pytest.raises(BundleNotOnOffer, match=r"^This set is not on offer any more\.$"):
            serving.add_to_cart(made.pk, request)
        assert "cart" not in request.session
        with pytest.raises(BundleNotOnOffer):
            serving.offer_by_id(made.pk, request=request)

    def test_where_it_was_shown_is_not_asked_again(self, desk: dict[str, Any]) -> None:
        made = Bundle.objects.filter(parts__item_key=key(desk["Mouse"])).get()
        Rule.objects.create(kind="placement", item_key=key(desk["Mouse"]), placement="home")
        assert serving.add_to_cart(made.pk, page_request()).bundle == made


class TestTheInterface:
    def test_it_takes_a_placement(self, desk: dict[str, Any], settings: Any, client: Client) -> None:
        tutorial_pages.use(settings)
        Rule.objects.create(kind="placement", item_key=key(desk["Mouse"]), placement="cart")
        url = reverse("bundle_app:api-bundles")
        found = {
            place: {
                offer["title"]
                for offer in client.get(url, {"item": desk["Laptop"].pk, "placement": place}).json()["results"]
            }
            for place in ("cart", "product", "")
        }
        assert "Laptop + Mouse" in found["cart"]
        assert "Laptop + Mouse" not in found["product"] | found[""]

    def test_it_refuses_a_placement_that_is_no_word(self, settings: Any, client: Client) -> None:
        tutorial_pages.use(settings)
        response = client.get(reverse("bundle_app:api-bundles"), {"placement": "../cart"})
        assert response.status_code == 400
        assert response.json()["detail"].startswith("'placement' is '../cart'; expected a word")

    def test_a_bundle_that_a_rule_hides_is_not_found(self, desk: dict[str, Any], settings: Any, client: Client) -> None:
        tutorial_pages.use(settings)
        made = Bundle.objects.filter(parts__item_key=key(desk["Mouse"])).get()
        Rule.objects.create(kind="exclude", item_key=key(desk["Mouse"]))
        assert client.get(reverse("bundle_app:api-bundle", args=[made.pk])).status_code == 404


class TestTheQueries:
    def test_a_hundred_rules_cost_as_many_queries_as_none(self) -> None:
        live, goods = version(), products(60)
        for rank in range(1, 51):
            score(bundle([goods[0], *goods[rank : rank + 6]]), live, anchor=goods[0], rank=rank)

        def query_count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert shown(goods[0], limit=10, request=page_request())
            return len(queries)

        without = query_count()
        make_rules(100, goods)
        assert Rule.objects.in_force().count() == 100
        assert query_count() == without == 4


def make_rules(count: int, goods: list[Any]) -> None:
    """Rules of all kinds about some of the goods, none of which hides everything."""
    shapes: list[dict[str, Any]] = [
        {"kind": "exclude", "item_key": "none-{}"},
        {"kind": "exclude", "category": "None {}"},
        {"kind": "exclude", "item_key": "none-{}", "other_item_key": "other-{}"},
        {"kind": "exclude", "category": "None {}", "other_category": "Other {}"},
        {"kind": "require", "item_key": "none-{}", "other_item_key": "other-{}"},
        {"kind": "pin", "item_key": str(goods[5].pk)},
        {"kind": "price_band", "lowest_price": Decimal(1), "currency": "USD"},
        {"kind": "stock_floor", "stock_count": 1},
        {"kind": "segment", "item_key": "none-{}", "segment": "trade"},
        {"kind": "placement", "category": "None {}", "placement": "cart"},
    ]
    Rule.objects.bulk_create(
        Rule(
            **{
                name: value.format(number) if isinstance(value, str) else value
                for name, value in shapes[number % len(shapes)].items()
            }
        )
        for number in range(count)
    )


class TestTheQueryAgreesWithTheJudgement:
    """`not_hidden` says in SQL part of what `bundle_app.rules` says: it must never hide what is allowed there."""

    @pytest.mark.parametrize("seed", range(12))
    def test_on_random_bundles_rules_and_audiences(self, seed: int) -> None:
        choose = random.Random(seed)
        goods = products(8)
        categories = {key(thing): choose.choice(["A", "B", "C", ""]) for thing in goods}
        made = {frozenset(choose.sample(range(8), choose.randint(2, 4))) for _ in range(25)}
        bundles = [bundle([goods[number] for number in numbers]) for numbers in made]
        for item, category in categories.items():
            BundlePart.objects.filter(item_key=item).update(category=category)
        for _ in range(12):
            self._random_rule(choose, list(categories))
        audience = Audience(
            placement=choose.choice([None, "", "cart"]), segments=choose.choice([None, frozenset(), frozenset({"x"})])
        )
        book = rules_in_force()
        fetched = Bundle.objects.prefetch_related("parts")
        let_through = set(fetched.filter(not_hidden(book, audience)))
        allowed = {one for one in fetched if judge(book, list(one.parts.all()), audience=audience).is_allowed}
        assert allowed <= let_through
        assert let_through <= set(fetched.filter(not_hidden(broad(book), audience)))
        assert len(bundles) == len(fetched)
        for rule in book.rules:
            alone = RuleBook([rule])
            spoken_of = {one for one in fetched if alone.about(list(one.parts.all()))}
            assert set(fetched.filter(about_any([rule]))) == spoken_of, rule
            if rule.kind == "exclude":
                assert set(fetched.filter(not_hidden(alone, audience))) == {
                    one for one in fetched if judge(alone, list(one.parts.all()), audience=audience).is_allowed
                }, rule

    @staticmethod
    def _random_rule(choose: random.Random, keys: list[str]) -> None:
        def named(prefix: str = "") -> dict[str, str]:
            if choose.random() < 0.5:
                return {f"{prefix}item_key": choose.choice(keys)}
            return {f"{prefix}category": choose.choice("ABC")}

        kind = choose.choice(["pin", "exclude", "exclude", "require", "segment", "placement"])
        fields: dict[str, Any] = {}
        if kind in {"pin", "exclude"} or choose.random() < 0.7:
            fields |= named()
        if kind == "require" or (kind in {"pin", "exclude"} and choose.random() < 0.4):
            fields |= named("other_")
        if fields.get("item_key") and fields.get("item_key") == fields.get("other_item_key"):
            return
        if kind == "segment" or (kind != "placement" and choose.random() < 0.2):
            fields["segment"] = choose.choice("xy")
        if kind == "placement" or (kind != "segment" and choose.random() < 0.2):
            fields["placement"] = choose.choice(["cart", "home"])
        Rule.objects.create(kind=kind, priority=choose.randint(-1, 1), **fields)
