"""What the cart must know of a bundle: what is in it, and what it saves today."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bundle_app.models import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOffer:
    """`title` is empty for a bundle without a name of its own."""

    title: str
    discount_percent: Decimal
    parts: Mapping[str, int]


def offers_of(bundle_ids: Collection[int]) -> dict[int, BundleOffer]:
    """The bundles among these that are on offer now; no query for none."""
    if not bundle_ids:
        return {}
    bundles = Bundle.objects.on_offer().filter(pk__in=bundle_ids).prefetch_related("parts")
    return {
        bundle.pk: BundleOffer(title=bundle.title, discount_percent=bundle.discount_percent, parts=bundle.quantities())
        for bundle in bundles
    }
