"""A bundle with today's prices, or the reasons why it cannot be bought.

Pure but for reading `bundle.parts`, which callers fetch beforehand: the shop's item cards are handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext

from bundle_app import explain
from bundle_app.models import Bundle, BundlePart
from bundle_app.pricing import BundlePrice, price_bundle, smallest_unit
from bundle_app.serving.candidates import Candidate
from bundle_app.shop import CartLine, ItemCard


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPart:
    """One line of an offer: `line_total` is for all its quantity and before `discount`.

    A part that is `in_cart` is shown and neither priced nor added.
    """

    item: ItemCard
    quantity: int
    line_total: Decimal
    discount: Decimal
    is_anchor: bool = False
    in_cart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A bundle that can be bought now; `price` is what is still to be paid for it.

    `anchor_key` is the item that it was found for, "" if it was found for none.
    """

    bundle: Bundle
    parts: tuple[OfferedPart, ...]
    price: BundlePrice
    currency: str
    why: str
    anchor_key: str

    @property
    def title(self) -> str:
        return self.bundle.title or " + ".join(part.item.title for part in self.parts)

    @property
    def saving(self) -> Decimal:
        return self.price.discount

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
            )
            for part in self.missing
        ]


def compose(
    candidate: Candidate,
    cards: Mapping[str, ItemCard],
    *,
    anchors: Collection[str] = (),
    in_cart: Collection[str] = (),
) -> Offer | None:
    """Price a candidate, the page's own item first; None if any of it cannot be bought, or none is left to buy.

    What is in the cart already is not sold twice. The discount is one for the whole bundle: for the rest of a bundle
    there is none, because no cart could tell it from a bundle that was taken apart again.
    """
    bundle = candidate.bundle
    parts = sorted(bundle.parts.all(), key=lambda part: part.item_key not in anchors)
    missing = [part for part in parts if part.item_key not in in_cart]
    if obstacles(bundle, cards) or not missing:
        return None
    currency = cards[parts[0].item_key].currency
    price = price_bundle(
        [_line_total(part, cards, currency=currency) for part in missing],
        discount_percent=bundle.discount_percent if missing == parts else Decimal(0),
        currency=currency,
    )
    discounts = dict(zip([part.item_key for part in missing], price.discounts, strict=True))
    return Offer(
        bundle=bundle,
        parts=tuple(
            OfferedPart(
                item=cards[part.item_key],
                quantity=part.quantity,
                line_total=_line_total(part, cards, currency=currency),
                discount=discounts.get(part.item_key, Decimal(0)),
                is_anchor=part.item_key in anchors,
                in_cart=part.item_key in in_cart,
            )
            for part in parts
        ),
        price=price,
        currency=currency,
        why=explain.why(
            candidate.evidence,
            rung=candidate.rung,
            anchor_key=candidate.anchor_key,
            titles={part.item_key: cards[part.item_key].title for part in parts},
        ),
        anchor_key=candidate.anchor_key or next((part.item_key for part in parts if part.item_key in anchors), ""),
    )


def _line_total(part: BundlePart, cards: Mapping[str, ItemCard], *, currency: str) -> Decimal:
    total = (cards[part.item_key].price or Decimal(0)) * part.quantity
    return total.quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)


def obstacles(bundle: Bundle, cards: Mapping[str, ItemCard]) -> list[str]:
    """Why a bundle cannot be bought, one plain sentence each; empty if it can. For merchandisers."""
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
