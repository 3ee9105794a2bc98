"""A bundle into the shopper's cart, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from django.db import transaction
from django.http import HttpRequest
from django.utils.text import get_text_list
from django.utils.translation import gettext

from bundle_app.exceptions import CannotAddToCart
from bundle_app.models import Bundle
from bundle_app.models.score import SHOP_WIDE
from bundle_app.serving.candidates import Candidate
from bundle_app.serving.choosing import held_of, refuse_unoffered, sold_cards
from bundle_app.serving.offers import Offer, compose, obstacles
from bundle_app.serving.pages import bundle_on_offer, promised, refuse_hidden
from bundle_app.shop import IMPRESSION_LENGTH, ItemCard, get_adapter


def add_to_cart(
    bundle_id: int,
    request: HttpRequest,
    *,
    only_missing: bool = False,
    impression: str = "",
    choices: Collection[str] = (),
) -> Offer:
    """Put all parts of a bundle on offer into the cart, at today's prices, the discount allocated line by line.

    Stock is compared with the whole cart: what it holds of a part already, and what the bundle adds. With
    `only_missing`, parts that are in the cart already are not added once more. `impression` names the showing that
    led to this; one that no widget can have sent is dropped, since a sale is worth more. `choices` are the variants to
    sell, by their keys; of an item that none is chosen of, it is the first to be had.

    Raises:
        BundleNotOnOffer: there is none of that number, it may not be sold now, or a rule hides it.
        CannotAddToCart: a part is sold out, or the cart refused; the message is for the shopper.
        ChoiceNotOffered: a choice is none of the bundle's variants, or there are two of one part.
    """
    bundle = bundle_on_offer(bundle_id)
    adapter = get_adapter()
    cards = adapter.get_items(list(bundle.quantities()), request)
    held = adapter.cart_quantities(request)
    refuse_unoffered(bundle, cards, choices)
    if only_missing and all(held_of(cards.get(key), key, held) for key in bundle.quantities()):
        raise CannotAddToCart(gettext("All of this set is in your cart already."))
    known = impression if len(impression) <= IMPRESSION_LENGTH and "\x00" not in impression else ""
    candidate = Candidate(bundle=bundle, anchor_key=SHOP_WIDE, evidence={}, discount_percent=promised(bundle, known))
    offer = compose(candidate, cards, held=held, only_missing=only_missing, choices=choices)
    if offer is None:
        raise CannotAddToCart(_refusal(bundle, cards, sold_cards(bundle, cards, choices=choices, held=held)))
    refuse_hidden(offer, request=request)
    offer = replace(offer, impression=known)
    with transaction.atomic():  # A cart in the database keeps nothing of a bundle that it refuses halfway.
        adapter.add_to_cart(request, offer.cart_lines, bundle)
    return offer


def _refusal(bundle: Bundle, cards: Mapping[str, ItemCard], sold: Mapping[str, ItemCard]) -> str:
    """Which part is missing, and in which variant. A shopper is not told how many pieces are left."""
    missing = [
        sold[part.item_key].title if part.item_key in sold else part.title or part.item_key
        for part in bundle.parts.all()
        if part.item_key not in sold or not sold[part.item_key].can_sell(part.quantity)
    ]
    if missing:
        return gettext("Sold out: %(titles)s. Nothing was added to your cart.") % {
            "titles": get_text_list(missing, gettext("and"))
        }
    if obstacles(bundle, cards):
        return gettext("This set cannot be bought at the moment. Nothing was added to your cart.")
    return gettext("Your cart holds so many of its products that none is left for this set. Nothing was added.")
