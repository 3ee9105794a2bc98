"""The cart, kept in the session: single items, and bundles as groups that come and go whole.

Only product numbers and quantities are kept. Prices, stock and a bundle's discount are asked anew whenever the cart is
read, so what a shopper sees is what the checkout will charge. Each group has a name of its own, so that a page that is
open in a second window cannot take another group out than the one it shows.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bundle_app import serving
from bundle_app.shop import ItemCard
from example_shop.models import Product, Voucher
from example_shop.vouchers import voucher_discounts, voucher_of

SESSION_KEY = "basket"
MAX_QUANTITY = 99
MAX_BUNDLES = 20


class CartError(Exception):
    """The cart cannot hold what was asked; the message is for the shopper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CartItem:
    """`discount` is the set's and `voucher_discount` the voucher's, each for the whole quantity."""

    product: Product
    quantity: int
    discount: Decimal = Decimal(0)
    voucher_discount: Decimal = Decimal(0)

    @property
    def full(self) -> Decimal:
        return self.product.price * self.quantity

    @property
    def total(self) -> Decimal:
        return self.full - self.discount - self.voucher_discount


@dataclass(frozen=True, slots=True, kw_only=True)
class CartBundle:
    """`name` is the group's own within the cart. `notice` tells the shopper why it saves nothing any more."""

    name: str
    bundle_id: int
    title: str
    impression: str
    items: tuple[CartItem, ...]
    notice: str
    combinable: bool

    @property
    def is_offered(self) -> bool:
        return not self.notice

    @property
    def full(self) -> Decimal:
        return sum((item.full for item in self.items), Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((item.discount for item in self.items), Decimal(0))

    @property
    def total(self) -> Decimal:
        return sum((item.total for item in self.items), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class CartContents:
    """What the cart holds, priced. `problems` are sentences for the shopper; with any, nothing can be ordered.

    `voucher` is the code that counts, "" for none.
    """

    items: tuple[CartItem, ...]
    bundles: tuple[CartBundle, ...]
    problems: tuple[str, ...]
    voucher: str = ""

    def __bool__(self) -> bool:
        return bool(self.items or self.bundles)

    @property
    def all_items(self) -> list[CartItem]:
        return [*self.items, *(item for bundle in self.bundles for item in bundle.items)]

    @property
    def full(self) -> Decimal:
        return sum((item.full for item in self.all_items), Decimal(0))

    @property
    def discount(self) -> Decimal:
        return sum((item.discount for item in self.all_items), Decimal(0))

    @property
    def voucher_discount(self) -> Decimal:
        return sum((item.voucher_discount for item in self.all_items), Decimal(0))

    @property
    def has_sets_apart(self) -> bool:
        """Whether a voucher would leave some set as it is."""
        return any(not bundle.combinable for bundle in self.bundles)

    @property
    def total(self) -> Decimal:
        return self.full - self.discount - self.voucher_discount


class Cart:
    def __init__(self, session: SessionBase) -> None:
        self._session = session
        stored = session.get(SESSION_KEY) or {}
        self._items: dict[str, int] = dict(stored.get("items", {}))
        self._bundles: list[dict[str, Any]] = list(stored.get("bundles", []))
        self._voucher: str = stored.get("voucher", "")

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
        contents = CartContents(
            items=tuple(
                CartItem(product=found[sku], quantity=quantity) for sku, quantity in self._items.items() if sku in found
            ),
            bundles=_priced_bundles(self._bundles, found),
            problems=tuple(_problems(wanted, found)),
        )
        voucher = voucher_of(self._voucher) if contents else None
        return _with_voucher(contents, voucher) if voucher is not None else contents

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

    def add_bundle(self, bundle_id: int, parts: Mapping[str, int], *, impression: str = "") -> None:
        """Put all parts in as one group, or none. `impression` names the showing that led to it.

        Raises:
            CartError: a part cannot be bought, or not so many; the cart is as it was.
        """
        if len(self._bundles) >= MAX_BUNDLES:
            raise CartError(
                _("There are already %(count)d sets in the cart; please order these first.") % {"count": MAX_BUNDLES}
            )
        self._refuse_unless_in_stock(parts)
        group = {"name": secrets.token_hex(4), "bundle": bundle_id, "parts": dict(parts), "impression": impression}
        self._bundles.append(group)
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

    def break_up(self, name: str, sku: str, quantity: int) -> bool:
        """Change how many of a part a group holds, none to take it out: what is left become single items.

        Returns whether it was broken up: a group or part that is not there, or the quantity that it has, changes
        nothing.

        Raises:
            CartError: there are not so many; the cart is as it was.
        """
        group = next((group for group in self._bundles if group["name"] == name), None)
        if group is None or group["parts"].get(sku, quantity) == quantity:
            return False
        parts = {**group["parts"], sku: quantity}
        if quantity > group["parts"][sku]:
            self._refuse_unless_in_stock({sku: quantity - group["parts"][sku]})
        self._bundles.remove(group)
        for part, count in parts.items():
            if count:
                self._items[part] = self._items.get(part, 0) + count
        self._save()
        return True

    def remove_bundle(self, name: str) -> None:
        """Take a group out, all its parts with it. A name that is not there changes nothing."""
        self._bundles = [group for group in self._bundles if group["name"] != name]
        self._save()

    def use_voucher(self, code: str) -> None:
        """Use a voucher, or none for an empty code.

        Raises:
            CartError: there is no such voucher; the one before is kept.
        """
        if code and voucher_of(code) is None:
            raise CartError(_("There is no voucher “%(code)s”.") % {"code": code})
        self._voucher = code
        self._save()

    def clear(self) -> None:
        self._items, self._bundles, self._voucher = {}, [], ""
        self._save()

    def _save(self) -> None:
        self._session[SESSION_KEY] = {"items": self._items, "bundles": self._bundles, "voucher": self._voucher}
        self._session.modified = True

    def _refuse_unless_in_stock(self, more: Mapping[str, int]) -> None:
        wanted = self.quantities() + Counter(more)
        wanted = Counter({sku: wanted[sku] for sku in more})
        for problem in _problems(wanted, products_by_sku(wanted)):
            raise CartError(problem)


def products_by_sku(skus: Mapping[str, int]) -> dict[str, Product]:
    """What is sold by these numbers, with the products that they are sizes of."""
    found = Product.objects.filter(sku__in=list(skus)).select_related("parent").order_by("pk")
    return {product.sku: product for product in found}


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


def _priced_bundles(groups: list[dict[str, Any]], products: Mapping[str, Product]) -> tuple[CartBundle, ...]:
    """The stored groups with today's prices; what they save, or why they save nothing, is for `bundle_app` to say."""
    if not groups:
        return ()
    cards = {
        sku: ItemCard(
            key=sku,
            title=product.title,
            price=product.price,
            currency=product.currency,
            cost=product.cost,
            parent=product.parent.sku if product.parent else "",
        )
        for sku, product in products.items()
    }
    held = [
        serving.HeldBundle(bundle_id=group["bundle"], quantities=group["parts"], impression=group["impression"])
        for group in groups
    ]
    return tuple(
        CartBundle(
            name=group["name"],
            bundle_id=group["bundle"],
            title=priced.title,
            impression=group["impression"],
            notice=priced.notice,
            combinable=priced.combinable,
            items=tuple(
                CartItem(product=products[sku], quantity=group["parts"][sku], discount=discount)
                for sku, discount in priced.discounts.items()
            ),
        )
        for group, priced in zip(groups, serving.price_held(held, cards), strict=True)
    )


def _with_voucher(contents: CartContents, voucher: Voucher) -> CartContents:
    """The contents with a voucher taken off all that may be combined with it."""
    eligible = [*contents.items, *(item for bundle in contents.bundles if bundle.combinable for item in bundle.items)]
    discounts = iter(
        voucher_discounts([item.total for item in eligible], percent=voucher.percent, currency=settings.SHOP_CURRENCY)
    )

    def reduced(items: tuple[CartItem, ...]) -> tuple[CartItem, ...]:
        return tuple(replace(item, voucher_discount=next(discounts)) for item in items)

    items = reduced(contents.items)
    bundles = tuple(
        replace(bundle, items=reduced(bundle.items)) if bundle.combinable else bundle for bundle in contents.bundles
    )
    return replace(contents, items=items, bundles=bundles, voucher=voucher.code)
