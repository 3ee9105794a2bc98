"""Pieces of an order that come back: what they cost is paid back, and they go into stock again.

A part of a set is worth its share of what was paid for the set. The other parts keep theirs, so nobody gains or loses
by the order in which things come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from bundle_app import redemptions
from bundle_app.pricing import refund_due
from example_shop.models import Order, OrderLine, Product


class RefundError(Exception):
    """The pieces cannot come back; the message is for the clerk."""


def take_back(order: Order, pieces: Mapping[int, int]) -> Decimal:
    """Take pieces back, by line, all or none. Returns what is paid back for them.

    Once every piece of an order has come back, its sets no longer count as sold.

    Raises:
        RefundError: a line has not so many pieces left; nothing was written.
    """
    with transaction.atomic():
        lines = list(order.lines.select_for_update().order_by("pk"))
        paid_back = sum((_take_back(line, pieces.get(line.pk, 0)) for line in lines), Decimal(0))
        if not any(line.returnable_count for line in lines):
            redemptions.give_back(order.number)
    return paid_back


def _take_back(line: OrderLine, count: int) -> Decimal:
    if not 0 <= count <= line.returnable_count:
        raise RefundError(
            _("“%(title)s”: %(count)d pieces cannot come back; %(left)d can.")
            % {"title": line.title, "count": count, "left": line.returnable_count}
        )
    if not count:
        return Decimal(0)
    due = refund_due(
        paid=line.total,
        quantity=line.quantity,
        returned=count,
        returned_before=line.refunded_quantity,
        currency=settings.SHOP_CURRENCY,
    )
    line.refunded_quantity += count
    line.refunded_amount += due
    line.save(update_fields=["refunded_quantity", "refunded_amount"])
    if line.product_id is not None:  # It may have been deleted since.
        Product.objects.filter(pk=line.product_id).update(stock=F("stock") + count)
    return due
