"""A bundle with today's prices, or the reasons why it cannot be bought.

Pure but for reading `bundle.parts`, which callers fetch beforehand: the shop's item cards are handed in. Price, stock
and cost of a part are those of what would be sold of it, the chosen variant; title and evidence are the item's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext

from bundle_app import conf, explain
from bundle_app.models import Bundle, BundlePart
from bundle_app.pricing import NO_DISCOUNT, BundlePrice, Limit, Line, line_total, price_bundle
from bundle_app.serving.candidates import Candidate
from bundle_app.serving.choosing import Option, held_of, is_left, options, sold_cards
from bundle_app.shop import CartLine, ItemCard


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPart:
    """One line of an offer: `line_total` is for all its quantity and before `discount`.

    A part that is `in_cart` is shown and neither priced nor added. Where there is a choice, `item` is the chosen
    variant's card, `name` is the item's title without the variant, and `options` are what may be chosen.
    """

    item: ItemCard
    name: str
    options: tuple[Option, ...] = ()
    quantity: int
    line_total: Decimal
    discount: Decimal
    is_anchor: bool = False
    in_cart: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.options) > 1 and not self.in_cart

    @property
    def variant(self) -> str:
        """The label of what is sold, "" where the item has no variants."""
        return next((option.variant.label for option in self.options if option.is_chosen), "")

    @property
    def prices_differ(self) -> bool:
        return len({option.variant.price for option in self.options}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A bundle that can be bought now; `price` is what is still to be paid for it.

    `anchor_key` is the item that it was found for, "" if it was found for none. `available` is how many such sets can
    be sold beside what is in the cart, None where nothing of it is counted. `impression` names this showing of it; the
    widget's form sends it back. `template` and `discount_percent` are those of the visitor's arm in an experiment.
    """

    bundle: Bundle
    parts: tuple[OfferedPart, ...]
    price: BundlePrice
    currency: str
    why: str
    anchor_key: str
    available: int | None = None
    impression: str = ""
    template: str = ""
    discount_percent: Decimal | None = None

    @property
    def title(self) -> str:
        return self.bundle.title or " + ".join(part.name for part in self.parts)

    @property
    def saving(self) -> Decimal:
        return self.price.discount

    @property
    def price_form(self) -> str:
        """How it is cheaper than its parts: a `DiscountForm`, "" if it is not."""
        return str(self.bundle.discount_form) if self.saving else ""

    @property
    def note(self) -> str:
        """The form of its price in a few words for the shopper; empty where the saving says it all."""
        if not self.saving or self.price.limit in {Limit.MAXIMUM, Limit.FLOOR}:
            return ""
        return explain.price_note(self.bundle.discount_at(self.discount_percent), free=self.cheapest.item.title)

    @property
    def is_choice(self) -> bool:
        """Whether some part is still to be chosen."""
        return any(part.is_choice for part in self.parts)

    @property
    def prices_differ(self) -> bool:
        """Whether what is chosen changes what is paid."""
        return any(part.is_choice and part.prices_differ for part in self.parts)

    @property
    def cheapest(self) -> OfferedPart:
        """The part of which a piece is free where the form says so, the first among equals."""
        return min(self.parts, key=lambda part: part.item.price or Decimal(0))

    @property
    def missing(self) -> tuple[OfferedPart, ...]:
        """The parts that the button adds."""
        return tuple(part for part in self.parts if not part.in_cart)

    @property
    def cart_lines(self) -> list[CartLine]:
        return [
            CartLine(
                key=part.item.key,
                quantity=part.quantity,
                unit_price=part.item.price or Decimal(0),
                discount=part.discount,
                impression=self.impression,
                parent=part.item.parent,
            )
            for part in self.missing
        ]


def compose(
    candidate: Candidate,
    cards: Mapping[str, ItemCard],
    *,
    anchors: Collection[str] = (),
    held: Mapping[str, int] | None = None,
    only_missing: bool = False,
    choices: Collection[str] = (),
) -> Offer | None:
    """Price a candidate, the page's own item first; None if any of it cannot be bought, or none is left to buy.

    `held` is what the cart holds of each product: all of it counts against stock. With `only_missing`, what is in the
    cart already is not sold twice. The discount is one for the whole bundle: for the rest of a bundle there is none,
    because no cart could tell it from a bundle that was taken apart again. `choices` are variant keys.
    """
    bundle, held = candidate.bundle, held or {}
    parts = sorted(bundle.parts.all(), key=lambda part: part.item_key not in anchors)
    in_cart = {part.item_key: held_of(cards.get(part.item_key), part.item_key, held) for part in parts if only_missing}
    missing = [part for part in parts if not in_cart.get(part.item_key)]
    sold = sold_cards(bundle, cards, choices=[*filter(None, in_cart.values()), *choices], held=held)
    if _obstacles(bundle, sold) or not missing:
        return None
    if not all(is_left(sold[part.item_key], part.quantity, held) for part in missing):
        return None
    currency = sold[parts[0].item_key].currency
    price = price_bundle(
        as_lines({part.item_key: part.quantity for part in missing}, sold),
        discount=bundle.discount_at(candidate.discount_percent) if missing == parts else NO_DISCOUNT,
        currency=currency,
        floor=conf.load().floor,
    )
    discounts = dict(zip([part.item_key for part in missing], price.discounts, strict=True))
    return Offer(
        bundle=bundle,
        parts=tuple(
            OfferedPart(
                item=sold[part.item_key],
                name=cards[part.item_key].title,
                options=options(part, cards[part.item_key], sold[part.item_key], held),
                quantity=part.quantity,
                line_total=line_total(_line(sold[part.item_key], part.quantity), currency),
                discount=discounts.get(part.item_key, Decimal(0)),
                is_anchor=part.item_key in anchors,
                in_cart=part not in missing,
            )
            for part in parts
        ),
        price=price,
        currency=currency,
        why=explain.why(
            candidate.evidence,
            rung=candidate.rung,
            anchor_key=candidate.item_anchor,
            titles={part.item_key: cards[part.item_key].title for part in parts},
        ),
        anchor_key=candidate.item_anchor or next((part.item_key for part in parts if part.item_key in anchors), ""),
        available=available_count(bundle, missing, sold, held=held),
        discount_percent=candidate.discount_percent,
    )


def as_lines(quantities: Mapping[str, int], cards: Mapping[str, ItemCard]) -> list[Line]:
    """A composition at today's prices and costs."""
    return [_line(cards[key], quantity) for key, quantity in quantities.items()]


def _line(card: ItemCard, quantity: int) -> Line:
    return Line(unit_price=card.price or Decimal(0), quantity=quantity, cost=card.cost)


def available_count(
    bundle: Bundle, parts: Iterable[BundlePart], sold: Mapping[str, ItemCard], *, held: Mapping[str, int]
) -> int | None:
    """How many such sets can be sold beside what the cart holds: the minimum over the parts, and over the uses left.

    `sold` are the cards of what is sold of each part. None where neither stock nor uses are counted.
    """
    counts = [
        max(card.stock - held.get(card.key, 0), 0) // part.quantity
        for part in parts
        if (card := sold[part.item_key]).stock is not None
    ]
    if bundle.uses_left is not None:
        counts.append(bundle.uses_left)
    return min(counts, default=None)


def obstacles(bundle: Bundle, cards: Mapping[str, ItemCard]) -> list[str]:
    """Why a bundle cannot be bought, one plain sentence each; empty if it can. For merchandisers."""
    return _obstacles(bundle, sold_cards(bundle, cards))


def _obstacles(bundle: Bundle, cards: Mapping[str, ItemCard]) -> list[str]:
    parts = list(bundle.parts.all())
    found = [obstacle for part in parts if (obstacle := _obstacle(part, cards.get(part.item_key)))]
    if len(parts) < 2:
        found.append(gettext("A bundle needs at least two products."))
    currencies = sorted({cards[part.item_key].currency for part in parts if part.item_key in cards})
    if len(currencies) > 1:
        found.append(
            gettext("The products are priced in different currencies: %(currencies)s.")
            % {"currencies": ", ".join(currencies)}
        )
    elif currencies and not bundle.discount.fits(currencies[0]):
        found.append(
            gettext("The amounts of its price are in %(expected)s, and the products are priced in %(found)s.")
            % {"expected": bundle.discount_currency, "found": currencies[0]}
        )
    if bundle.uses_left == 0:
        found.append(gettext("As many sets have been sold as may be: %(count)s.") % {"count": bundle.max_uses})
    return found


def _obstacle(part: BundlePart, card: ItemCard | None) -> str:
    if card is None:
        return gettext("%(title)s is not in the shop any more.") % {"title": part.title or part.item_key}
    if not card.sellable:
        return gettext("%(title)s is not for sale.") % {"title": card.title}
    if card.price is None:
        return gettext("%(title)s has no price.") % {"title": card.title}
    if not card.can_sell(part.quantity):
        return gettext("%(title)s: %(stock)s in stock, %(quantity)s needed.") % {
            "title": card.title,
            "stock": card.stock,
            "quantity": part.quantity,
        }
    return ""
