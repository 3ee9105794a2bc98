"""Offers for a page: which, in which order, at what price, in how many queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.exceptions import BundleNotOnOffer, CannotAddToCart, ConfigurationError
from bundle_app.models import Bundle, ModelVersion, Rule
from bundle_app.models.score import context_key
from bundle_app.serving.candidates import ANCHOR_COUNT
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product, products, score, titles, version
from tests.tutorial.orders.models import OrderItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


@pytest.fixture
def request_with_cart() -> Any:
    request = RequestFactory().get("/shop/1/?colour=red")
    request.session = {}  # type: ignore[assignment]
    request.user = AnonymousUser()
    return request


def shown(*anchors: Any, limit: int = 9, exclude: tuple[Any, ...] = ()) -> list[list[str]]:
    """Titles of the parts of what is offered beside some products."""
    return titles(
        serving.bundles_for(
            [str(anchor.pk) for anchor in anchors],
            request=None,
            limit=limit,
            exclude=[str(item.pk) for item in exclude],
        )
    )


class TestTheQueryBudget:
    @pytest.mark.parametrize("limit", [1, 50])
    @pytest.mark.parametrize("bundle_count", [1, 50])
    def test_a_page_costs_four_queries_however_many_bundles_and_parts(
        self, limit: int, bundle_count: int, request_with_cart: Any
    ) -> None:
        live, goods = version(), products(60)
        for rank in range(1, bundle_count + 1):
            score(bundle([goods[0], *goods[rank : rank + 6]]), live, anchor=goods[0], rank=rank)
        with CaptureQueriesContext(connection) as queries:
            offers = serving.bundles_for([str(goods[0].pk)], request=request_with_cart, limit=limit)
            serving.render(offers, request=request_with_cart, placement="product")
        assert len(offers) == min(limit, bundle_count)
        assert len(queries) == 4, "\n".join(query["sql"] for query in queries)

    def test_a_shop_without_bundles_costs_two_queries(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert serving.bundles_for(["1"], request=None) == []
        assert len(queries) == 2

    def test_a_limit_below_one_costs_nothing(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert serving.bundles_for(["1"], request=None, limit=0) == []
        assert len(queries) == 0

    def test_a_cart_of_hundreds_costs_four_queries(self) -> None:
        live, goods = version(), products(ANCHOR_COUNT + 50)
        for left, right in pairwise(goods):
            score(bundle([left, right]), live, anchor=left)
        with CaptureQueriesContext(connection) as queries:
            assert shown(*goods[::2], limit=50)
        assert len(queries) == 4


class TestWhatIsShown:
    def test_bundles_of_the_live_version_come_in_the_order_of_their_ranks(self) -> None:
        live = version()
        laptop, mouse, bag = product("Laptop"), product("Mouse"), product("Bag")
        score(bundle([laptop, bag]), live, anchor=laptop, rank=2)
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1)
        assert shown(laptop) == [["Laptop", "Mouse"], ["Laptop", "Bag"]]

    def test_a_version_that_is_not_live_is_not_seen(self) -> None:
        laptop, mouse = product("Laptop"), product("Mouse")
        score(bundle([laptop, mouse]), version(live=False), anchor=laptop)
        assert shown(laptop) == []

    def test_without_a_bundle_of_its_own_an_item_shows_the_shop_wide_ones(self) -> None:
        live = version()
        laptop, tea, cup = product("Laptop"), product("Tea"), product("Cup")
        score(bundle([tea, cup]), live)
        assert shown(laptop) == [["Tea", "Cup"]]
        assert shown() == [["Tea", "Cup"]]

    def test_shop_wide_bundles_come_last(self) -> None:
        live = version()
        laptop, mouse, tea, cup = product("Laptop"), product("Mouse"), product("Tea"), product("Cup")
        score(bundle([tea, cup]), live, score=0.99)
        score(bundle([laptop, mouse]), live, anchor=laptop, score=0.01)
        assert shown(laptop) == [["Laptop", "Mouse"], ["Tea", "Cup"]]

    def test_pinned_bundles_come_first_and_hand_made_ones_second(self) -> None:
        live = version()
        laptop, mouse, bag, case = product("Laptop"), product("Mouse"), product("Bag"), product("Case")
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1)
        score(bundle([laptop, bag], pinned=True), live, anchor=laptop, rank=2)
        bundle([laptop, case], source=Bundle.Source.MANUAL)
        assert shown(laptop) == [["Laptop", "Bag"], ["Laptop", "Case"], ["Laptop", "Mouse"]]

    def test_a_pinned_bundle_is_shown_on_the_pages_of_all_its_products_only(self) -> None:
        live = version()
        laptop, mouse, tea = product("Laptop"), product("Mouse"), product("Tea")
        score(bundle([laptop, mouse], pinned=True), live, anchor=laptop)
        assert shown(mouse) == [["Mouse", "Laptop"]]
        assert shown(tea) == []

    def test_a_shop_without_any_model_shows_what_was_made_by_hand(self) -> None:
        laptop, mouse = product("Laptop"), product("Mouse")
        bundle([laptop, mouse], source=Bundle.Source.MANUAL)
        assert shown(laptop) == [["Laptop", "Mouse"]]
        assert shown() == [["Laptop", "Mouse"]]

    def test_a_bundle_found_on_several_grounds_is_shown_once_and_with_its_evidence(self, settings: Any) -> None:
        live, laptop, mouse = version(), product("Laptop"), product("Mouse")
        both = bundle([laptop, mouse], pinned=True)
        score(both, live)
        score(both, live, anchor=laptop, evidence={"support": 132})
        (offer,) = serving.bundles_for([str(laptop.pk)], request=None, limit=9)
        assert offer.why == "Bought together in 132 orders"

    def test_the_best_bundle_of_each_item_in_a_cart_comes_before_the_second_of_any(self) -> None:
        live = version()
        laptop, mouse, tea, cup, bag = (product(name) for name in ("Laptop", "Mouse", "Tea", "Cup", "Bag"))
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1, score=0.9)
        score(bundle([laptop, bag]), live, anchor=laptop, rank=2, score=0.8)
        score(bundle([tea, cup]), live, anchor=tea, rank=1, score=0.1)
        assert shown(laptop, tea) == [["Laptop", "Mouse"], ["Tea", "Cup"], ["Laptop", "Bag"]]

    def test_a_cart_that_holds_a_whole_bundle_is_not_offered_it(self) -> None:
        live, laptop, mouse, bag = version(), product("Laptop"), product("Mouse"), product("Bag")
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1)
        score(bundle([laptop, bag]), live, anchor=laptop, rank=2)
        assert shown(laptop, mouse) == [["Laptop", "Bag"]]

    def test_bundles_that_hold_an_excluded_item_are_left_out_whatever_their_source(self) -> None:
        live = version()
        laptop, mouse, bag, case = product("Laptop"), product("Mouse"), product("Bag"), product("Case")
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1)
        score(bundle([laptop, bag]), live, anchor=laptop, rank=2)
        bundle([laptop, mouse, case], source=Bundle.Source.MANUAL)
        assert shown(laptop, exclude=(mouse,)) == [["Laptop", "Bag"]]

    def test_the_item_of_the_page_comes_first_wherever_it_stands_in_the_bundle(self) -> None:
        live, laptop, mouse, bag = version(), product("Laptop"), product("Mouse"), product("Bag")
        score(bundle([laptop, mouse, bag]), live, anchor=bag)
        (offer,) = serving.bundles_for([str(bag.pk)], request=None)
        assert titles([offer]) == [["Bag", "Laptop", "Mouse"]]
        assert [part.is_anchor for part in offer.parts] == [True, False, False]

    @pytest.mark.parametrize("status", ["draft", "paused", "rejected"])
    def test_only_active_bundles_are_shown(self, status: str) -> None:
        live, laptop, mouse = version(), product("Laptop"), product("Mouse")
        score(bundle([laptop, mouse], status=status), live, anchor=laptop)
        assert shown(laptop) == []

    @pytest.mark.parametrize(
        ("valid_from", "valid_until", "is_shown"),
        [(None, None, True), (-1, None, True), (1, None, False), (None, -1, False), (None, 1, True), (-1, 1, True)],
    )
    def test_a_bundle_is_shown_between_its_dates(
        self, valid_from: int | None, valid_until: int | None, is_shown: bool
    ) -> None:
        live, laptop, mouse = version(), product("Laptop"), product("Mouse")
        dates = {
            name: days and timezone.now() + timedelta(days=days)
            for name, days in (("valid_from", valid_from), ("valid_until", valid_until))
        }
        score(bundle([laptop, mouse], **dates), live, anchor=laptop)
        assert shown(laptop) == ([["Laptop", "Mouse"]] if is_shown else [])

    @pytest.mark.parametrize("keys", [["\x00"], [""], ["no-such-key"], ["9" * 400], ["1'; DROP TABLE shop_product"]])
    def test_keys_that_are_no_keys_find_nothing(self, keys: list[str]) -> None:
        assert serving.bundles_for(keys, request=None, exclude=keys) == []


class TestContexts:
    """Bundles that were composed for two items in hand together."""

    def for_both(self, one: Any, other: Any, *parts: Any, **fields: Any) -> Bundle:
        made = bundle([one, other, *parts], kind="personal")
        live = ModelVersion.objects.live().get()
        keys = [str(one.pk), str(other.pk)]
        score(made, live, **{"anchor_key": context_key(keys), "evidence": {"context": keys}, "rung": "blend", **fields})
        return made

    def test_whoever_has_both_is_offered_it_before_what_goes_with_either(self) -> None:
        live = version()
        tea, milk, cup, scones = product("Tea"), product("Milk"), product("Cup"), product("Scones")
        score(bundle([tea, cup]), live, anchor=tea, score=0.9)
        self.for_both(milk, tea, scones, score=0.1)

        assert shown(tea, milk) == [["Milk", "Tea", "Scones"], ["Tea", "Cup"]]
        assert shown(milk, cup, tea, limit=1) == [["Milk", "Tea", "Scones"]]

    def test_with_one_of_them_it_is_not_offered(self) -> None:
        version()
        tea, milk, scones = product("Tea"), product("Milk"), product("Scones")
        self.for_both(milk, tea, scones)

        assert shown(tea) == shown(milk) == shown(scones, tea) == shown() == []

    def test_a_cart_with_several_contexts_is_offered_the_strongest_first(self) -> None:
        version()
        tea, milk, jam, scones, butter = (product(name) for name in ("Tea", "Milk", "Jam", "Scones", "Butter"))
        self.for_both(tea, milk, scones, score=0.2)
        self.for_both(jam, tea, butter, score=0.7)

        assert shown(tea, milk, jam) == [["Jam", "Tea", "Butter"], ["Tea", "Milk", "Scones"]]

    def test_the_shopper_is_told_what_it_was_chosen_for_where_few_bought_it(self) -> None:
        version()
        tea, milk, scones = product("Tea"), product("Milk"), product("Scones")
        keys = [str(tea.pk), str(milk.pk)]
        self.for_both(tea, milk, scones, evidence={"context": keys, "support": 2, "orders": 900})

        (offer,) = serving.bundles_for(keys, request=None)

        assert offer.why == "Chosen to go well with Tea and Milk"
        assert offer.anchor_key == str(tea.pk)

    def test_a_rule_that_hides_a_part_hides_it_too(self) -> None:
        version()
        tea, milk, scones = product("Tea"), product("Milk"), product("Scones")
        self.for_both(tea, milk, scones)
        Rule.objects.create(kind="exclude", item_key=str(scones.pk))

        assert shown(tea, milk) == []

    def test_on_its_own_page_a_bundle_stands_on_the_grounds_of_an_item(self) -> None:
        live = version()
        tea, milk, scones = product("Tea"), product("Milk"), product("Scones")
        made = self.for_both(tea, milk, scones)
        score(made, live, anchor=milk, rank=4)

        offer = serving.offer(made, request=None)

        assert offer is not None
        assert offer.anchor_key == str(milk.pk)


class TestWhatCannotBeBought:
    def test_a_bundle_with_a_sold_out_part_gives_way_to_the_next(self) -> None:
        live = version()
        laptop, mouse, bag = product("Laptop"), product("Mouse", available=False), product("Bag")
        score(bundle([laptop, mouse]), live, anchor=laptop, rank=1)
        score(bundle([laptop, bag]), live, anchor=laptop, rank=2)
        assert shown(laptop, limit=1) == [["Laptop", "Bag"]]

    def test_the_shop_wide_bundles_stand_in_when_many_bundles_are_sold_out(self) -> None:
        live, tea, cup = version(), product("Tea"), product("Cup")
        laptop = product("Laptop")
        for rank in range(1, 41):
            score(bundle([laptop, product(f"Gone {rank}", available=False)]), live, anchor=laptop, rank=rank)
        score(bundle([tea, cup]), live, rank=1)
        assert shown(laptop, limit=1) == [["Tea", "Cup"]]

    def test_a_bundle_with_a_deleted_part_is_not_shown(self) -> None:
        live, laptop, mouse = version(), product("Laptop"), product("Mouse")
        score(bundle([laptop, mouse]), live, anchor=laptop)
        type(mouse).objects.filter(pk=mouse.pk)._raw_delete("default")
        assert shown(laptop) == []

    def test_stock_is_compared_with_the_quantity_in_the_bundle(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "tests.bundle_app.tutorial_shop.StockAdapter"}
        live, lamp, bulb = version(), product("Lamp"), product("Bulb")
        score(bundle({lamp: 1, bulb: 2}), live, anchor=lamp, rank=1)
        score(bundle({lamp: 1, bulb: 1}), live, anchor=lamp, rank=2)
        (offer,) = serving.bundles_for([str(lamp.pk)], request=None, limit=9)
        assert [part.quantity for part in offer.parts] == [1, 1]

    def test_currencies_are_not_added_up(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "tests.bundle_app.tutorial_shop.StockAdapter"}
        live, lamp, bulb = version(), product("€ Lamp"), product("¥ Bulb")
        mixed = bundle([lamp, bulb])
        score(mixed, live, anchor=lamp)
        assert shown(lamp) == []
        assert serving.problems(mixed, request=None) == ["The products are priced in different currencies: EUR, JPY."]

    def test_problems_are_told_part_by_part(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "tests.bundle_app.tutorial_shop.StockAdapter"}
        lamp, bulb, gone = product("Lamp"), product("Bulb"), product("Shade")
        made = bundle({lamp: 1, bulb: 3, gone: 1})
        type(gone).objects.filter(pk=gone.pk)._raw_delete("default")
        assert serving.problems(made, request=None) == [
            "Bulb: 1 in stock, 3 needed.",
            "Shade is not in the shop any more.",
        ]

    def test_a_product_that_is_not_for_sale_is_a_problem_and_so_is_a_bundle_of_one(self) -> None:
        made = bundle([product("Lamp", available=False)])
        assert serving.problems(made, request=None) == [
            "Lamp is not for sale.",
            "A bundle needs at least two products.",
        ]


class TestPrices:
    def test_an_offer_adds_up_quantities_and_takes_the_discount_off(self) -> None:
        lamp, bulb = product("Lamp", "19.99"), product("Bulb", "3.33")
        made = bundle({lamp: 1, bulb: 3}, discount_percent=Decimal(10))
        offer = serving.offer(made, request=None)
        assert offer is not None
        assert [part.line_total for part in offer.parts] == [Decimal("19.99"), Decimal("9.99")]
        assert (offer.price.full, offer.saving, offer.price.total) == (
            Decimal("29.98"),
            Decimal("3.00"),
            Decimal("26.98"),
        )
        assert sum(part.discount for part in offer.parts) == offer.saving
        assert offer.currency == "USD"

    def test_a_price_is_the_shop_s_price_of_now(self) -> None:
        lamp, bulb = product("Lamp", "10.00"), product("Bulb", "1.00")
        made = bundle([lamp, bulb])
        lamp.price = Decimal("12.00")
        lamp.save()
        offer = serving.offer(made, request=None)
        assert offer is not None
        assert offer.price.total == Decimal("13.00")

    def test_one_bundle_costs_three_queries_and_tells_its_best_evidence(self) -> None:
        live, lamp, bulb = version(), product("Lamp"), product("Bulb")
        made = bundle([lamp, bulb])
        score(made, live, rank=1, evidence={"support": 7}, rung="popularity")
        score(made, live, anchor=bulb, rank=4, evidence={"support": 12})
        with CaptureQueriesContext(connection) as queries:
            offer = serving.offer(Bundle.objects.prefetch_related("parts").get(pk=made.pk), request=None)
        assert len(queries) == 4, "the bundle itself and three more"
        assert offer is not None
        assert offer.why == "Bought together in 12 orders"

    def test_an_offer_without_a_title_is_named_after_its_parts(self) -> None:
        lamp, bulb = product("Lamp"), product("Bulb")
        untitled = serving.offer(bundle([lamp, bulb]), request=None)
        titled = serving.offer(bundle({lamp: 2, bulb: 2}, title="Light"), request=None)
        assert untitled is not None
        assert titled is not None
        assert (untitled.title, titled.title) == ("Lamp + Bulb", "Light")


class TestTheFormsOfAPrice:
    @pytest.fixture
    def goods(self) -> list[Any]:
        return [product("Lamp", "20.00"), product("Bulb", "5.00")]

    @pytest.mark.parametrize(
        ("fields", "total", "note"),
        [
            ({"discount_percent": Decimal(10)}, "22.50", "10 % off"),
            ({"discount_percent": Decimal("12.5")}, "21.87", "12.5 % off"),
            ({"discount_form": "amount", "discount_amount": 3, "discount_currency": "USD"}, "22.00", ""),
            ({"discount_form": "fixed_price", "discount_amount": 19, "discount_currency": "USD"}, "19.00", "Set price"),
            ({"discount_form": "cheapest_free"}, "20.00", "One free: Bulb"),
            (
                {"discount_form": "cheapest_free", "discount_maximum": 2, "discount_currency": "USD"},
                "23.00",
                "",  # not free any more, so it is not called so
            ),
            ({"discount_percent": Decimal(80)}, "12.50", ""),
        ],
    )
    def test_each_is_priced_and_told_in_a_few_words(
        self, goods: list[Any], fields: dict[str, Any], total: str, note: str
    ) -> None:
        made = bundle(goods, **fields)
        offer = serving.offer(Bundle.objects.get(pk=made.pk), request=None)
        assert offer is not None
        assert (offer.price.total, offer.note) == (Decimal(total), note)
        assert offer.price_form == fields.get("discount_form", "percent")

    def test_without_a_saving_there_is_no_form_to_tell(self, goods: list[Any]) -> None:
        offer = serving.offer(bundle(goods), request=None)
        assert offer is not None
        assert (offer.price_form, offer.note) == ("", "")

    def test_amounts_of_another_currency_take_a_bundle_off_the_offer(self, goods: list[Any]) -> None:
        made = bundle(goods, discount_form="fixed_price", discount_amount=19, discount_currency="EUR")
        assert serving.offer(made, request=None) is None
        assert serving.problems(made, request=None) == [
            "The amounts of its price are in EUR, and the products are priced in USD."
        ]

    def test_a_bundle_sold_as_often_as_may_be_is_not_shown_and_says_why(self, goods: list[Any]) -> None:
        made = bundle(goods, max_uses=2, use_count=2, pinned=True)
        assert shown(goods[0]) == []
        assert serving.problems(made, request=None) == ["As many sets have been sold as may be: 2."]


class TestHowOftenItCanBeSold:
    @pytest.fixture
    def stock(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "tests.bundle_app.tutorial_shop.CountingAdapter"}

    @pytest.mark.parametrize(("in_cart", "expected"), [({}, 3), ({"Bulb": 1}, 2), ({"Bulb": 5}, 0), ({"Lamp": 8}, 1)])
    def test_the_part_that_is_short_counts_and_what_the_cart_holds_is_gone(
        self, stock: None, request_with_cart: Any, in_cart: dict[str, int], expected: int
    ) -> None:
        """Nine lamps and six bulbs, of which the bundle takes two."""
        goods = {"Lamp": product("Lamp 9"), "Bulb": product("Bulb 6")}
        made = bundle({goods["Lamp"]: 1, goods["Bulb"]: 2})
        request_with_cart.session["cart"] = {str(goods[name].pk): count for name, count in in_cart.items()}
        if not expected:
            with pytest.raises(CannotAddToCart, match="so many of its products that none is left for this set"):
                serving.add_to_cart(made.pk, request_with_cart)
            assert request_with_cart.session["cart"] == {str(goods["Bulb"].pk): 5}
            return
        assert serving.add_to_cart(made.pk, request_with_cart).available == expected

    def test_sets_that_may_still_be_sold_count_too(self, stock: None) -> None:
        made = bundle([product("Lamp 9"), product("Bulb 6")], max_uses=5, use_count=1)
        offer = serving.offer(made, request=None)
        assert offer is not None
        assert offer.available == 4

    def test_where_nothing_is_counted_there_is_no_number(self) -> None:
        offer = serving.offer(bundle([product("Lamp"), product("Bulb")]), request=None)
        assert offer is not None
        assert offer.available is None


class TestTheCart:
    def test_all_parts_are_added_with_their_quantities(self, request_with_cart: Any) -> None:
        lamp, bulb = product("Lamp"), product("Bulb")
        made = bundle({lamp: 1, bulb: 3})
        offer = serving.add_to_cart(made.pk, request_with_cart)
        assert request_with_cart.session["cart"] == {str(lamp.pk): 1, str(bulb.pk): 3}
        assert offer.title == "Lamp + Bulb"

    def test_nothing_is_added_when_a_part_is_sold_out_and_the_shopper_is_told_which(
        self, request_with_cart: Any
    ) -> None:
        lamp, bulb = product("Lamp"), product("Bulb", available=False)
        made = bundle([lamp, bulb])
        with pytest.raises(CannotAddToCart) as refusal:
            serving.add_to_cart(made.pk, request_with_cart)
        assert str(refusal.value) == "Sold out: Bulb. Nothing was added to your cart."
        assert "cart" not in request_with_cart.session

    def test_nothing_is_added_when_the_cart_refuses_a_part(self, request_with_cart: Any) -> None:
        lamp, bulb = product("Lamp"), product("Bulb")
        made = bundle({lamp: 1, bulb: 10})
        with pytest.raises(CannotAddToCart, match=r"^No more than nine pieces of a product\.$"):
            serving.add_to_cart(made.pk, request_with_cart)
        assert "cart" not in request_with_cart.session

    @pytest.mark.parametrize("status", ["draft", "paused", "rejected"])
    def test_a_bundle_that_is_not_on_offer_cannot_be_added(self, status: str, request_with_cart: Any) -> None:
        made = bundle([product("Lamp"), product("Bulb")], status=status)
        with pytest.raises(BundleNotOnOffer, match=r"^This set is not on offer any more\.$"):
            serving.add_to_cart(made.pk, request_with_cart)

    def test_a_bundle_that_never_was_cannot_be_added(self, request_with_cart: Any) -> None:
        with pytest.raises(BundleNotOnOffer, match=r"^This set is not on offer any more\.$"):
            serving.add_to_cart(404, request_with_cart)

    def test_a_cart_in_the_database_keeps_nothing_of_what_it_refuses_halfway(
        self, settings: Any, request_with_cart: Any
    ) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "tests.bundle_app.tutorial_shop.HalfwayAdapter"}
        made = bundle([product("Lamp"), product("Bulb")])
        with pytest.raises(CannotAddToCart, match="No room for the second line"):
            serving.add_to_cart(made.pk, request_with_cart)
        assert not OrderItem.objects.exists()


class TestWhatIsInTheCartAlready:
    def test_only_the_rest_of_a_bundle_is_offered_and_at_its_own_price(self, request_with_cart: Any) -> None:
        live, lamp, bulb, shade = version(), product("Lamp", "20.00"), product("Bulb", "3.00"), product("Shade", "7.00")
        made = bundle([lamp, bulb, shade], discount_percent=Decimal(10))
        score(made, live, anchor=lamp)
        keys = [str(lamp.pk)]
        (offer,) = serving.bundles_for(keys, request=request_with_cart, in_cart={str(lamp.pk): 1})
        assert titles([offer]) == [["Lamp", "Bulb", "Shade"]]
        assert [part.item.title for part in offer.missing] == ["Bulb", "Shade"]
        assert (offer.price.total, offer.saving) == (Decimal("10.00"), Decimal(0))

    def test_only_the_rest_of_a_bundle_is_added(self, request_with_cart: Any) -> None:
        lamp, bulb = product("Lamp"), product("Bulb")
        made = bundle([lamp, bulb], discount_percent=Decimal(10))
        request_with_cart.session["cart"] = {str(lamp.pk): 1}
        serving.add_to_cart(made.pk, request_with_cart, only_missing=True)
        assert request_with_cart.session["cart"] == {str(lamp.pk): 1, str(bulb.pk): 1}
        with pytest.raises(CannotAddToCart, match=r"^All of this set is in your cart already\.$"):
            serving.add_to_cart(made.pk, request_with_cart, only_missing=True)


def test_the_button_sends_the_showing_back_where_there_is_one(request_with_cart: Any) -> None:
    offer = serving.offer(bundle([product("Lamp"), product("Bulb")]), request=None)
    assert offer is not None
    unnamed, named = (
        serving.render([replace(offer, impression=word)], request=request_with_cart, placement="product")
        for word in ("", "shown:17&more")
    )
    assert 'name="impression"' not in unnamed
    assert '<input type="hidden" name="impression" value="shown:17&amp;more">' in named
    assert [line.impression for line in replace(offer, impression="shown:17").cart_lines] == ["shown:17"] * 2


def test_a_placement_that_could_leave_the_template_folder_is_refused(request_with_cart: Any) -> None:
    offer = serving.offer(bundle([product("Lamp"), product("Bulb")]), request=None)
    assert offer is not None
    with pytest.raises(ConfigurationError, match=r"The placement is '\.\./secret'; expected a word of letters"):
        serving.render([offer], request=request_with_cart, placement="../secret")
