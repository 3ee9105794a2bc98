"""Turns a cart into an order, in one transaction: either all of it is written and taken from stock, or nothing."""

from __future__ import annotations

import secrets
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import redemptions
from bundle_app.exceptions import BundleNotOnOffer
from example_shop.cart import Cart, CartContents, CartError, CartItem
from example_shop.models import Order, OrderLine, Product

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@transaction.atomic
def place_order(cart: Cart, *, email: str, user: User | None, expected_total: Decimal | None = None) -> Order:
    """Write the order and empty the cart.

    Products are locked in the order of their primary keys, so that two shoppers with the same things in their carts
    wait for one another instead of deadlocking; bundles are locked after them, by `redeem`.

    `expected_total` is what the shopper was shown: nobody is charged another sum unasked.

    Raises:
        CartError: the cart is empty, something in it cannot be had any more, or it costs another sum; nothing was
            written.
    """
    locked = Product.objects.select_for_update().filter(sku__in=list(cart.quantities())).order_by("pk")
    contents = cart.contents({product.sku: product for product in locked})
    if not contents:
        raise CartError(_("The cart is empty."))
    for problem in contents.problems:
        raise CartError(problem)
    if expected_total is not None and contents.total != expected_total:
        raise CartError(_("Something in your cart has changed its price. Please look at it once more."))
    order = Order.objects.create(
        number=_new_number(), user=user, email=email, placed_at=timezone.now(), status=Order.Status.PAID
    )
    _write_lines(order, contents)
    _redeem(order, contents)
    for sku, quantity in cart.quantities().items():
        Product.objects.filter(sku=sku).update(stock=F("stock") - quantity, sold_count=F("sold_count") + 1)
    cart.clear()
    return order


def _write_lines(order: Order, contents: CartContents) -> None:
    """Single items, and the sets of the cart group by group: a set that lost its discount is none any more."""
    lines = [_line(order, item) for item in contents.items]
    for number, bundle in enumerate(contents.bundles, start=1):
        kept = {"bundle_id": bundle.bundle_id, "bundle_group": number} if bundle.is_offered else {}
        lines += [_line(order, item, impression=bundle.impression, **kept) for item in bundle.items]
    OrderLine.objects.bulk_create(lines)


def _line(order: Order, item: CartItem, **kept: Any) -> OrderLine:
    return OrderLine(
        order=order,
        product=item.product,
        title=item.product.title,
        quantity=item.quantity,
        unit_price=item.product.price,
        discount=item.discount,
        voucher_discount=item.voucher_discount,
        **kept,
    )


def _redeem(order: Order, contents: CartContents) -> None:
    counts = Counter(bundle.bundle_id for bundle in contents.bundles if bundle.is_offered)
    try:
        redemptions.redeem(order.number, counts)
    except BundleNotOnOffer as error:
        raise CartError(str(error)) from error


def _new_number() -> str:
    """Not guessable, and easy to read out: no letters that look like digits."""
    return "L" + "".join(secrets.choice("23456789ACDEFHJKMNPQRTUVWXY") for _ in range(9))
