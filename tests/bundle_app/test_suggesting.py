"""The suggested discount: its reasons followed with pencil and paper, and what holds for every bundle."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_app.pricing import Discount, Floor, Line, lowest_price, price_bundle
from bundle_app.suggesting import MOST_PERCENT, MOST_TO_WIN, Bound, Suggestion, cautious_ratio, suggest_discount

HALF = Floor(price_ratio=Decimal("0.5"))
PAIR = [Line(unit_price=Decimal("50.00")), Line(unit_price=Decimal("50.00"))]


def suggested(together: str, lines: list[Line] = PAIR, floor: Floor = HALF) -> Suggestion:
    return suggest_discount(lines, anchor=0, together_ratio=Decimal(together), currency="EUR", floor=floor)


@pytest.mark.parametrize(
    ("together", "percent", "bound"),
    [
        ("0", 20, Bound.MOST),
        ("0.05", 12, Bound.SOLD_ANYWAY),
        ("0.3", 2, Bound.SOLD_ANYWAY),
        ("0.5", 1, Bound.SOLD_ANYWAY),
        ("0.9", 0, Bound.SOLD_ANYWAY),
        ("1", 0, Bound.SOLD_ANYWAY),
    ],
)
def test_parts_that_sell_together_anyway_need_little(together: str, percent: int, bound: Bound) -> None:
    found = suggested(together)

    assert (found.percent, found.bound) == (percent, bound)


def test_the_share_to_be_won_pays_exactly_for_the_discount() -> None:
    found = suggested("0.3")

    given_away = Decimal("0.3") * found.saving
    won = found.to_win_ratio * Decimal("0.7") * (Decimal(25) - found.saving)
    assert found.saving == Decimal("2.00")
    assert abs(given_away - won) < Decimal("1e-20")


def test_what_earns_little_is_discounted_little() -> None:
    dear = [PAIR[0], Line(unit_price=Decimal("50.00"), cost=Decimal("49.00"))]

    found = suggested("0", dear)

    assert (found.percent, found.bound, found.cost_known) == (0, Bound.FLOOR, True)


def test_an_unknown_cost_is_told() -> None:
    assert suggested("0").cost_known is False


def test_a_thin_floor_stops_the_suggestion_before_the_most() -> None:
    found = suggested("0", floor=Floor(price_ratio=Decimal("0.9")))

    assert (found.percent, found.bound) == (4, Bound.FLOOR)  # at 5 the other product earns nothing any more


def test_few_orders_are_read_with_care() -> None:
    assert cautious_ratio(0, 0) == Decimal("0.5")
    assert cautious_ratio(0, 2000) < Decimal("0.002")
    assert abs(cautious_ratio(3000, 10000) - Decimal("0.3")) < Decimal("0.001")


PRICES = st.integers(1, 1_000_000).map(lambda cents: Decimal(cents) / 100)
LINES = st.lists(
    st.builds(Line, unit_price=PRICES, quantity=st.integers(1, 9), cost=st.none() | PRICES), min_size=2, max_size=6
)
SHARES = st.integers(0, 1000).map(lambda thousandths: Decimal(thousandths) / 1000)


@given(lines=LINES, together=SHARES, floor=st.builds(Floor, price_ratio=SHARES, margin_ratio=st.just(Decimal("0.1"))))
def test_a_suggestion_never_touches_the_floor_and_asks_for_little(
    lines: list[Line], together: Decimal, floor: Floor
) -> None:
    found = suggest_discount(lines, anchor=0, together_ratio=together, currency="EUR", floor=floor)

    price = price_bundle(lines, discount=Discount(percent=Decimal(found.percent)), currency="EUR", floor=floor)
    assert 0 <= found.percent <= MOST_PERCENT
    assert 0 <= found.to_win_ratio <= MOST_TO_WIN
    assert price.discount == found.saving
    assert price.total >= lowest_price(lines, floor=floor, currency="EUR")


@given(lines=LINES, shares=st.tuples(SHARES, SHARES))
def test_the_more_sell_together_anyway_the_less_is_suggested(
    lines: list[Line], shares: tuple[Decimal, Decimal]
) -> None:
    few, many = (
        suggest_discount(lines, anchor=0, together_ratio=share, currency="EUR", floor=HALF) for share in sorted(shares)
    )

    assert few.percent >= many.percent
