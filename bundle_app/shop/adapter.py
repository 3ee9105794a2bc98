"""The adapter protocol: all that the app asks of a shop.

Methods come in two kinds. The offline ones are called by the worker and stream: they may return a million lines.
The online ones are called by web processes and are batched: one call a page, whatever the number of items.

Products are named by an `item_key`, a string of at most 64 characters. What it stands for is the shop's business; it
must be stable and the same in order lines and in the catalogue.

Where a product comes in variants (sizes, bindings), the item is the parent: it is what is learned from, what bundles
hold, and what rules and evidence speak of. A variant is what is priced, counted and sold. It has a key of its own,
which no item has: that is what the cart holds and what the order line says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from bundle_app import conf
from bundle_app.exceptions import CannotAddToCart, ConfigurationError

if TYPE_CHECKING:
    from bundle_app.models import Bundle

SHOPPER = "shopper_key"
LINE_COLUMNS = ("order_key", "item_key", "quantity", "unit_price", "ordered_at", "counts", SHOPPER)
"""Columns of `order_lines`, in order. `counts` is false for lines of cancelled or unpaid orders. The shopper is the
shop's own id, or None; the export replaces it by a pseudonym before it is written anywhere."""
SALE_COLUMNS = (*LINE_COLUMNS, "discount", "other_discount", "refunded", "cost", "currency", "impression")
"""Columns of `sales`, in order: `LINE_COLUMNS`, what the bundle and what else took off the line, what was paid back for
it, what one piece cost the shop, and the word that `CartLine.impression` had. Each of the added ones may be None."""
VIEW_COLUMNS = (SHOPPER, "item_key", "viewed_at")
"""Columns of `views`, in order. The shopper is the same id as in the order lines."""

IMPRESSION_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """A product as the worker sees it."""

    key: str
    title: str
    category: str | None = None
    price: Decimal | None = None
    cost: Decimal | None = None
    sellable: bool = True
    content: bool = False
    """A book, a film, a piece of music: a bundle of such things alone is of a kind of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCard:
    """One of the ways in which an item is sold. `label` tells it from the others in a word or two: "M", "paperback"."""

    key: str
    label: str
    price: Decimal | None
    sellable: bool = True
    stock: int | None = None
    cost: Decimal | None = None

    def can_sell(self, quantity: int) -> bool:
        return _can_sell(self, quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCard:
    """A product as a page shows it. `stock` None means that it is not counted; `url` and `image_url` may be empty.

    `cost` is what one piece costs the shop, where that is known. It keeps bundles above the floor, it is told in admin,
    and no page or answer to shoppers holds it.

    An item with `variants` cannot be sold as it is, only as one of them: see `with_variants` and `as_variant`. The card
    of a variant has that item's key as its `parent`.
    """

    key: str
    title: str
    category: str | None = None
    price: Decimal | None
    currency: str
    url: str = ""
    image_url: str = ""
    sellable: bool = True
    stock: int | None = None
    cost: Decimal | None = None
    variants: tuple[VariantCard, ...] = ()
    parent: str = ""

    def can_sell(self, quantity: int) -> bool:
        if self.variants:
            return any(variant.can_sell(quantity) for variant in self.variants)
        return _can_sell(self, quantity)

    @property
    def item_key(self) -> str:
        """What bundles know it by: the parent's key for a variant, else its own."""
        return self.parent or self.key

    def with_variants(self, variants: Sequence[VariantCard]) -> ItemCard:
        """This item with the variants that it is sold in, in the shop's order; as it is where there are none.

        It then costs what its first variant costs that can be bought: that is what a shopper gets who does not choose.
        Not what the cheapest costs, since a price on a page is a promise, and one click must keep it.
        """
        if not variants:
            return self
        first = next((variant for variant in variants if variant.can_sell(1)), variants[0])
        return replace(
            self,
            price=first.price,
            cost=first.cost,
            stock=first.stock,
            sellable=self.sellable and first.sellable,
            variants=tuple(replace(one, sellable=one.sellable and self.sellable) for one in variants),
        )

    def as_variant(self, variant: VariantCard) -> ItemCard:
        """What is sold of this item if that variant is chosen."""
        return replace(
            self,
            key=variant.key,
            parent=self.key,
            title=gettext("%(title)s, %(variant)s") % {"title": self.title, "variant": variant.label},
            price=variant.price,
            cost=variant.cost,
            stock=variant.stock,
            sellable=variant.sellable,
            variants=(),
        )


def _can_sell(card: ItemCard | VariantCard, quantity: int) -> bool:
    return (
        card.sellable and card.price is not None and card.price >= 0 and (card.stock is None or card.stock >= quantity)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """What goes into the cart: `discount` is this line's part of the bundle's discount, for all its quantity.

    `key` is that of what is sold, the chosen variant's where there is a choice; `parent` is the item's key then, else
    "". The bundle knows the line by its `item_key`.

    `impression` is an opaque word of at most IMPRESSION_LENGTH characters that names the showing which led to this, or
    "". A shop keeps it with the order line, so that what was sold can be told from what would have been sold anyway.
    """

    key: str
    quantity: int
    unit_price: Decimal
    discount: Decimal
    impression: str = ""
    parent: str = ""

    @property
    def item_key(self) -> str:
        return self.parent or self.key


class ShopAdapter(ABC):
    """Subclass this, or FieldMapAdapter, and name the class in BUNDLE_APP["ADAPTER"]."""

    keeps_impressions: bool = False
    """Whether the cart keeps each bundle's `CartLine.impression`, and hands it to `price_held`. Without it a cart could
    not hold the price that an experiment has shown, so there are no experiments about prices."""

    # Offline

    @abstractmethod
    def order_lines(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]]:
        """All order lines as an unordered `values_list` of LINE_COLUMNS: exported by one query, not read in pages."""

    def sales(self, *, since: datetime) -> QuerySet[Any, tuple[Any, ...]] | None:
        """Order lines since then as a `values_list` of SALE_COLUMNS, the lines of an order one after the other.

        It is what sales are credited to showings by; None where the shop cannot say when an order was placed, or
        neither whose it was nor which showing led to it.
        """
        return None

    @abstractmethod
    def items(self) -> Iterator[CatalogueItem]:
        """The whole catalogue, streamed."""

    def views(self, *, since: datetime | None = None) -> QuerySet[Any, tuple[Any, ...]] | None:
        """What shoppers looked at, as an unordered `values_list` of VIEW_COLUMNS; None where the shop records none."""
        return None

    # Online

    @abstractmethod
    def key_for(self, product: Any) -> str:
        """The item key of whatever the shop's templates hold: a product, its key, a variant (its parent's key)."""

    def parents(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Item keys by variant key, for those of these keys that are variants': none in a shop without variants."""
        return {}

    def item_keys(self, keys: Sequence[str]) -> list[str]:
        """What bundles know these products by, once each and in order: the parent's key for a variant."""
        parents = self.parents(keys)
        return list(dict.fromkeys(parents.get(key, key) for key in keys))

    @abstractmethod
    def get_items(self, keys: Sequence[str], request: HttpRequest | None) -> dict[str, ItemCard]:
        """Cards of the items and variants that exist, in one query, or two in a shop with variants.

        An item's card holds its variants; a variant's key is answered with the card of what is sold (`as_variant`).
        `request` is there for prices that depend on the shopper.
        """

    @abstractmethod
    def search_items(self, query: str, *, limit: int) -> list[ItemCard]:
        """Items whose title or key matches, for the product picker in admin."""

    def subject(self, request: HttpRequest) -> str | None:
        """The word by which the shop knows whoever is looking; None for a visitor of whom it knows nothing.

        The user's number, else the key of the session if there is one: none is made for this. For somebody who is
        logged in it should be what `order_lines` says of the shopper, so that an order finds the clicks that led to it.
        Only a pseudonym of it is kept.
        """
        user, session = getattr(request, "user", None), getattr(request, "session", None)
        if user is not None and user.is_authenticated:
            return str(user.pk)
        return getattr(session, "session_key", None)

    def segments(self, request: HttpRequest) -> frozenset[str]:
        """The groups that a shopper belongs to, as words: "trade", "club". Rules may speak to one of them.

        Asked only where a rule in force depends on it, once a page. The answer is used and forgotten: nothing of it is
        stored or logged.
        """
        return frozenset()

    @property
    def has_cart(self) -> bool:
        """Whether `add_to_cart` leads anywhere; without it the widget shows bundles and no button."""
        return type(self).add_to_cart is not ShopAdapter.add_to_cart

    def cart_quantities(self, request: HttpRequest) -> Mapping[str, int]:
        """How many of each product are in the shopper's cart, singly and in bundles together. Variants count apart.

        It is what stock is compared with, beside what a bundle would add.
        """
        return {}

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Bundle) -> None:
        """Put all lines into the shopper's cart, or none. It is called inside a transaction of the default database.

        A whole bundle goes in as a group of its own, apart from single items and from other bundles with the same
        products, so that it can be taken out whole and `serving.price_held` can tell whether it still is one.
        `bundle.combinable` says whether other offers may be used beside it. Beside a cart that holds some parts of the
        bundle already, `lines` are the others, without a discount: they are the whole bundle if their quantities by
        `item_key` are `bundle.quantities()`.

        Raises:
            CannotAddToCart: with a message for the shopper.
        """
        raise CannotAddToCart(gettext("Sets cannot be added to the cart of this shop."))


def get_adapter() -> ShopAdapter:
    """A new instance of the class that BUNDLE_APP["ADAPTER"] names.

    Raises:
        ConfigurationError: the path cannot be imported, or is no ShopAdapter.
    """
    path = conf.load().adapter
    try:
        adapter_class = import_string(path)
    except ImportError as error:
        raise ConfigurationError(f"BUNDLE_APP['ADAPTER'] is {path!r}, which cannot be imported: {error}") from error
    if not (isinstance(adapter_class, type) and issubclass(adapter_class, ShopAdapter)):
        raise ConfigurationError(
            f"BUNDLE_APP['ADAPTER'] is {path!r}; expected a subclass of bundle_app.shop.ShopAdapter."
        )
    return adapter_class()
