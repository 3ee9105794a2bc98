"""The contract tests of `bundle_app.testing`, run on this shop: its adapter, its cart, its checkout."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.test import TestCase

from bundle_app.models import Bundle
from bundle_app.testing import AdapterContract, OrderedLine
from example_shop.cart import Cart, CartError
from example_shop.checkout import place_order
from example_shop.models import Category, Product


class TestTheExampleShop(AdapterContract, TestCase):
    def make_product(self, title: str, price: Decimal, *, stock: int) -> Product:
        category, _ = Category.objects.get_or_create(slug="kitchen", name="Kitchen")
        sku = title.upper().replace(" ", "-")
        return Product.objects.create(sku=sku, title=title, category=category, price=price, stock=stock)

    def sell_out(self, product: Any) -> None:
        Product.objects.filter(pk=product.pk).update(stock=0)

    def set_price(self, product: Any, price: Decimal) -> None:
        Product.objects.filter(pk=product.pk).update(price=price)

    def cart_discount(self, request: HttpRequest) -> Decimal:
        return Cart(request.session).contents().discount

    def take_out(self, request: HttpRequest, product: Any) -> None:
        (group,) = Cart(request.session).contents().bundles
        Cart(request.session).break_up(group.name, product.sku, 0)

    def remove_bundle(self, request: HttpRequest, bundle: Bundle) -> None:
        groups = Cart(request.session).contents().bundles
        (name,) = [group.name for group in groups if group.bundle_id == bundle.pk]
        Cart(request.session).remove_bundle(name)

    def checkout(self, request: HttpRequest) -> list[OrderedLine]:
        try:
            order = place_order(Cart(request.session), email="ann@example.org", user=None)
        except CartError:
            return []
        return [
            OrderedLine(
                key=line.product.sku if line.product else "",
                quantity=line.quantity,
                discount=line.discount,
                bundle_id=line.bundle_id,
                impression=line.impression,
            )
            for line in order.lines.select_related("product")
        ]
