"""Does the contract find what is wrong with a shop? Each of these shops breaks one promise, and one test tells."""

from __future__ import annotations

import unittest
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest
from django.test import override_settings

from bundle_app import redemptions
from bundle_app.shop import CartLine, ItemCard
from bundle_app.testing import AdapterContract
from example_shop.bundles import ExampleShopAdapter
from example_shop.cart import Cart
from tests.example_shop import test_contract

pytestmark = pytest.mark.django_db


class OneByOne(ExampleShopAdapter):
    """Asks for one product after another."""

    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        return {key: card for one in keys for key, card in super(OneByOne, self).get_items([one], request).items()}


class HalfIn(ExampleShopAdapter):
    """Keeps what it could put in before it came to what it could not."""

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        for line in lines:
            super().add_to_cart(request, [line], bundle)


class BlindCart(ExampleShopAdapter):
    """Does not tell what is in the cart."""

    def cart_quantities(self, request: HttpRequest) -> Mapping[str, int]:
        return {}


class SingleItems(ExampleShopAdapter):
    """Puts a bundle in as single items: the discount is lost."""

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        Cart(request.session).add_all({line.key: line.quantity for line in lines})


class ForgetsTheShowing(ExampleShopAdapter):
    """Drops what led to a bundle."""

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        Cart(request.session).add_bundle(bundle.pk, {line.key: line.quantity for line in lines})


def failures(adapter: type[ExampleShopAdapter], name: str, *, settings: Any) -> list[str]:
    """What the one test of this name says of a shop with this adapter."""
    path = f"{__name__}.{adapter.__name__}"
    result = unittest.TestResult()
    with override_settings(BUNDLE_APP={**settings.BUNDLE_APP, "ADAPTER": path}), transaction.atomic():
        test_contract.TestTheExampleShop(name).run(result)
        transaction.set_rollback(True)
    return [told for _test, told in [*result.failures, *result.errors]]


@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        (OneByOne, "test_any_number_of_products_costs_the_same_queries"),
        (HalfIn, "test_what_cannot_all_go_in_does_not_go_in_at_all"),
        (BlindCart, "test_a_bundle_goes_in_whole_and_the_cart_says_so"),
        (SingleItems, "test_the_discount_arrives_in_the_cart"),
        (ForgetsTheShowing, "test_order_lines_keep_the_bundle_its_discount_and_what_led_to_it"),
    ],
)
def test_a_broken_promise_is_found(adapter: type[ExampleShopAdapter], name: str, settings: Any) -> None:
    assert failures(adapter, name, settings=settings)
    assert not failures(ExampleShopAdapter, name, settings=settings)


def test_a_checkout_that_counts_no_sets_is_found(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redemptions, "redeem", lambda *_: None)
    (told,) = failures(ExampleShopAdapter, "test_no_more_sets_are_sold_than_may_be", settings=settings)
    assert "The checkout calls bundle_app.redemptions.redeem in its transaction." in told


def test_a_discount_that_outlives_its_set_is_found(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_out_and_keep_the_set(self: Any, request: HttpRequest, product: Any) -> None:
        cart = Cart(request.session)
        cart._bundles[0]["parts"].pop(product.sku)
        cart._save()

    name = "test_a_bundle_that_is_broken_up_saves_nothing_and_keeps_the_rest"
    monkeypatch.setattr(test_contract.TestTheExampleShop, "take_out", take_out_and_keep_the_set)
    assert not failures(ExampleShopAdapter, name, settings=settings), "serving.price_held sees that it is broken up"
    monkeypatch.setattr(test_contract.TestTheExampleShop, "cart_discount", lambda *_: Decimal("5.00"))
    assert failures(ExampleShopAdapter, name, settings=settings)


def test_what_a_shop_leaves_out_is_skipped_with_its_reason() -> None:
    class Bare(AdapterContract, unittest.TestCase):
        pass

    shop, request = Bare("test_keys_that_no_product_has_are_left_out"), HttpRequest()
    for call, reason in (
        (lambda: shop.cart_discount(request), "does the discount of a bundle reach the shopper"),
        (lambda: shop.checkout(request), "do order lines keep the bundle"),
        (lambda: shop.take_out(request, None), "does the discount end when a bundle is broken up"),
    ):
        with pytest.raises(unittest.SkipTest, match=reason):
            call()
    with pytest.raises(NotImplementedError, match="Override make_product"):
        shop.make_product("", Decimal(1), stock=1)
