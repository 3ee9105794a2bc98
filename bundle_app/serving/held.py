"""Bundles that a cart holds already: what they save today, or why they save nothing any more.

A cart keeps numbers and quantities; whenever it is read, and once more at the checkout, it asks here. The discount
belongs to the whole bundle: it ends when the bundle is broken up, and when it is not on offer any more. A bundle is
whole with any variant of its items, so that a size may be exchanged for another. Two queries whatever the number of
bundles, a third where some are not on offer, one more while an experiment is about prices, none for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext

from bundle_app import conf
from bundle_app.models import Bundle
from bundle_app.pricing import NO_DISCOUNT, BundlePrice, price_bundle
from bundle_app.serving.offers import as_lines
from bundle_app.serving.promises import arms_with_prices, experiments_about_prices, promised_percent
from bundle_app.shop import ItemCard


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBundle:
    """A group in a cart: the bundle that it was added as, and what is in it now, quantities by key.

    Where a part was sold as a variant, the key is the variant's. `impression` is what `CartLine` said of how it came
    in: an experiment may have promised a price by it.
    """

    bundle_id: int
    quantities: Mapping[str, int]
    impression: str = ""


class HeldStanding(StrEnum):
    """Whether a group still is the bundle that it was added as."""

    WHOLE = "whole"
    BROKEN_UP = "broken_up"
    NOT_ON_OFFER = "not_on_offer"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPrice:
    """A group at today's prices. `price` has a line for each of `keys`; a product that is gone has none.

    Where the standing is not WHOLE, the parts are at their usual price and `notice` tells the shopper so.
    """

    held: HeldBundle
    standing: HeldStanding
    title: str
    combinable: bool
    keys: tuple[str, ...]
    price: BundlePrice

    @property
    def discounts(self) -> dict[str, Decimal]:
        """Each line's share of the discount, by key."""
        return dict(zip(self.keys, self.price.discounts, strict=True))

    @property
    def notice(self) -> str:
        match self.standing:
            case HeldStanding.WHOLE:
                return ""
            case HeldStanding.BROKEN_UP:
                return gettext("This set is not whole any more; what is left of it is at its usual price.")
            case HeldStanding.USED_UP:
                return gettext("No more of this set are left at its price; its parts are at their usual price.")
            case HeldStanding.NOT_ON_OFFER:
                return gettext("This set is not on offer any more; its parts are at their usual price.")


def price_held(groups: Sequence[HeldBundle], cards: Mapping[str, ItemCard]) -> list[HeldPrice]:
    """Price the groups of a cart, in their order; `cards` are those of all that is in them, variants by their keys.

    Where a bundle may be sold only so many times more, its first groups get the price and the others are USED_UP.
    """
    wanted = {group.bundle_id for group in groups}
    asked = Bundle.objects.on_offer().annotate(is_priced_by_arms=experiments_about_prices())
    on_offer: dict[int, Any] = asked.prefetch_related("parts").in_bulk(wanted) if wanted else {}
    others = Bundle.objects.in_bulk(wanted - on_offer.keys()) if wanted - on_offer.keys() else {}
    arms = arms_with_prices() if any(bundle.is_priced_by_arms for bundle in on_offer.values()) else []
    taken: Counter[int] = Counter()
    priced = []
    for group in groups:
        bundle = on_offer.get(group.bundle_id)
        if bundle is None:
            other = others.get(group.bundle_id)
            is_used_up = other is not None and other.uses_left == 0
            standing = HeldStanding.USED_UP if is_used_up else HeldStanding.NOT_ON_OFFER
            priced.append(_priced(group, other, standing, cards))
            continue
        standing = _standing(group, bundle, cards, taken_count=taken[bundle.pk])
        taken[bundle.pk] += standing is HeldStanding.WHOLE
        percent = promised_percent(arms, bundle_id=bundle.pk, impression=group.impression)
        priced.append(_priced(group, bundle, standing, cards, percent=percent))
    return priced


def _standing(group: HeldBundle, bundle: Bundle, cards: Mapping[str, ItemCard], *, taken_count: int) -> HeldStanding:
    """What a group is of a bundle that is on offer, once so many groups before it have been sold."""
    if bundle.quantities() != _by_item(group, cards):
        return HeldStanding.BROKEN_UP
    if bundle.uses_left is not None and bundle.uses_left <= taken_count:
        return HeldStanding.USED_UP
    currencies = {cards[key].currency for key in group.quantities}
    fits = len(currencies) == 1 and bundle.discount.fits(next(iter(currencies)))
    return HeldStanding.WHOLE if fits else HeldStanding.NOT_ON_OFFER


def _by_item(group: HeldBundle, cards: Mapping[str, ItemCard]) -> dict[str, int]:
    """What a group holds in items; nothing that the shop has no more, nor an item that is sold in variants only."""
    counts: Counter[str] = Counter()
    for key, quantity in group.quantities.items():
        if key in cards and not cards[key].variants:
            counts[cards[key].item_key] += quantity
    return dict(counts)


def _priced(
    group: HeldBundle,
    bundle: Bundle | None,
    standing: HeldStanding,
    cards: Mapping[str, ItemCard],
    *,
    percent: Decimal | None = None,
) -> HeldPrice:
    app = conf.load()
    known = {key: quantity for key, quantity in group.quantities.items() if key in cards}
    is_whole = bundle is not None and standing is HeldStanding.WHOLE
    return HeldPrice(
        held=group,
        standing=standing,
        title=bundle.title if bundle is not None else "",
        combinable=bundle is None or not is_whole or bundle.combinable,
        keys=tuple(known),
        price=price_bundle(
            as_lines(known, cards),
            discount=bundle.discount_at(percent) if bundle is not None and is_whole else NO_DISCOUNT,
            currency=next((cards[key].currency for key in known), app.currency),
            floor=app.floor,
        ),
    )
