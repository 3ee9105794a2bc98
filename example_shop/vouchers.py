"""A voucher takes a percentage off whatever may be combined with it: single items, and sets that say so."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from bundle_app.pricing import allocate_discount, smallest_unit
from example_shop.models import Voucher


def voucher_of(code: str) -> Voucher | None:
    """The voucher that can be used now; no query without a code."""
    return Voucher.objects.filter(code=code.strip().upper(), active=True).first() if code.strip() else None


def voucher_discounts(totals: Sequence[Decimal], *, percent: int, currency: str) -> list[Decimal]:
    """What a voucher takes off each line, to the cent; `totals` are what the lines cost with their sets' discounts.

    >>> voucher_discounts([Decimal("10.00"), Decimal("5.05")], percent=10, currency="EUR")
    [Decimal('1.00'), Decimal('0.51')]
    """
    full = sum(totals, Decimal(0))
    wanted = (full * percent / 100).quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)
    return allocate_discount(totals, wanted, currency)
