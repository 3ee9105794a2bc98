"""Offers as JSON. Amounts are strings with the decimals of their currency: JSON numbers are floats to most readers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class AmountField(serializers.DecimalField):
    """Money, exact and as a string, whatever the host's COERCE_DECIMAL_TO_STRING says."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, coerce_to_string=True, read_only=True, **options)


class BundlePartSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="item.key", read_only=True)
    title = serializers.CharField(source="item.title", read_only=True)
    url = serializers.CharField(source="item.url", read_only=True, help_text="Empty if the item has no page.")
    image_url = serializers.CharField(source="item.image_url", read_only=True, help_text="Empty without a picture.")
    quantity = serializers.IntegerField(read_only=True)
    unit_price = AmountField(source="item.price", help_text="Price of one piece.")
    line_total = AmountField(help_text="Price of all pieces before the discount.")
    discount = AmountField(help_text="This line's share of the bundle's discount.")
    in_cart = serializers.BooleanField(read_only=True, help_text="Already in the cart: neither priced nor added.")


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
    parts = BundlePartSerializer(many=True, read_only=True)


class BundleAddSerializer(serializers.Serializer[Any]):
    only_missing = serializers.BooleanField(
        default=False, help_text="Leave out the parts that are in the cart already."
    )

    impression = serializers.CharField(
        default="", allow_blank=True, help_text="The showing that led to this, as the offer named it."
    )


class BundleProblemSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(read_only=True, help_text="A sentence for people.")
    code = serializers.CharField(read_only=True, help_text="A word for programs.")
