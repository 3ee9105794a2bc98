from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_app.pricing import allocate_discount, price_bundle, smallest_unit

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


def in_units(count: int, currency: str) -> Decimal:
    return count * smallest_unit(currency)


@given(
    counts=st.lists(st.integers(0, 10_000_000), min_size=1, max_size=10),
    percent=st.decimals(0, Decimal("99.99"), places=2),
    currency=CURRENCIES,
)
def test_the_lines_add_up_to_what_is_paid(counts: list[int], percent: Decimal, currency: str) -> None:
    totals = [in_units(count, currency) for count in counts]

    price = price_bundle(totals, discount_percent=percent, currency=currency)

    assert price.full - price.discount == price.total
    assert sum(price.discounts, Decimal(0)) == price.discount
    assert Decimal(0) <= price.total <= price.full
    for discount, total in zip(price.discounts, totals, strict=True):
        assert Decimal(0) <= discount <= total
        assert discount % smallest_unit(currency) == 0


@given(counts=st.lists(st.integers(1, 100_000), min_size=2, max_size=8), currency=CURRENCIES, data=st.data())
def test_no_line_is_a_unit_away_from_its_fair_share(counts: list[int], currency: str, data: st.DataObject) -> None:
    totals = [in_units(count, currency) for count in counts]
    discount = in_units(data.draw(st.integers(0, sum(counts))), currency)

    shares = allocate_discount(totals, discount, currency)

    full = sum(totals, Decimal(0))
    for share, total in zip(shares, totals, strict=True):
        assert abs(share - discount * total / full) < smallest_unit(currency)


def test_equal_lines_give_the_left_over_cent_first_come_first_served() -> None:
    thirds = allocate_discount([Decimal("1.00")] * 3, Decimal("1.00"), "EUR")

    assert thirds == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]


def test_free_lines_give_nothing() -> None:
    assert allocate_discount([Decimal(0), Decimal(0)], Decimal(0), "EUR") == [0, 0]


@pytest.mark.parametrize("discount", [Decimal("-0.01"), Decimal("2.01")])
def test_a_discount_outside_the_sum_of_the_lines_is_refused(discount: Decimal) -> None:
    with pytest.raises(ValueError, match="expected an amount from 0 to the sum of the lines, 2.00"):
        allocate_discount([Decimal("1.00"), Decimal("1.00")], discount, "EUR")


def test_yen_have_no_cents() -> None:
    price = price_bundle([Decimal(999), Decimal(500)], discount_percent=Decimal(10), currency="JPY")

    assert (price.discount, price.total) == (Decimal(150), Decimal(1349))
