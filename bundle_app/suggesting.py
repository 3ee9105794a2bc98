"""How large a discount a bundle needs, as far as its sales tell: a pure function with its reasons.

The thought: whoever buys the parts together anyway gets the discount as a present, and whoever does not must be won by
it. Of 100 buyers of the first product, let `c` take the rest anyway. A discount `D` costs `c × D`; each of the others
that it wins, a share `w` of them, brings what the rest earns, `G`, less `D`. It pays for itself if

    w × (1 - c) × (G - D) = c × D        so        w = c × D / ((1 - c) × (G - D))

of them are won: an exact threshold, not a forecast. How many *will* be won is not known before the bundle was offered
at several prices, so the suggestion is the largest discount that asks for a modest share of the others. Parts that sell
together anyway so need little, and so do parts that earn little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bundle_app.pricing import Discount, Floor, Line, line_total, lowest_price, price_bundle

MOST_PERCENT = 20
"""A discount that no suggestion goes beyond."""

MOST_TO_WIN = Decimal("0.05")
"""The share of the others that a suggestion may ask to be won."""


class Bound(StrEnum):
    """Why a suggestion is no larger."""

    SOLD_ANYWAY = "sold_anyway"
    FLOOR = "floor"
    MOST = "most"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """`together_ratio` of the buyers take the rest anyway; at `percent`, `to_win_ratio` of the others pay for it."""

    percent: int
    saving: Decimal
    together_ratio: Decimal
    to_win_ratio: Decimal
    bound: Bound
    cost_known: bool


def cautious_ratio(together: int, orders: int) -> Decimal:
    """The share of orders that hold the rest too, drawn towards a half where there are few.

    Source: Agresti & Coull 1998 ("add two successes and two failures").

    >>> cautious_ratio(0, 0), cautious_ratio(300, 996)
    (Decimal('0.5'), Decimal('0.302'))
    """
    return Decimal(together + 2) / Decimal(orders + 4)


def suggest_discount(
    lines: Sequence[Line], *, anchor: int, together_ratio: Decimal, currency: str, floor: Floor
) -> Suggestion:
    """The largest whole percentage that pays for itself with few enough won, and stays above the floor.

    `anchor` is the position of the line whose buyers are counted. Where a cost is not known, a part is taken to earn
    what lies above the floor's share of its price.
    """
    rest = [line for number, line in enumerate(lines) if number != anchor]
    earns = sum((_earns(line, currency, floor) for line in rest), Decimal(0))
    full = sum((line_total(line, currency) for line in lines), Decimal(0))
    room = full - lowest_price(lines, floor=floor, currency=currency)
    percent, saving, to_win, bound = 0, Decimal(0), Decimal(0), Bound.MOST
    for next_percent in range(1, MOST_PERCENT + 1):
        discount = Discount(percent=Decimal(next_percent))
        next_saving = price_bundle(lines, discount=discount, currency=currency).discount
        if next_saving > room or next_saving >= earns:
            bound = Bound.FLOOR
            break
        next_to_win = _to_win(next_saving, earns=earns, together_ratio=together_ratio)
        if next_to_win is None or next_to_win > MOST_TO_WIN:
            bound = Bound.SOLD_ANYWAY
            break
        percent, saving, to_win = next_percent, next_saving, next_to_win
    return Suggestion(
        percent=percent,
        saving=saving,
        together_ratio=together_ratio,
        to_win_ratio=to_win,
        bound=bound,
        cost_known=all(line.cost is not None for line in rest),
    )


def _earns(line: Line, currency: str, floor: Floor) -> Decimal:
    total = line_total(line, currency)
    cost = total * floor.price_ratio if line.cost is None else line.cost * line.quantity
    return max(total - cost, Decimal(0))


def _to_win(saving: Decimal, *, earns: Decimal, together_ratio: Decimal) -> Decimal | None:
    """The share of the others that pays for the discount; None where there are no others."""
    others_ratio = 1 - together_ratio
    return together_ratio * saving / ((earns - saving) * others_ratio) if others_ratio > 0 else None
