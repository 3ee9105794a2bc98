"""`{% load bundles %}`: bundles on a shop's page, by a ready widget or as objects for the shop's own markup.

    {% bundle_widget product %}                              on a product page
    {% bundle_widget placement="cart" %}                     in the cart: what goes with its contents
    {% bundle_widget limit=3 %}                              anywhere: the shop's best
    {% bundles_for product limit=2 as bundles %}             as objects (`bundle_app.serving.Offer`)
    {{ offer.price.total|money:offer.currency }}

What is unusual: these tags catch every exception. A shop's page is worth more than a recommendation on it, so a
failure is logged and nothing is shown. A database that is away costs a page one try and the log a line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any

from django import template
from django.db import connections, transaction
from django.http import HttpRequest
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

from bundle_app import explain, outages, serving
from bundle_app.shop import get_adapter

logger = logging.getLogger(__name__)
register = template.Library()

MOST_OFFERS = 50


@register.simple_tag(takes_context=True)
def bundle_widget(
    context: Context, product: Any = None, *, limit: int = 1, placement: str = "", template: str | None = None
) -> SafeString:
    """The widget for a product; for the cart's contents with placement "cart"; for the whole shop without a product."""
    where = placement or ("product" if product else "home")
    request = _request(context)
    try:
        with _host_transaction_kept():
            offers = _offers(request, product, limit=limit, placement=where, is_drawn=True)
            html = serving.render(offers, request=request, placement=where, template=template)
    except Exception as error:  # noqa: BLE001  (see the module)
        _log("The bundle widget was left out of a page; its placement is %r.", where, error, request)
        return SafeString("")
    return mark_safe(html)  # noqa: S308  (rendered by a template that escapes)


@register.simple_tag(takes_context=True)
def bundles_for(context: Context, product: Any = None, *, limit: int = 1, placement: str = "") -> list[serving.Offer]:
    """The offers themselves, for the shop's own markup."""
    request = _request(context)
    try:
        with _host_transaction_kept():
            return _offers(request, product, limit=limit, placement=placement)
    except Exception as error:  # noqa: BLE001  (see the module)
        _log("The bundles were left out of a page; its placement is %r.", placement, error, request)
        return []


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """An amount in a currency, as the active language writes it."""
    return explain.money(amount, currency)


@register.filter
def saving(amount: Decimal, currency: str) -> str:
    """What a shopper saves, in a sentence."""
    return explain.saving(amount, currency)


def _offers(
    request: HttpRequest | None, product: Any, *, limit: int, placement: str, is_drawn: bool = False
) -> list[serving.Offer]:
    """In the cart, what is in it is the context, and only what is missing from a bundle is offered."""
    outages.refuse_to_wait_again(request)
    adapter = get_adapter()
    in_cart = adapter.cart_quantities(request) if placement == "cart" and request is not None else {}
    anchors = [adapter.key_for(product)] if product else adapter.item_keys(list(in_cart))
    return serving.bundles_for(
        anchors,
        request=request,
        limit=min(int(limit), MOST_OFFERS),
        in_cart=in_cart,
        placement=placement,
        is_drawn=is_drawn,
    )


def _log(told: str, placement: str, error: Exception, request: HttpRequest | None) -> None:
    if outages.is_away(error):
        outages.remember(request)
        logger.error(f"{told} The database does not answer: %s", placement, outages.in_a_line(error))  # noqa: G004
    else:
        logger.error(told, placement, exc_info=error)


def _request(context: Context) -> HttpRequest | None:
    """The page's request, with or without the `request` context processor."""
    request = context.get("request") or getattr(context, "request", None)
    return request if isinstance(request, HttpRequest) else None


@contextmanager
def _host_transaction_kept() -> Iterator[None]:
    """Let a failing query be rolled back alone where the page runs inside a transaction (ATOMIC_REQUESTS).

    PostgreSQL refuses every statement after a failed one until the transaction, or a savepoint in it, is rolled back.
    A savepoint costs two statements, SAVEPOINT and RELEASE, so it is taken only inside a transaction: there the widget
    issues six statements, of which four are queries; elsewhere it issues the four.
    """
    with ExitStack() as savepoints:
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block:
                savepoints.enter_context(transaction.atomic(using=connection.alias))
        yield
