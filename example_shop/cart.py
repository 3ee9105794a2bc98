"""The cart, kept in the session: single items, and bundles as groups that come and go whole.

Only product numbers and quantities are kept. Prices, stock and a bundle's discount are asked anew whenever the cart is
read, so what a shopper sees is what the checkout will charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bundle_app.pricing import price_bundle
from example_shop.models import Product
from example_shop.offers import BundleOffer, offers_of

SESSION_KEY = "cart"
MAX_QUANTITY = 99
MAX_BUNDLES = 20


class CartError(Exception):
    """The cart cannot hold what was asked; the message is for the shopper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CartItem:
    """`discount` is for the whole quantity."""

    product: Product
    quantity: int
    discount: Decimal = Decimal(0)

    @property
    def full(self) -> Decimal:
        return self.product.price * self.quantity

    @property
    def total(self) -> Decimal:
        return self.full - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class CartBundle:
    """`position` names the group within the cart. `is_offered` is false once the bundle is no longer on offer."""

    position: int
    bundle_id: int
    title: str
    items: tuple[CartItem, ...]
    is_offered: bool

    @property
    def full(self) -> Decimal:
        return sum((item.full for item in self.items), Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((item.discount for item in self.items), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.full - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class CartContents:
    """What the cart holds, priced. `problems` are sentences for the shopper; with any, nothing can be ordered."""

    items: tuple[CartItem, ...]
    bundles: tuple[CartBundle, ...]
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.items or self.bundles)

    @property
    def all_items(self) -> list[tuple[CartItem, int | None]]:
        """Every item with the id of the bundle in which it is, if it is in one."""
        single: list[tuple[CartItem, int | None]] = [(item, None) for item in self.items]
        return single + [(item, bundle.bundle_id) for bundle in self.bundles for item in bundle.items]

    @property
    def full(self) -> Decimal:
        return sum((item.full for item, _bundle_id in self.all_items), Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((item.discount for item, _bundle_id in self.all_items), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.full - self.discount


class Cart:
    def __init__(self, session: SessionBase) -> None:
        self._session = session
        stored = session.get(SESSION_KEY) or {}
        self._items: dict[str, int] = dict(stored.get("items", {}))
        self._bundles: list[dict[str, Any]] = list(stored.get("bundles", []))

    # Asking

    @property
    def item_count(self) -> int:
        return sum(self.quantities().values())

    def quantities(self) -> Counter[str]:
        """How many of each product number, singly and in bundles together."""
        counts = Counter(self._items)
        for bundle in self._bundles:
            counts.update(bundle["parts"])
        return counts

    def contents(self, products: Mapping[str, Product] | None = None) -> CartContents:
        """The priced contents; `products` by number, if they were read (and locked) already."""
        wanted = self.quantities()
        found = products if products is not None else products_by_sku(wanted)
        offers = offers_of([bundle["bundle"] for bundle in self._bundles])
        return CartContents(
            items=tuple(
                CartItem(product=found[sku], quantity=quantity) for sku, quantity in self._items.items() if sku in found
            ),
            bundles=tuple(
                _priced_bundle(position, stored, found, offers.get(stored["bundle"]))
                for position, stored in enumerate(self._bundles)
            ),
            problems=tuple(_problems(wanted, found)),
        )

    # Changing

    def add(self, product: Product, quantity: int = 1) -> None:
        """Put a product in.

        Raises:
            CartError: there are not so many; the cart is as it was.
        """
        self.add_all({product.sku: quantity})

    def add_all(self, quantities: Mapping[str, int]) -> None:
        """Put several products in as single items, or none.

        Raises:
            CartError: one cannot be bought, or not so many; the cart is as it was.
        """
        self._refuse_unless_in_stock(quantities)
        for sku, quantity in quantities.items():
            self._items[sku] = self._items.get(sku, 0) + quantity
        self._save()

    def add_bundle(self, bundle_id: int, parts: Mapping[str, int]) -> None:
        """Put all parts in as one group, or none.

        Raises:
            CartError: a part cannot be bought, or not so many; the cart is as it was.
        """
        if len(self._bundles) >= MAX_BUNDLES:
            raise CartError(
                _("There are already %(count)d sets in the cart; please order these first.") % {"count": MAX_BUNDLES}
            )
        self._refuse_unless_in_stock(parts)
        self._bundles.append({"bundle": bundle_id, "parts": dict(parts)})
        self._save()

    def set_quantity(self, product: Product, quantity: int) -> None:
        """Change the quantity of a single item; none takes it out.

        Raises:
            CartError: there are not so many; the cart is as it was.
        """
        if quantity > 0:
            self._refuse_unless_in_stock({product.sku: quantity - self._items.get(product.sku, 0)})
            self._items[product.sku] = quantity
        else:
            self._items.pop(product.sku, None)
        self._save()

    def remove(self, sku: str) -> None:
        self._items.pop(sku, None)
        self._save()

    def remove_bundle(self, position: int) -> None:
        """Take a group out, all its parts with it. A position that is not there changes nothing."""
        if 0 <= position < len(self._bundles):
            del self._bundles[position]
            self._save()

    def clear(self) -> None:
        self._items, self._bundles = {}, []
        self._save()

    def _save(self) -> None:
        self._session[SESSION_KEY] = {"items": self._items, "bundles": self._bundles}
        self._session.modified = True

    def _refuse_unless_in_stock(self, more: Mapping[str, int]) -> None:
        wanted = self.quantities() + Counter(more)
        wanted = Counter({sku: wanted[sku] for sku in more})
        for problem in _problems(wanted, products_by_sku(wanted)):
            raise CartError(problem)


def products_by_sku(skus: Mapping[str, int]) -> dict[str, Product]:
    return {product.sku: product for product in Product.objects.filter(sku__in=list(skus)).order_by("pk")}


def _problems(wanted: Mapping[str, int], products: Mapping[str, Product]) -> list[str]:
    """Why this cannot be ordered, as sentences for the shopper."""
    found = []
    for sku, quantity in wanted.items():
        product = products.get(sku)
        if product is None or not product.active:
            name = product.local_title if product else sku
            found.append(_("“%(title)s” is not sold any more.") % {"title": name})
        elif product.stock == 0 and quantity > 0:
            found.append(_("“%(title)s” is sold out.") % {"title": product.local_title})
        elif quantity > min(product.stock, MAX_QUANTITY):
            available = min(product.stock, MAX_QUANTITY)
            found.append(
                ngettext(
                    "Only %(count)d of “%(title)s” can be ordered.",
                    "Only %(count)d of “%(title)s” can be ordered.",
                    available,
                )
                % {"count": available, "title": product.local_title}
            )
    return found


def _priced_bundle(
    position: int, stored: Mapping[str, Any], products: Mapping[str, Product], offer: BundleOffer | None
) -> CartBundle:
    """A stored group with today's prices; without its discount if the bundle is off or a part is gone."""
    parts = {sku: quantity for sku, quantity in stored["parts"].items() if sku in products}
    is_offered = offer is not None and offer.parts == parts
    price = price_bundle(
        [products[sku].price * quantity for sku, quantity in parts.items()],
        discount_percent=offer.discount_percent if offer is not None and is_offered else Decimal(0),
        currency=settings.SHOP_CURRENCY,
    )
    return CartBundle(
        position=position,
        bundle_id=stored["bundle"],
        title=offer.title if offer is not None else "",
        is_offered=is_offered,
        items=tuple(
            CartItem(product=products[sku], quantity=quantity, discount=discount)
            for (sku, quantity), discount in zip(parts.items(), price.discounts, strict=True)
        ),
    )
