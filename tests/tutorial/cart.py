"""The tutorial shop's cart and checkout with bundles: what its owner writes, and `docs/shop-adapter.md` shows.

BUNDLE_APP = {"MAP": {"preset": "tutorial", "cart": "cart.add", "cart_quantities": "cart.quantities"}}
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from bundle_app import redemptions, serving
from bundle_app.exceptions import BundleNotOnOffer
from bundle_app.models import Bundle
from bundle_app.shop import CartLine, get_adapter
from tests.tutorial.orders.models import Order, OrderItem
from tests.tutorial.shop.models import Product


class Cart:
    """In the session: {"items": {key: quantity}, "sets": [{"name", "bundle", "parts": {key: quantity}, "impression"}]}"""

    def __init__(self, request: HttpRequest) -> None:
        self.session = request.session
        stored = self.session.get("cart", {})
        self.items: dict[str, int] = dict(stored.get("items", {}))
        self.sets: list[dict[str, Any]] = list(stored.get("sets", []))

    def save(self) -> None:
        self.session["cart"] = {"items": self.items, "sets": self.sets}

    def quantities(self) -> Counter[str]:
        counts = Counter(self.items)
        for group in self.sets:
            counts.update(group["parts"])
        return counts

    def prices(self) -> list[serving.HeldPrice]:
        """Each set at today's prices, with what it saves or why it saves nothing any more."""
        held = [
            serving.HeldBundle(
                bundle_id=group["bundle"], quantities=group["parts"], impression=group.get("impression", "")
            )
            for group in self.sets
        ]
        return serving.price_held(held, get_adapter().get_items(list(self.quantities()), None))

    def take_out(self, name: str, key: str) -> None:
        """A set without one of its parts is none: the others become single items."""
        group = next(group for group in self.sets if group["name"] == name)
        self.sets.remove(group)
        self.items = dict(Counter(self.items) + Counter({**group["parts"], key: 0}))
        self.save()

    def remove_set(self, name: str) -> None:
        self.sets = [group for group in self.sets if group["name"] != name]
        self.save()

    def clear(self) -> None:
        self.items, self.sets = {}, []
        self.save()


def quantities(request: HttpRequest) -> Counter[str]:
    return Cart(request).quantities()


def add(request: HttpRequest, lines: Sequence[CartLine], bundle: Bundle) -> None:
    """A whole bundle is a set of its own; the rest of one, beside what was in the cart, are single items."""
    cart, parts = Cart(request), {line.key: line.quantity for line in lines}
    if {line.item_key: line.quantity for line in lines} == bundle.quantities():
        group = {"name": secrets.token_hex(4), "bundle": bundle.pk, "parts": parts, "impression": lines[0].impression}
        cart.sets.append(group)
    else:
        cart.items = dict(Counter(cart.items) + Counter(parts))
    cart.save()


def checkout(request: HttpRequest, *, email: str) -> Order | None:
    """Write the order, and count its sets in the same transaction; None where a set is not to be had any more."""
    cart = Cart(request)
    try:
        with transaction.atomic():
            order = Order.objects.create(email=email, paid=True)
            priced = list(zip(cart.sets, cart.prices(), strict=True))
            for key, quantity in cart.items.items():
                _write(order, key, quantity)
            for group, price in priced:
                whole = price.standing is serving.HeldStanding.WHOLE
                for key, discount in price.discounts.items():
                    _write(
                        order,
                        key,
                        group["parts"][key],
                        discount=discount,
                        bundle_id=group["bundle"] if whole else None,
                        impression=group["impression"],
                    )
            redemptions.redeem(
                str(order.pk),
                Counter(group["bundle"] for group, price in priced if price.standing is serving.HeldStanding.WHOLE),
            )
    except BundleNotOnOffer:
        return None
    cart.clear()
    return order


def discount(request: HttpRequest) -> Decimal:
    return sum((price.price.discount for price in Cart(request).prices()), Decimal(0))


def _write(order: Order, key: str, quantity: int, **kept: Any) -> None:
    price = Product.objects.get(pk=int(key)).price
    OrderItem.objects.create(order=order, product_id=int(key), quantity=quantity, price=price, **kept)
