"""What the shop's templates need beyond Django's own tags."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.conf import settings
from django.utils.formats import number_format

from bundle_app.pricing import smallest_unit

register = template.Library()

SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CNY": "¥", "JPY": "¥"}


@register.filter
def price(amount: Decimal) -> str:
    """An amount in the shop's currency, as the reader's language writes numbers."""
    currency = settings.SHOP_CURRENCY
    places = -int(smallest_unit(currency).as_tuple().exponent)
    number = number_format(abs(amount), decimal_pos=places, use_l10n=True, force_grouping=True)
    symbol = SYMBOLS.get(currency, f"{currency}\N{NO-BREAK SPACE}")
    return f"{'−' if amount < 0 else ''}{symbol}{number}"
