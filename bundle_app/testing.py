"""Contract tests that a shop runs on its own adapter, cart and checkout: does it keep what the app relies on?

    from django.test import TestCase
    from bundle_app.testing import AdapterContract, OrderedLine

    class BundlesInOurShop(AdapterContract, TestCase):
        def make_product(self, title, price, *, stock):
            return Product.objects.create(name=title, price=price, stock=stock)
        …

The tests come with the class; a shop adds how it makes a product and what its shoppers do. What it leaves out skips the
tests that need it, each with its reason, so that a shop without a checkout of its own can still run the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connections
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bundle_app import serving
from bundle_app.exceptions import CannotAddToCart
from bundle_app.models import Bundle, BundlePart, composition_hash
from bundle_app.shop import LINE_COLUMNS, SALE_COLUMNS, CartLine, get_adapter

if TYPE_CHECKING:
    from django.test import TestCase
else:
    TestCase = object

IMPRESSION = "a-showing:1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedLine:
    """What a shop's order table says of one line. `bundle_id` is None for a single item."""

    key: str
    quantity: int
    discount: Decimal
    bundle_id: int | None
    impression: str


class AdapterContract(TestCase):
    """Mix into `django.test.TestCase`, before it, and override what follows."""

    counts_stock = True
    """Whether the shop counts pieces; False where a product is available or is not."""

    def make_product(self, title: str, price: Decimal, *, stock: int) -> Any:
        """A product that can be bought, in the shop's own tables."""
        raise NotImplementedError("Override make_product: it makes a product of your shop that can be bought.")

    def sell_out(self, product: Any) -> None:
        """Make that nobody can buy a product any more."""
        raise SkipTest("sell_out is not overridden.")

    def set_price(self, product: Any, price: Decimal) -> None:
        raise SkipTest("set_price is not overridden.")

    def make_variant(self, product: Any, label: str, price: Decimal, *, stock: int) -> str:
        """One more variant that a product is sold in, such as a size; returns its key."""
        raise SkipTest("make_variant is not overridden: is what a shopper chooses what is sold?")

    def cart_discount(self, request: HttpRequest) -> Decimal:
        """What the cart takes off, all bundles together."""
        raise SkipTest("cart_discount is not overridden: does the discount of a bundle reach the shopper?")

    def take_out(self, request: HttpRequest, product: Any) -> None:
        """What a shopper does to take one product out of a bundle in the cart."""
        raise SkipTest("take_out is not overridden: does the discount end when a bundle is broken up?")

    def remove_bundle(self, request: HttpRequest, bundle: Bundle) -> None:
        """What a shopper does to take a bundle out of the cart."""
        raise SkipTest("remove_bundle is not overridden: do all parts leave with a bundle?")

    def checkout(self, request: HttpRequest) -> list[OrderedLine]:
        """Order what is in the cart; return the lines of the order, none if the shop refused it."""
        raise SkipTest("checkout is not overridden: do order lines keep the bundle?")

    def make_request(self) -> HttpRequest:
        """A shopper who has not been here before: a session of its own, and nobody logged in."""
        request = RequestFactory().post("/")
        request.session = import_module(settings.SESSION_ENGINE).SessionStore()
        request.user = AnonymousUser()
        request._messages = CookieStorage(request)  # type: ignore[attr-defined]
        return request

    # What the tests are written in

    def make_bundle(self, quantities: Mapping[Any, int], **fields: Any) -> Bundle:
        """A bundle on offer, ten percent off unless said otherwise."""
        parts = {get_adapter().key_for(product): quantity for product, quantity in quantities.items()}
        bundle = Bundle.objects.create(
            composition_hash=composition_hash(parts),
            **{"status": Bundle.Status.ACTIVE, "discount_percent": Decimal(10), **fields},
        )
        BundlePart.objects.bulk_create(
            BundlePart(bundle=bundle, item_key=key, quantity=quantity, position=position)
            for position, (key, quantity) in enumerate(parts.items())
        )
        return bundle

    def make_tea_set(self, *, stock: int = 10) -> tuple[Any, Any, Bundle]:
        """A pot for 40.00 and two cups for 5.00 each, together for 45.00."""
        pot = self.make_product("Contract teapot", Decimal("40.00"), stock=stock)
        cup = self.make_product("Contract teacup", Decimal("5.00"), stock=2 * stock)
        return pot, cup, self.make_bundle({pot: 1, cup: 2})

    def make_coffee_set(self) -> tuple[Any, tuple[str, str, str], Any, Bundle]:
        """A pot for 20.00 and two bags of coffee, at 10.00, 30.00 and sold out, ten percent off."""
        coffee = self.make_product("Contract coffee", Decimal("10.00"), stock=0)
        variants = (
            self.make_variant(coffee, "small", Decimal("10.00"), stock=4),
            self.make_variant(coffee, "large", Decimal("30.00"), stock=2),
            self.make_variant(coffee, "huge", Decimal("90.00"), stock=0),
        )
        pot = self.make_product("Contract moka pot", Decimal("20.00"), stock=9)
        return coffee, variants, pot, self.make_bundle({pot: 1, coffee: 2})

    def cart(self, request: HttpRequest) -> dict[str, int]:
        return {key: quantity for key, quantity in get_adapter().cart_quantities(request).items() if quantity}

    def key(self, product: Any) -> str:
        return get_adapter().key_for(product)

    def skip_without_cart(self) -> None:
        if not get_adapter().has_cart:
            raise SkipTest("The shop's cart is not connected.")

    def skip_without_stock(self) -> None:
        if not self.counts_stock:
            raise SkipTest("The shop counts no pieces.")

    # Products

    def test_a_product_is_found_by_its_key(self) -> None:
        adapter, product = get_adapter(), self.make_product("Contract lamp", Decimal("19.99"), stock=3)
        key = adapter.key_for(product)
        self.assertIsInstance(key, str)
        self.assertLessEqual(len(key), 64, "An item key has at most 64 characters.")
        self.assertEqual(adapter.key_for(key), key, "A key stands for itself.")
        card = adapter.get_items([key], None)[key]
        self.assertEqual((card.key, card.title, card.price), (key, "Contract lamp", Decimal("19.99")))
        self.assertRegex(card.currency, r"^[A-Z]{3}$")
        self.assertTrue(card.can_sell(1), "A product that can be bought says so.")
        self.assertEqual(card.stock, 3 if self.counts_stock else None)

    def test_keys_that_no_product_has_are_left_out(self) -> None:
        self.assertEqual(get_adapter().get_items(["no-such-key", ""], None), {})

    def test_any_number_of_products_costs_the_same_queries(self) -> None:
        keys = [self.key(self.make_product(f"Thing {n}", Decimal(n), stock=1)) for n in range(1, 13)]

        def query_count(count: int) -> int:
            with CaptureQueriesContexts() as queries:
                self.assertEqual(len(get_adapter().get_items(keys[:count], None)), count)
            return queries.count

        query_count(1)  # Content types and the like are cached from here on.
        self.assertEqual(query_count(12), query_count(1), "get_items asks for all items at once.")

    def test_the_catalogue_and_the_search_know_the_same_keys(self) -> None:
        key = self.key(self.make_product("Contract zither", Decimal("7.00"), stock=1))
        self.assertIn(key, {item.key for item in get_adapter().items()})
        self.assertIn(key, {card.key for card in get_adapter().search_items("zither", limit=5)})

    def test_a_product_that_is_sold_out_takes_its_bundles_off_the_offer(self) -> None:
        _pot, cup, bundle = self.make_tea_set()
        self.assertIsNotNone(serving.offer(bundle, request=None))
        self.sell_out(cup)
        self.assertIsNone(serving.offer(bundle, request=None))

    # The cart

    def test_a_bundle_goes_in_whole_and_the_cart_says_so(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        self.assertEqual(self.cart(request), {self.key(pot): 1, self.key(cup): 2})

    def test_what_cannot_all_go_in_does_not_go_in_at_all(self) -> None:
        self.skip_without_cart()
        self.skip_without_stock()
        pot, cup, bundle = self.make_tea_set(stock=1)
        request, lines = self.make_request(), [_line(self.key(pot), 1, "40.00"), _line(self.key(cup), 3, "5.00")]
        with self.assertRaises(CannotAddToCart):
            get_adapter().add_to_cart(request, lines, bundle)
        self.assertEqual(self.cart(request), {})

    def test_stock_is_counted_over_the_whole_cart(self) -> None:
        self.skip_without_cart()
        self.skip_without_stock()
        _pot, _cup, bundle = self.make_tea_set(stock=1)
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        before = self.cart(request)
        with self.assertRaises(CannotAddToCart):
            serving.add_to_cart(bundle.pk, request)
        self.assertEqual(self.cart(request), before)

    def test_the_discount_arrives_in_the_cart(self) -> None:
        self.skip_without_cart()
        _pot, _cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        self.assertEqual(self.cart_discount(request), Decimal("5.00"))

    def test_a_price_that_changes_changes_the_discount(self) -> None:
        self.skip_without_cart()
        pot, _cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        self.set_price(pot, Decimal("20.00"))
        self.assertEqual(self.cart_discount(request), Decimal("3.00"))

    def test_a_bundle_that_is_not_on_offer_any_more_saves_nothing(self) -> None:
        self.skip_without_cart()
        _pot, _cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        Bundle.objects.filter(pk=bundle.pk).update(status=Bundle.Status.PAUSED)
        self.assertEqual(self.cart_discount(request), Decimal(0))

    def test_a_bundle_that_is_broken_up_saves_nothing_and_keeps_the_rest(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        self.take_out(request, pot)
        self.assertEqual(self.cart(request), {self.key(cup): 2})
        self.assertEqual(self.cart_discount(request), Decimal(0))

    def test_two_bundles_with_the_same_product_stay_apart(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        tray = self.make_product("Contract tray", Decimal("10.00"), stock=5)
        other = self.make_bundle({cup: 2, tray: 1})
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        serving.add_to_cart(other.pk, request)
        self.assertEqual(self.cart(request), {self.key(pot): 1, self.key(cup): 4, self.key(tray): 1})
        self.remove_bundle(request, bundle)
        self.assertEqual(self.cart(request), {self.key(cup): 2, self.key(tray): 1})
        self.assertEqual(self.cart_discount(request), Decimal("2.00"))

    def test_removing_a_bundle_leaves_the_single_items_that_were_there(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        request = self.make_request()
        get_adapter().add_to_cart(request, [_line(self.key(cup), 1, "5.00")], bundle)  # The rest beside a single item
        before = self.cart(request)
        serving.add_to_cart(bundle.pk, request)
        self.assertEqual(self.cart(request), {self.key(pot): 1, self.key(cup): 3})
        self.remove_bundle(request, bundle)
        self.assertEqual(self.cart(request), before)

    # Variants

    def test_an_item_tells_what_it_is_sold_in_and_each_variant_leads_to_it(self) -> None:
        coffee, variants, _pot, _bundle = self.make_coffee_set()
        adapter, key = get_adapter(), self.key(coffee)
        card = adapter.get_items([key], None)[key]
        told = [(one.key, one.label, one.price, one.can_sell(1)) for one in card.variants]
        small, large, huge = variants
        self.assertEqual(told[0], (small, "small", Decimal("10.00"), True))
        self.assertEqual(told[1], (large, "large", Decimal("30.00"), True))
        self.assertEqual(told[2][:3], (huge, "huge", Decimal("90.00")))
        self.assertEqual(told[2][3], not self.counts_stock, "A variant that is sold out says so.")
        self.assertEqual(card.price, Decimal("10.00"), "Until one is chosen, the first to be had is the price.")
        sold = adapter.get_items([large], None)[large]
        self.assertEqual((sold.key, sold.parent, sold.price), (large, key, Decimal("30.00")))
        self.assertEqual(adapter.parents([large, key]), {large: key})
        self.assertFalse({small, large, huge} & {item.key for item in adapter.items()}, "No variant is an item.")

    def test_any_number_of_items_with_variants_costs_the_same_queries(self) -> None:
        keys = []
        for number in range(1, 5):
            product = self.make_product(f"Contract shirt {number}", Decimal(9), stock=1)
            for label in "SML"[: 1 + number // 2]:
                self.make_variant(product, label, Decimal(9), stock=1)
            keys.append(self.key(product))

        def query_count(asked: list[str]) -> int:
            with CaptureQueriesContexts() as queries:
                self.assertEqual(len(get_adapter().get_items(asked, None)), len(asked))
            return queries.count

        query_count(keys[:1])
        self.assertEqual(query_count(keys), query_count(keys[:1]), "get_items asks for all variants at once.")

    def test_the_chosen_variant_is_what_is_priced_and_put_into_the_cart(self) -> None:
        self.skip_without_cart()
        _coffee, (small, large, _huge), pot, bundle = self.make_coffee_set()
        for choices, expected, saved in (([], small, "4.00"), ([large], large, "8.00")):
            request = self.make_request()
            offer = serving.add_to_cart(bundle.pk, request, choices=choices)
            self.assertEqual(offer.saving, Decimal(saved))
            self.assertEqual(self.cart(request), {self.key(pot): 1, expected: 2})
            self.assertEqual(self.cart_discount(request), Decimal(saved), "A bundle is whole in any variant.")

    def test_a_choice_that_cannot_be_had_adds_nothing(self) -> None:
        self.skip_without_cart()
        _coffee, (small, large, huge), pot, bundle = self.make_coffee_set()
        wrong = [["no-such-variant"], [self.key(pot)], [small, large], *([[huge]] if self.counts_stock else [])]
        for choices in wrong:
            request = self.make_request()
            with self.assertRaises(CannotAddToCart):
                serving.add_to_cart(bundle.pk, request, choices=choices)
            self.assertEqual(self.cart(request), {})

    def test_stock_is_counted_by_variant(self) -> None:
        self.skip_without_cart()
        self.skip_without_stock()
        _coffee, (small, large, _huge), _pot, bundle = self.make_coffee_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request, choices=[large])
        with self.assertRaises(CannotAddToCart):
            serving.add_to_cart(bundle.pk, request, choices=[large])
        serving.add_to_cart(bundle.pk, request, choices=[small])
        self.assertEqual((self.cart(request)[small], self.cart(request)[large]), (2, 2))

    def test_an_order_keeps_the_variant_and_teaches_the_item(self) -> None:
        self.skip_without_cart()
        coffee, (_small, large, _huge), pot, bundle = self.make_coffee_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request, choices=[large])
        sold = {line.key: (line.quantity, line.discount, line.bundle_id) for line in self.checkout(request)}
        self.assertEqual(
            sold,
            {self.key(pot): (1, Decimal("2.00"), bundle.pk), large: (2, Decimal("6.00"), bundle.pk)},
        )
        rows = [dict(zip(LINE_COLUMNS, row, strict=True)) for row in get_adapter().order_lines()]
        learned = {str(row["item_key"]): row["quantity"] for row in rows if row["counts"]}
        self.assertEqual(learned, {self.key(pot): 1, self.key(coffee): 2})

    # The checkout

    def test_order_lines_keep_the_bundle_its_discount_and_what_led_to_it(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request, impression=IMPRESSION)
        lines = sorted(self.checkout(request), key=lambda line: line.quantity)
        kept: dict[str, Any] = {"bundle_id": bundle.pk, "impression": IMPRESSION}
        self.assertEqual(
            lines,
            [
                OrderedLine(key=self.key(pot), quantity=1, discount=Decimal("4.00"), **kept),
                OrderedLine(key=self.key(cup), quantity=2, discount=Decimal("1.00"), **kept),
            ],
        )
        self.assertEqual(self.cart(request), {})

    def test_a_sale_tells_what_led_to_it(self) -> None:
        self.skip_without_cart()
        _pot, _cup, bundle = self.make_tea_set()
        request, began = self.make_request(), timezone.now() - timedelta(days=1)
        serving.add_to_cart(bundle.pk, request, impression=IMPRESSION)
        self.checkout(request)
        sales = get_adapter().sales(since=began)
        if sales is None:
            raise SkipTest("MAP['line'] tells neither what led to an order nor whose it was: no sale is credited.")
        rows = [dict(zip(SALE_COLUMNS, row, strict=True)) for row in sales]
        self.assertEqual({row["impression"] for row in rows}, {IMPRESSION}, "Set MAP['line']['impression'].")
        self.assertEqual(sum(row["discount"] for row in rows), Decimal("5.00"), "Set MAP['line']['discount'].")

    def test_what_was_ordered_is_learned_from(self) -> None:
        self.skip_without_cart()
        pot, cup, bundle = self.make_tea_set()
        request = self.make_request()
        serving.add_to_cart(bundle.pk, request)
        self.checkout(request)
        rows = [dict(zip(LINE_COLUMNS, row, strict=True)) for row in get_adapter().order_lines()]
        sold = {str(row["item_key"]): row["quantity"] for row in rows if row["counts"]}
        self.assertEqual((sold.get(self.key(pot)), sold.get(self.key(cup))), (1, 2))
        self.assertEqual(len({row["order_key"] for row in rows}), 1)

    def test_no_more_sets_are_sold_than_may_be(self) -> None:
        self.skip_without_cart()
        _pot, _cup, bundle = self.make_tea_set()
        Bundle.objects.filter(pk=bundle.pk).update(max_uses=1)
        shoppers = [self.make_request(), self.make_request()]
        for request in shoppers:
            serving.add_to_cart(bundle.pk, request)
        orders = [self.checkout(request) for request in shoppers]
        bundle.refresh_from_db()
        self.assertEqual(bundle.use_count, 1, "The checkout calls bundle_app.redemptions.redeem in its transaction.")
        saved = [sum((line.discount for line in order), Decimal(0)) for order in orders]
        self.assertEqual(saved, [Decimal("5.00"), Decimal(0)])


class CaptureQueriesContexts:
    """Counts the queries on all databases: a shop's products may be on any."""

    def __enter__(self) -> CaptureQueriesContexts:
        self._contexts = [CaptureQueriesContext(connection) for connection in connections.all()]
        for context in self._contexts:
            context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        for context in self._contexts:
            context.__exit__(*error)

    @property
    def count(self) -> int:
        return sum(len(context) for context in self._contexts)


def _line(key: str, quantity: int, unit_price: str) -> CartLine:
    return CartLine(key=key, quantity=quantity, unit_price=Decimal(unit_price), discount=Decimal(0))
