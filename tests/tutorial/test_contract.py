"""The contract tests of `bundle_app.testing`, run on the tutorial shop: no adapter of its own, and no stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.test import TestCase, override_settings

from bundle_app.models import Bundle
from bundle_app.testing import AdapterContract, OrderedLine
from tests.tutorial import cart
from tests.tutorial.shop.models import Category, Product

MAP = {
    "preset": "tutorial",
    "line": {"impression": "impression", "discount": "discount"},
    "cart": "tests.tutorial.cart.add",
    "cart_quantities": "tests.tutorial.cart.quantities",
}


@override_settings(BUNDLE_APP={"MAP": MAP})
class TestTheTutorialShop(AdapterContract, TestCase):
    counts_stock = False

    def make_product(self, title: str, price: Decimal, *, stock: int) -> Product:
        category, _ = Category.objects.get_or_create(name="Kitchen")
        return Product.objects.create(name=title, category=category, price=price)

    def sell_out(self, product: Any) -> None:
        Product.objects.filter(pk=product.pk).update(available=False)

    def set_price(self, product: Any, price: Decimal) -> None:
        Product.objects.filter(pk=product.pk).update(price=price)

    def cart_discount(self, request: HttpRequest) -> Decimal:
        return cart.discount(request)

    def take_out(self, request: HttpRequest, product: Any) -> None:
        (group,) = cart.Cart(request).sets
        cart.Cart(request).take_out(group["name"], str(product.pk))

    def remove_bundle(self, request: HttpRequest, bundle: Bundle) -> None:
        (name,) = [group["name"] for group in cart.Cart(request).sets if group["bundle"] == bundle.pk]
        cart.Cart(request).remove_set(name)

    def checkout(self, request: HttpRequest) -> list[OrderedLine]:
        order = cart.checkout(request, email="ann@example.org")
        if order is None:
            return []
        return [
            OrderedLine(
                key=str(line.product_id),
                quantity=line.quantity,
                discount=line.discount,
                bundle_id=line.bundle_id,
                impression=line.impression,
            )
            for line in order.items.all()
        ]
