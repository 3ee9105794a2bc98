"""Builders for tests that look at bundles through the tutorial shop: products, versions, scored and hand-made bundles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.utils import timezone

from bundle_app.exceptions import CannotAddToCart
from bundle_app.models import Bundle, BundlePart, ModelVersion, Score, composition_hash
from bundle_app.shop import CartLine, FieldMapAdapter, ItemCard

TUTORIAL = {
    "MAP": {"preset": "tutorial"},
    "ADAPTER": "tests.bundle_app.tutorial_shop.SessionCartAdapter",
    "EXPLORATION_RATIO": 0,
}
"""BUNDLE_APP of these tests."""

HOSTILE_TITLES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</section></template><svg/onload=alert(1)>",
    "{{ 7|add:7 }}{% now 'Y' %}",
    "&lt;b&gt; & \u202egnp.exe",
)


class SessionCartAdapter(FieldMapAdapter):
    """The tutorial shop with a cart in the session, as its book has it. It holds at most nine pieces of a product."""

    def cart_quantities(self, request: HttpRequest) -> Mapping[str, int]:
        quantities: dict[str, int] = request.session.get("cart", {})
        return quantities

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        cart = dict(request.session.get("cart", {}))
        for line in lines:
            cart[line.key] = cart.get(line.key, 0) + line.quantity
            if cart[line.key] > 9:
                raise CannotAddToCart("No more than nine pieces of a product.")
        request.session["cart"] = cart


class BrokenAdapter(SessionCartAdapter):
    """A shop whose catalogue does not answer."""

    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        raise RuntimeError("The catalogue does not answer.")


class FailingQueryAdapter(SessionCartAdapter):
    """A shop one of whose queries fails in the database."""

    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        list(self.item_model._default_manager.raw("SELECT no_such_column AS id"))
        raise AssertionError("The database answered a query that it cannot answer.")


class SegmentAdapter(SessionCartAdapter):
    """A shop that reads a shopper's groups off a header, and is not to be asked about one of them."""

    def segments(self, request: HttpRequest) -> frozenset[str]:
        told = request.headers.get("X-Segments", "")
        if told == "unanswerable":
            raise RuntimeError("The shop was asked who comes.")
        return frozenset(told.split())


class StockAdapter(SessionCartAdapter):
    """A shop with one piece of everything, priced in a currency for each letter that a title begins with."""

    def card(self, product: Any) -> ItemCard:
        card = super().card(product)
        currency = {"€": "EUR", "¥": "JPY"}.get(card.title[:1], "USD")
        return ItemCard(key=card.key, title=card.title, price=card.price, currency=currency, stock=1)


class CountingAdapter(SessionCartAdapter):
    """A shop that has as many pieces of a product as the number in its title says."""

    def card(self, product: Any) -> ItemCard:
        card = super().card(product)
        return replace(card, stock=int(card.title.split()[-1]))


class HalfwayAdapter(SessionCartAdapter):
    """A shop whose cart is an open order in the database, and which has room for one line."""

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Any) -> None:
        order = apps.get_model("orders", "Order").objects.create(email="ann@example.org")
        for number, line in enumerate(lines):
            if number:
                raise CannotAddToCart("No room for the second line.")
            order.items.create(product_id=int(line.key), quantity=line.quantity, price=line.unit_price)


def product(name: str, price: str = "10.00", *, category: str = "Things", available: bool = True) -> Any:
    category_row, _ = apps.get_model("shop", "Category").objects.get_or_create(name=category)
    return apps.get_model("shop", "Product").objects.create(
        category=category_row, name=name, price=Decimal(price), available=available
    )


def products(count: int) -> list[Any]:
    return [product(f"Product {number}", f"{number}.00") for number in range(1, count + 1)]


def version(*, live: bool = True) -> ModelVersion:
    return ModelVersion.objects.create(
        state=ModelVersion.State.LIVE if live else ModelVersion.State.READY,
        fingerprint="0" * 64,
        artefact="models/test",
        rung="co_purchase",
        published_at=timezone.now() if live else None,
    )


def bundle(parts: Iterable[Any] | Mapping[Any, int], **fields: Any) -> Bundle:
    """A bundle of products, active and generated unless said otherwise."""
    quantities = dict(parts) if isinstance(parts, Mapping) else dict.fromkeys(parts, 1)
    made = Bundle.objects.create(
        composition_hash=composition_hash({str(part.pk): quantity for part, quantity in quantities.items()}),
        **{"status": Bundle.Status.ACTIVE, "source": Bundle.Source.GENERATED, **fields},
    )
    BundlePart.objects.bulk_create(
        BundlePart(bundle=made, item_key=str(part.pk), title=part.name, quantity=quantity, position=position)
        for position, (part, quantity) in enumerate(quantities.items())
    )
    return made


def score(of: Bundle, model_version: ModelVersion, *, anchor: Any = None, rank: int = 1, **fields: Any) -> Score:
    """A score for a product's page, or for the whole shop."""
    facts = {"score": 1 / (1 + rank), "rung": "co_purchase", "evidence": {}}
    facts["anchor_key"] = "" if anchor is None else str(anchor.pk)
    return Score.objects.create(model_version=model_version, bundle=of, rank=rank, **{**facts, **fields})


def titles(offers: Iterable[Any]) -> list[list[str]]:
    return [[part.item.title for part in offer.parts] for offer in offers]
