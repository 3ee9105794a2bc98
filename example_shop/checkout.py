"""Turns a cart into an order, in one transaction: either all of it is written and taken from stock, or nothing."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from example_shop.cart import Cart, CartContents, CartError
from example_shop.models import Order, OrderLine, Product

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@transaction.atomic
def place_order(cart: Cart, *, email: str, user: User | None) -> Order:
    """Write the order and empty the cart.

    Products are locked in the order of their primary keys, so that two shoppers with the same things in their carts
    wait for one another instead of deadlocking.

    Raises:
        CartError: the cart is empty, or something in it cannot be had any more; nothing was written.
    """
    locked = Product.objects.select_for_update().filter(sku__in=list(cart.quantities())).order_by("pk")
    contents = cart.contents({product.sku: product for product in locked})
    if not contents:
        raise CartError(_("The cart is empty."))
    for problem in contents.problems:
        raise CartError(problem)
    order = Order.objects.create(
        number=_new_number(), user=user, email=email, placed_at=timezone.now(), status=Order.Status.PAID
    )
    _write_lines(order, contents)
    for sku, quantity in cart.quantities().items():
        Product.objects.filter(sku=sku).update(stock=F("stock") - quantity, sold_count=F("sold_count") + 1)
    cart.clear()
    return order


def _write_lines(order: Order, contents: CartContents) -> None:
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=item.product,
            title=item.product.title,
            quantity=item.quantity,
            unit_price=item.product.price,
            discount=item.discount,
            bundle_id=bundle_id,
        )
        for item, bundle_id in contents.all_items
    )


def _new_number() -> str:
    """Not guessable, and easy to read out: no letters that look like digits."""
    return "L" + "".join(secrets.choice("23456789ACDEFHJKMNPQRTUVWXY") for _ in range(9))
