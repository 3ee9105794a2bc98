"""Which variant of each part is sold: the one in the cart, the one that the shopper chose, or the first to be had.

Choices are variant keys, in no order. A bundle is a composition of items, so a choice changes what is priced, counted
and put into the cart, and nothing of what the bundle is. All pieces of a part are of one variant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext

from bundle_app.exceptions import ChoiceNotOffered
from bundle_app.models import Bundle, BundlePart
from bundle_app.shop import ItemCard, VariantCard

MOST_CHOICES = 50
"""More than any bundle has parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A variant in the list of a part: whether it is the chosen one, and whether it can be had."""

    variant: VariantCard
    is_chosen: bool
    can_be_had: bool


def sold_cards(
    bundle: Bundle,
    cards: Mapping[str, ItemCard],
    *,
    choices: Collection[str] = (),
    held: Mapping[str, int] | None = None,
) -> dict[str, ItemCard]:
    """By item key, the cards of what would be sold: an item's own, or that of its chosen variant.

    Without a choice it is the first variant of which enough are left beside what the cart holds (`held`, by the keys
    of what is sold), in the shop's order: the one whose price `ItemCard.with_variants` puts on the page.
    """
    found = {}
    for part in bundle.parts.all():
        card = cards.get(part.item_key)
        if card is not None:
            found[part.item_key] = card.as_variant(_sold(part, card, choices, held or {})) if card.variants else card
    return found


def _sold(part: BundlePart, card: ItemCard, choices: Collection[str], held: Mapping[str, int]) -> VariantCard:
    chosen = [variant for variant in card.variants if variant.key in choices]
    left = [variant for variant in card.variants if is_left(variant, part.quantity, held)]
    for_sale = [variant for variant in card.variants if variant.can_sell(part.quantity)]
    return [*chosen, *left, *for_sale, *card.variants][0]


def options(part: BundlePart, card: ItemCard, sold: ItemCard, held: Mapping[str, int]) -> tuple[Option, ...]:
    """What a shopper may choose from for a part that is sold as `sold`; nothing where there is nothing to choose."""
    return tuple(
        Option(variant=variant, is_chosen=variant.key == sold.key, can_be_had=is_left(variant, part.quantity, held))
        for variant in card.variants
    )


def is_left(card: ItemCard | VariantCard, quantity: int, held: Mapping[str, int]) -> bool:
    """Whether so many can be sold beside what the cart holds of it."""
    return card.can_sell(quantity + held.get(card.key, 0))


def held_of(card: ItemCard | None, item_key: str, held: Mapping[str, int]) -> str:
    """The key of what the cart holds of an item, whichever variant it is; "" if it holds none of it."""
    keys = [item_key, *(variant.key for variant in (card.variants if card else ()))]
    return next((key for key in keys if held.get(key)), "")


def refuse_unoffered(bundle: Bundle, cards: Mapping[str, ItemCard], choices: Iterable[str]) -> None:
    """Let nobody choose what is none of the bundle's variants, or two of one part.

    Raises:
        ChoiceNotOffered: the message is for the shopper, whose page is old.
    """
    offered = {
        variant.key: part.item_key
        for part in bundle.parts.all()
        if part.item_key in cards
        for variant in cards[part.item_key].variants
    }
    chosen = list(choices)
    parts = [offered.get(key) for key in chosen]
    if None in parts or len(set(parts)) < len(parts):
        raise ChoiceNotOffered(gettext("That choice is not offered any more. Please choose once more."))
