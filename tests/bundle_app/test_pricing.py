"""Money. The properties run on a few hundred examples, and on 100,000 with `make test-money`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle_app.pricing import (
    Discount,
    DiscountForm,
    Floor,
    Limit,
    Line,
    allocate_discount,
    line_total,
    lowest_price,
    price_bundle,
    refund_due,
    smallest_unit,
)

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])


def in_units(count: int, currency: str) -> Decimal:
    return count * smallest_unit(currency)


def euros(*amounts: str) -> list[Line]:
    return [Line(unit_price=Decimal(amount)) for amount in amounts]


def lines(currency: str) -> st.SearchStrategy[list[Line]]:
    """Up to ten products, some of them free, some with a cost, which may be above the price."""

    def line(drawn: tuple[int, int, int]) -> Line:
        price, quantity, cost = drawn
        return Line(
            unit_price=in_units(price, currency),
            quantity=quantity,
            cost=in_units(cost, currency) if cost >= 0 else None,
        )

    drawn = st.tuples(st.integers(0, 10_000_000), st.integers(1, 99), st.integers(-5_000_000, 10_000_000))
    return st.lists(drawn.map(line), min_size=1, max_size=10)


def discounts(currency: str) -> st.SearchStrategy[Discount]:
    """Every form, with amounts that may be far beyond what the bundle costs, and maybe with a maximum."""

    def discount(drawn: tuple[DiscountForm, int, int, int]) -> Discount:
        form, percent, amount, maximum = drawn
        has_amount = form in {DiscountForm.AMOUNT, DiscountForm.FIXED_PRICE}
        return Discount(
            form=form,
            percent=Decimal(percent) / 100 if form is DiscountForm.PERCENT else Decimal(0),
            amount=in_units(amount, currency) if has_amount else Decimal(0),
            maximum=in_units(maximum, currency) if maximum > 0 else None,
            currency=currency,
        )

    amounts = st.integers(1, 2_000_000_000)
    forms = st.sampled_from(list(DiscountForm))
    return st.tuples(forms, st.integers(0, 9999), amounts, st.integers(-(10**9), 2 * 10**9)).map(discount)


FLOORS = st.tuples(st.integers(0, 1000), st.integers(0, 99)).map(
    lambda drawn: Floor(price_ratio=Decimal(drawn[0]) / 1000, margin_ratio=Decimal(drawn[1]) / 100)
)


class TestWhatHoldsForEveryBundle:
    @given(data=st.data(), currency=CURRENCIES, floor=FLOORS)
    def test_the_price_stays_between_the_floor_and_the_sum_of_the_parts(
        self, data: st.DataObject, currency: str, floor: Floor
    ) -> None:
        bundle, discount = data.draw(lines(currency)), data.draw(discounts(currency))

        price = price_bundle(bundle, discount=discount, currency=currency, floor=floor)

        assert lowest_price(bundle, floor=floor, currency=currency) <= price.total <= price.full
        assert price.full == sum(line.unit_price * line.quantity for line in bundle)
        assert price.full - price.discount == price.total
        assert discount.maximum is None or price.discount <= discount.maximum

    @given(data=st.data(), currency=CURRENCIES, floor=FLOORS)
    def test_the_lines_add_up_to_what_is_paid_to_the_smallest_unit(
        self, data: st.DataObject, currency: str, floor: Floor
    ) -> None:
        bundle, discount = data.draw(lines(currency)), data.draw(discounts(currency))

        price = price_bundle(bundle, discount=discount, currency=currency, floor=floor)

        assert sum(price.discounts, Decimal(0)) == price.discount
        for share, line in zip(price.discounts, bundle, strict=True):
            assert Decimal(0) <= share <= line_total(line, currency)
            assert share % smallest_unit(currency) == 0

    @given(data=st.data(), currency=CURRENCIES, floor=FLOORS)
    def test_without_a_limit_the_discount_is_what_was_set(
        self, data: st.DataObject, currency: str, floor: Floor
    ) -> None:
        bundle, discount = data.draw(lines(currency)), data.draw(discounts(currency))

        price = price_bundle(bundle, discount=discount, currency=currency, floor=floor)

        if price.limit is not None:
            return
        match discount.form:
            case DiscountForm.PERCENT:
                assert abs(price.discount - price.full * discount.percent / 100) * 2 <= smallest_unit(currency)
            case DiscountForm.AMOUNT:
                assert price.discount == discount.amount
            case DiscountForm.FIXED_PRICE:
                assert price.total == discount.amount
            case DiscountForm.CHEAPEST_FREE:
                assert price.discount == min(line.unit_price for line in bundle)

    @given(data=st.data(), currency=CURRENCIES)
    def test_a_dearer_part_makes_no_bundle_cheaper(self, data: st.DataObject, currency: str) -> None:
        bundle, discount = data.draw(lines(currency)), data.draw(discounts(currency))
        dearer = [replace(bundle[0], unit_price=bundle[0].unit_price + smallest_unit(currency)), *bundle[1:]]

        before = price_bundle(bundle, discount=discount, currency=currency)
        after = price_bundle(dearer, discount=discount, currency=currency)

        assert after.total >= before.total

    @given(counts=st.lists(st.integers(1, 100_000), min_size=2, max_size=8), currency=CURRENCIES, data=st.data())
    def test_no_line_is_a_unit_away_from_its_fair_share(
        self, counts: list[int], currency: str, data: st.DataObject
    ) -> None:
        totals = [in_units(count, currency) for count in counts]
        discount = in_units(data.draw(st.integers(0, sum(counts))), currency)

        shares = allocate_discount(totals, discount, currency)

        full = sum(totals, Decimal(0))
        for share, total in zip(shares, totals, strict=True):
            assert abs(share - discount * total / full) < smallest_unit(currency)

    @given(data=st.data(), currency=CURRENCIES, quantity=st.integers(1, 99))
    def test_pieces_that_come_back_one_after_another_pay_back_exactly_what_was_paid(
        self, data: st.DataObject, currency: str, quantity: int
    ) -> None:
        paid = in_units(data.draw(st.integers(0, 10_000_000)), currency)
        steps = data.draw(st.lists(st.integers(0, quantity), max_size=6).filter(lambda found: sum(found) <= quantity))
        steps.append(quantity - sum(steps))

        refunds = [
            refund_due(paid=paid, quantity=quantity, returned=step, returned_before=returned_before, currency=currency)
            for step, returned_before in zip(steps, accumulate(steps, initial=0), strict=False)
        ]

        assert sum(refunds, Decimal(0)) == paid
        assert all(refund >= 0 and refund % smallest_unit(currency) == 0 for refund in refunds)


class TestTheFormsOfAPrice:
    @pytest.mark.parametrize(
        ("discount", "expected"),
        [
            ({"percent": Decimal(10)}, ("2.50", None)),
            ({"percent": Decimal(10), "maximum": Decimal("2.00"), "currency": "EUR"}, ("2.00", Limit.MAXIMUM)),
            ({"form": DiscountForm.AMOUNT, "amount": Decimal(4), "currency": "EUR"}, ("4", None)),
            ({"form": DiscountForm.AMOUNT, "amount": Decimal(40), "currency": "EUR"}, ("25.00", Limit.FULL_PRICE)),
            ({"form": DiscountForm.FIXED_PRICE, "amount": Decimal(19), "currency": "EUR"}, ("6.00", None)),
            ({"form": DiscountForm.FIXED_PRICE, "amount": Decimal(26), "currency": "EUR"}, ("0", Limit.FULL_PRICE)),
            ({"form": DiscountForm.CHEAPEST_FREE}, ("5.00", None)),
            (
                {"form": DiscountForm.CHEAPEST_FREE, "maximum": Decimal(3), "currency": "EUR"},
                ("3", Limit.MAXIMUM),
            ),
        ],
    )
    def test_each_takes_off_what_it_says(self, discount: dict[str, Any], expected: tuple[str, Limit | None]) -> None:
        price = price_bundle(euros("20.00", "5.00"), discount=Discount(**discount), currency="EUR")

        assert (price.discount, price.limit) == (Decimal(expected[0]), expected[1])

    def test_one_piece_of_the_cheapest_product_is_free_and_all_lines_share_it(self) -> None:
        book, pen = Line(unit_price=Decimal("10.00")), Line(unit_price=Decimal("2.00"), quantity=5)

        price = price_bundle([book, pen], discount=Discount(form=DiscountForm.CHEAPEST_FREE), currency="EUR")

        assert (price.total, price.discounts) == (Decimal("18.00"), (Decimal("1.00"), Decimal("1.00")))

    def test_yen_have_no_cents(self) -> None:
        yen = [Line(unit_price=Decimal(999)), Line(unit_price=Decimal(500))]

        price = price_bundle(yen, discount=Discount(percent=Decimal(10)), currency="JPY")

        assert (price.discount, price.total) == (Decimal(150), Decimal(1349))

    def test_an_amount_in_euros_is_not_taken_off_dollars(self) -> None:
        discount = Discount(form=DiscountForm.AMOUNT, amount=Decimal(5), currency="EUR")

        assert not discount.fits("USD")
        with pytest.raises(ValueError, match="The discount is in EUR and the prices are in USD; expected one currency"):
            price_bundle(euros("20.00"), discount=discount, currency="USD")


class TestTheFloor:
    def test_a_share_of_the_price_is_never_given_up(self) -> None:
        price = price_bundle(
            euros("20.00", "5.00"),
            discount=Discount(percent=Decimal(80)),
            currency="EUR",
            floor=Floor(price_ratio=Decimal("0.6")),
        )

        assert (price.total, price.limit) == (Decimal("15.00"), Limit.FLOOR)

    def test_a_margin_is_kept_where_the_cost_is_known(self) -> None:
        lamp = Line(unit_price=Decimal("20.00"), quantity=2, cost=Decimal("12.00"))
        bulb = Line(unit_price=Decimal("5.00"))
        floor = Floor(price_ratio=Decimal("0.5"), margin_ratio=Decimal("0.25"))

        price = price_bundle([lamp, bulb], discount=Discount(percent=Decimal(60)), currency="EUR", floor=floor)

        assert price.total == Decimal("32.00") + Decimal("2.50")
        assert price.limit is Limit.FLOOR

    def test_what_is_sold_below_its_cost_already_is_sold_as_it_is(self) -> None:
        clearance = Line(unit_price=Decimal("8.00"), cost=Decimal("11.00"))

        price = price_bundle(
            [clearance], discount=Discount(percent=Decimal(10)), currency="EUR", floor=Floor(price_ratio=Decimal(0))
        )

        assert (price.total, price.limit) == (Decimal("8.00"), Limit.FLOOR)


class TestAllocation:
    def test_equal_lines_give_the_left_over_cent_first_come_first_served(self) -> None:
        thirds = allocate_discount([Decimal("1.00")] * 3, Decimal("1.00"), "EUR")

        assert thirds == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]

    def test_free_lines_give_nothing(self) -> None:
        assert allocate_discount([Decimal(0), Decimal(0)], Decimal(0), "EUR") == [0, 0]

    @pytest.mark.parametrize("discount", [Decimal("-0.01"), Decimal("2.01")])
    def test_a_discount_outside_the_sum_of_the_lines_is_refused(self, discount: Decimal) -> None:
        with pytest.raises(ValueError, match=r"expected an amount from 0 to the sum of the lines, 2\.00"):
            allocate_discount([Decimal("1.00"), Decimal("1.00")], discount, "EUR")


class TestRefunds:
    def test_one_part_of_a_bundle_pays_back_its_allocated_price(self) -> None:
        price = price_bundle(euros("40.00", "9.99"), discount=Discount(percent=Decimal(10)), currency="EUR")
        paid = [total - share for total, share in zip(price.line_totals, price.discounts, strict=True)]

        refunds = [refund_due(paid=amount, quantity=1, returned=1, currency="EUR") for amount in paid]

        assert refunds == [Decimal("36.00"), Decimal("8.99")]
        assert sum(refunds) == price.total

    @pytest.mark.parametrize(("returned", "returned_before"), [(3, 0), (1, 2), (-1, 0), (0, -1)])
    def test_more_than_was_bought_never_comes_back(self, returned: int, returned_before: int) -> None:
        with pytest.raises(ValueError, match="expected at most the 2 that were bought"):
            refund_due(paid=Decimal(10), quantity=2, returned=returned, returned_before=returned_before, currency="EUR")
