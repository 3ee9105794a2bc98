"""Offers as JSON. Amounts are strings with the decimals of their currency: JSON numbers are floats to most readers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from bundle_app import explain
from bundle_app.serving import Offer
from bundle_app.serving.choosing import MOST_CHOICES


class AmountField(serializers.DecimalField):
    """Money, exact and as a string, whatever the host's COERCE_DECIMAL_TO_STRING says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, coerce_to_string=True, read_only=True, **options)


class BundleVariantSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="variant.key", read_only=True, help_text="What to send as a choice.")
    title = serializers.CharField(source="variant.label", read_only=True, help_text="What tells it from the others.")
    unit_price = AmountField(source="variant.price", help_text="Price of one piece; null without one.")
    available = serializers.BooleanField(
        source="can_be_had", read_only=True, help_text="Whether as many are left as the bundle holds."
    )
    chosen = serializers.BooleanField(
        source="is_chosen", read_only=True, help_text="Whether the prices are those of this one."
    )


class BundlePartSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="item.key", read_only=True, help_text="Of what is sold: of the chosen variant.")
    item_key = serializers.CharField(
        source="item.item_key",
        read_only=True,
        help_text="Of the item: its key again, or that of what it is a variant of.",
    )
    title = serializers.CharField(source="item.title", read_only=True)
    url = serializers.CharField(source="item.url", read_only=True, help_text="Empty if the item has no page.")
    image_url = serializers.CharField(source="item.image_url", read_only=True, help_text="Empty without a picture.")
    quantity = serializers.IntegerField(read_only=True)
    unit_price = AmountField(source="item.price", help_text="Price of one piece.")
    line_total = AmountField(help_text="Price of all pieces before the discount.")
    discount = AmountField(help_text="This line's share of the bundle's discount.")
    in_cart = serializers.BooleanField(read_only=True, help_text="Already in the cart: neither priced nor added.")
    variants = BundleVariantSerializer(
        source="options", many=True, read_only=True, help_text="What can be chosen; empty where there is no choice."
    )


class BundleWordsSerializer(serializers.Serializer[Offer]):
    """Amounts as the answer's language writes them, for a page that shows them as they are."""

    unit_prices = serializers.SerializerMethodField(help_text="Price of one piece of each part, in their order.")
    full_price = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()
    saving = serializers.SerializerMethodField(help_text="In a sentence; empty without a discount.")

    def get_unit_prices(self, offer: Offer) -> list[str]:
        return [explain.money(part.item.price or Decimal(0), offer.currency) for part in offer.parts]

    def get_full_price(self, offer: Offer) -> str:
        return explain.money(offer.price.full, offer.currency)

    def get_total(self, offer: Offer) -> str:
        return explain.money(offer.price.total, offer.currency)

    def get_saving(self, offer: Offer) -> str:
        return explain.saving(offer.saving, offer.currency) if offer.saving else ""


class BundleOfferSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="bundle.pk", read_only=True)
    title = serializers.CharField(read_only=True)
    kind = serializers.CharField(source="bundle.kind", read_only=True, help_text="pair, set, content or personal.")
    why = serializers.CharField(read_only=True, help_text="One sentence for the shopper.")
    currency = serializers.CharField(read_only=True, help_text="ISO 4217 code.")
    full_price = AmountField(source="price.full", help_text="Sum of the lines.")
    discount = AmountField(source="price.discount", help_text="What the bundle saves.")
    total = AmountField(source="price.total", help_text="What the shopper pays.")
    price_form = serializers.CharField(
        read_only=True, help_text="percent, amount, fixed_price or cheapest_free; empty without a discount."
    )
    note = serializers.CharField(read_only=True, help_text="The form of the price in words, or empty.")
    combinable = serializers.BooleanField(
        source="bundle.combinable", read_only=True, help_text="Whether other offers may be used beside it."
    )
    valid_until = serializers.DateTimeField(
        source="bundle.valid_until", read_only=True, help_text="When the offer ends; null if it does not."
    )
    impression = serializers.CharField(
        read_only=True, help_text="Names this showing; send it back when adding. Empty if showings are not named."
    )
    words = BundleWordsSerializer(source="*", read_only=True)
    parts = BundlePartSerializer(many=True, read_only=True)


class BundleAddSerializer(serializers.Serializer[Any]):
    only_missing = serializers.BooleanField(
        default=False, help_text="Leave out the parts that are in the cart already."
    )

    impression = serializers.CharField(
        default="", allow_blank=True, help_text="The showing that led to this, as the offer named it."
    )
    choices = serializers.ListField(
        child=serializers.CharField(max_length=64),
        default=list,
        max_length=MOST_CHOICES,
        help_text="Keys of variants, at most one for each part; without one, the first that can be had is sold.",
    )


class BundleProblemSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(read_only=True, help_text="A sentence for people.")
    code = serializers.CharField(read_only=True, help_text="A word for programs.")
