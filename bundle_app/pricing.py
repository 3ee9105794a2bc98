"""Money arithmetic: pure functions on Decimal, exact to the currency's smallest unit.

It holds no models, no settings and no float. What is unusual: a discount is always *allocated*, line by line, so that
the lines of an order add up to what was paid and one part can be refunded alone. That holds for "cheapest free" too:
were the free piece's own line to carry it, a shopper could send the paid one back and keep the free one.

    Discount      what a merchandiser set: the form, its number, and the most that it may take off
    Floor         what the shop set: below which no bundle is sold
    price_bundle  the two applied to today's prices
    refund_due    what pieces of a line that come back are worth
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum

ZERO_DECIMAL_CURRENCIES = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
THREE_DECIMAL_CURRENCIES = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
NOTHING = Decimal(0)


class DiscountForm(StrEnum):
    """How a bundle is cheaper than its parts."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FIXED_PRICE = "fixed_price"
    CHEAPEST_FREE = "cheapest_free"


class Limit(StrEnum):
    """What kept a discount smaller than it was set: its own maximum, the shop's floor, or the price of the parts."""

    MAXIMUM = "maximum"
    FLOOR = "floor"
    FULL_PRICE = "full_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """`percent` counts for PERCENT alone; `amount` is what AMOUNT takes off, or what the set costs as FIXED_PRICE.

    `amount` and `maximum` are money of `currency`, and of no other; a discount without either has none.
    """

    form: DiscountForm = DiscountForm.PERCENT
    percent: Decimal = NOTHING
    amount: Decimal = NOTHING
    maximum: Decimal | None = None
    currency: str = ""

    def fits(self, currency: str) -> bool:
        """Whether it can be taken off prices in a currency."""
        return not self.currency or self.currency == currency


NO_DISCOUNT = Discount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least that a bundle may cost: a share of its parts' prices, and a margin on what they cost the shop.

    `margin_ratio` is the gross margin, (price - cost) / price; it binds where the cost of a part is known. At 0 no
    discount goes below a known cost.
    """

    price_ratio: Decimal = NOTHING
    margin_ratio: Decimal = NOTHING


NO_FLOOR = Floor()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One product in a bundle. `cost` is what one piece costs the shop, where that is known."""

    unit_price: Decimal
    quantity: int = 1
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePrice:
    """What a bundle costs: `total` = `full` - `discount`, and `discounts` says which line gives how much of it.

    `full` is the sum of `line_totals`; `limit` tells what kept the discount smaller than it was set.
    """

    full: Decimal
    discount: Decimal
    total: Decimal
    discounts: tuple[Decimal, ...]
    line_totals: tuple[Decimal, ...]
    limit: Limit | None = None


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount that can be paid in a currency (ISO 4217 minor unit).

    >>> smallest_unit("EUR"), smallest_unit("JPY"), smallest_unit("KWD")
    (Decimal('0.01'), Decimal('1'), Decimal('0.001'))
    """
    if currency in ZERO_DECIMAL_CURRENCIES:
        return Decimal(1)
    return Decimal("0.001") if currency in THREE_DECIMAL_CURRENCIES else Decimal("0.01")


def line_total(line: Line, currency: str) -> Decimal:
    """All pieces of a line before any discount, rounded to what can be paid.

    >>> line_total(Line(unit_price=Decimal("0.335"), quantity=3), "EUR")
    Decimal('1.01')
    """
    return (line.unit_price * line.quantity).quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)


def price_bundle(lines: Sequence[Line], *, discount: Discount, currency: str, floor: Floor = NO_FLOOR) -> BundlePrice:
    """Take a discount off the sum of the lines, as far as its maximum and the floor allow.

    Shapes: `discounts` and `line_totals` have one amount a line.

    Raises:
        ValueError: the discount's amounts are in another currency than the prices.

    >>> book, film = Line(unit_price=Decimal("10.00")), Line(unit_price=Decimal("5.05"))
    >>> price_bundle([book, film], discount=Discount(percent=Decimal(10)), currency="EUR").total
    Decimal('13.54')
    >>> price_bundle([book, film], discount=Discount(form=DiscountForm.CHEAPEST_FREE), currency="EUR").total
    Decimal('10.00')
    """
    if not discount.fits(currency):
        raise ValueError(
            f"The discount is in {discount.currency} and the prices are in {currency}; expected one currency."
        )
    totals = [line_total(line, currency) for line in lines]
    full = sum(totals, NOTHING)
    wanted = _wanted(lines, full, discount).quantize(smallest_unit(currency), rounding=ROUND_HALF_UP)
    given, limit = _limited(wanted, full, discount, room=full - lowest_price(lines, floor=floor, currency=currency))
    return BundlePrice(
        full=full,
        discount=given,
        total=full - given,
        discounts=tuple(allocate_discount(totals, given, currency)),
        line_totals=tuple(totals),
        limit=limit,
    )


def _wanted(lines: Sequence[Line], full: Decimal, discount: Discount) -> Decimal:
    """What the discount says, whatever may be given."""
    match discount.form:
        case DiscountForm.PERCENT:
            return full * discount.percent / 100
        case DiscountForm.AMOUNT:
            return discount.amount
        case DiscountForm.FIXED_PRICE:
            return full - discount.amount
        case DiscountForm.CHEAPEST_FREE:
            return min((line.unit_price for line in lines), default=NOTHING)


def _limited(wanted: Decimal, full: Decimal, discount: Discount, *, room: Decimal) -> tuple[Decimal, Limit | None]:
    """What is given, and what limits it. The narrowest limit is the one that is told."""
    if wanted < 0:
        return NOTHING, Limit.FULL_PRICE
    given, limit = wanted, None
    if given > full:
        given, limit = full, Limit.FULL_PRICE
    if discount.maximum is not None and given > discount.maximum:
        given, limit = discount.maximum, Limit.MAXIMUM
    if given > room:
        given, limit = room, Limit.FLOOR
    return given, limit


def lowest_price(lines: Sequence[Line], *, floor: Floor, currency: str) -> Decimal:
    """The floor of a bundle: the sum of its lines' floors, each rounded up, none above what the line costs alone.

    A line whose price is below its own floor already, as in a clearance sale, is sold as it is: without a discount.

    >>> lamp = Line(unit_price=Decimal("20.00"), cost=Decimal("15.00"))
    >>> lowest_price([lamp], floor=Floor(price_ratio=Decimal("0.5"), margin_ratio=Decimal("0.2")), currency="EUR")
    Decimal('18.75')
    """
    return sum((_line_floor(line, floor, currency) for line in lines), NOTHING)


def _line_floor(line: Line, floor: Floor, currency: str) -> Decimal:
    total = line_total(line, currency)
    least = total * floor.price_ratio
    if line.cost is not None:
        least = max(least, line.cost * line.quantity / (1 - floor.margin_ratio))
    return min(total, least.quantize(smallest_unit(currency), rounding=ROUND_UP))


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
    full = sum(line_totals, NOTHING)
    if discount < 0 or discount > full:
        raise ValueError(f"The discount is {discount}; expected an amount from 0 to the sum of the lines, {full}.")
    if full == 0:
        return [NOTHING for _ in line_totals]
    unit = smallest_unit(currency)
    exact = [discount * total / full for total in line_totals]
    shares = [share.quantize(unit, rounding=ROUND_DOWN) for share in exact]
    left_over = int((discount - sum(shares, NOTHING)) / unit)
    by_remainder = sorted(range(len(exact)), key=lambda line: (shares[line] - exact[line], line))
    for line in by_remainder[:left_over]:
        shares[line] += unit
    return shares


def refund_due(*, paid: Decimal, quantity: int, returned: int, returned_before: int = 0, currency: str) -> Decimal:
    """What `returned` more pieces of a line are worth: their share of what was paid for it, discount and all.

    `paid` is the line's price after its share of the discount. Piece by piece or at once, all pieces together pay
    back exactly that: each refund is the difference of two rounded sums.

    Raises:
        ValueError: more pieces would have come back than were bought, or fewer than none.

    >>> [refund_due(paid=Decimal("10.00"), quantity=3, returned=1, returned_before=n, currency="EUR") for n in range(3)]
    [Decimal('3.33'), Decimal('3.33'), Decimal('3.34')]
    """
    if returned < 0 or returned_before < 0 or returned_before + returned > quantity:
        raise ValueError(
            f"{returned} pieces come back after {returned_before}; expected at most the {quantity} that were bought."
        )
    unit = smallest_unit(currency)

    def due(pieces: int) -> Decimal:
        return paid if pieces == quantity else (paid * pieces / quantity).quantize(unit, rounding=ROUND_DOWN)

    return due(returned_before + returned) - due(returned_before)
