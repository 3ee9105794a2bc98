"""Builders for tests that look at variants through the example shop: products that come in sizes, and bundles of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.test import RequestFactory

from bundle_app.models import Bundle, BundlePart, composition_hash
from example_shop.cart import Cart
from example_shop.models import Category, Order, OrderLine, Product


def product(sku: str, price: str = "10.00", *, stock: int = 9, **fields: Any) -> Product:
    category, _ = Category.objects.get_or_create(slug="kitchen", name="Kitchen")
    return Product.objects.create(
        sku=sku, title=sku.title(), category=category, price=Decimal(price), stock=stock, **fields
    )


def sized(sku: str, sizes: Mapping[str, tuple[str, int]]) -> Product:
    """A product in sizes, each with its price and its stock; its own price is of no account."""
    made = product(sku, "1.00", stock=0)
    for size, (price, stock) in sizes.items():
        product(f"{sku}-{size}", price, stock=stock, parent=made, size=size)
    return made


def bundle(parts: Mapping[Product, int], **fields: Any) -> Bundle:
    """A bundle on offer, ten percent off, made by hand."""
    quantities = {part.sku: quantity for part, quantity in parts.items()}
    made = Bundle.objects.create(
        composition_hash=composition_hash(quantities),
        **{"status": Bundle.Status.ACTIVE, "source": Bundle.Source.MANUAL, "discount_percent": Decimal(10), **fields},
    )
    BundlePart.objects.bulk_create(
        BundlePart(bundle=made, item_key=key, quantity=quantity, position=position)
        for position, (key, quantity) in enumerate(quantities.items())
    )
    return made


def request_with(session: Any, *in_cart: str) -> HttpRequest:
    """A request of a shopper who has these products in the cart, one piece of each."""
    request = RequestFactory().get("/cart/")
    request.session = session
    for sku in in_cart:
        Cart(session).add(Product.objects.get(sku=sku))
    return request


def order(*bought: Product) -> Order:
    """A paid order of one piece of each."""
    made = Order.objects.create(number=f"T{Order.objects.count()}", status=Order.Status.PAID)
    for product in bought:
        OrderLine.objects.create(order=made, product=product, title=product.title, quantity=1, unit_price=product.price)
    return made
