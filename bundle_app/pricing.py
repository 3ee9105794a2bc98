"""Money arithmetic: pure functions on Decimal, exact to the currency's smallest unit.

It holds no models, no settings and no float. What is unusual: a discount is always *allocated*, line by line, so that
the lines of an order add up to what was paid and one part can be refunded alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

ZERO_DECIMAL_CURRENCIES = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
THREE_DECIMAL_CURRENCIES = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePrice:
    """What a bundle costs: `total` = `full` - `discount`, and `discounts` says which line gives how much of it."""

    full: Decimal
    discount: Decimal
    total: Decimal
    discounts: tuple[Decimal, ...]


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount that can be paid in a currency (ISO 4217 minor unit).

    >>> smallest_unit("EUR"), smallest_unit("JPY"), smallest_unit("KWD")
    (Decimal('0.01'), Decimal('1'), Decimal('0.001'))
    """
    if currency in ZERO_DECIMAL_CURRENCIES:
        return Decimal(1)
    return Decimal("0.001") if currency in THREE_DECIMAL_CURRENCIES else Decimal("0.01")


def price_bundle(line_totals: Sequence[Decimal], *, discount_percent: Decimal, currency: str) -> BundlePrice:
    """Take a percentage off the sum of the lines.

    Shapes: `line_totals` has one amount per line (unit price × quantity); `discounts` has as many.

    >>> price_bundle([Decimal("10.00"), Decimal("5.05")], discount_percent=Decimal(10), currency="EUR").total
    Decimal('13.54')
    """
    full = sum(line_totals, Decimal(0))
    wanted = full * discount_percent / 100
    discount = min(wanted.quantize(smallest_unit(currency), rounding=ROUND_HALF_UP), full)
    return BundlePrice(
        full=full,
        discount=discount,
        total=full - discount,
        discounts=tuple(allocate_discount(line_totals, discount, currency)),
    )


def allocate_discount(line_totals: Sequence[Decimal], discount: Decimal, currency: str) -> list[Decimal]:
    """Split a discount over lines in proportion to their totals, to the smallest unit.

    Each line first gets its share rounded down; the units left over go to the largest remainders, earlier lines first
    among equals. No line gives more than it costs.

    Raises:
        ValueError: the discount is negative or larger than the sum of the lines.

    Source: largest remainder method (Hamilton).

    >>> allocate_discount([Decimal("3.33"), Decimal("3.33"), Decimal("3.34")], Decimal("1.00"), "EUR")
    [Decimal('0.33'), Decimal('0.33'), Decimal('0.34')]
    """
    full = sum(line_totals, Decimal(0))
    if discount < 0 or discount > full:
        raise ValueError(f"The discount is {discount}; expected an amount from 0 to the sum of the lines, {full}.")
    if full == 0:
        return [Decimal(0) for _ in line_totals]
    unit = smallest_unit(currency)
    exact = [discount * total / full for total in line_totals]
    shares = [share.quantize(unit, rounding=ROUND_DOWN) for share in exact]
    left_over = int((discount - sum(shares, Decimal(0))) / unit)
    by_remainder = sorted(range(len(exact)), key=lambda line: (shares[line] - exact[line], line))
    for line in by_remainder[:left_over]:
        shares[line] += unit
    return shares
