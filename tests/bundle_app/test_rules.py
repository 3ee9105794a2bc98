"""What rules do to a bundle, kind by kind and where they meet: pure, so that no database is asked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from bundle_app.models import Rule
from bundle_app.rules import ANYBODY, Audience, RuleBook, Terms, Verdict, is_about, judge


@dataclass
class Piece:
    item_key: str
    category: str = ""


LAPTOP, MOUSE = Piece("laptop", "Computers"), Piece("mouse", "Accessories")
PAD, WINE = Piece("pad", "Accessories"), Piece("wine", "Drinks")
NOBODY = Audience(placement="", segments=frozenset())


def rule(kind: str, **fields: Any) -> Rule:
    return Rule(kind=kind, **fields)


def verdict(*rules: Rule, parts: Any = (LAPTOP, MOUSE), audience: Audience = NOBODY, **terms: Any) -> Verdict:
    facts = {"total": Decimal(100), "currency": "EUR", "cost": Decimal(60), **terms}
    return judge(RuleBook(rules), parts, audience=audience, terms=Terms(**facts))


def is_shown(*rules: Rule, **given: Any) -> bool:
    return verdict(*rules, **given).is_allowed


class TestWhatARuleIsAbout:
    @pytest.mark.parametrize(
        ("fields", "parts", "expected"),
        [
            ({"item_key": "laptop"}, [LAPTOP, MOUSE], True),
            ({"item_key": "pad"}, [LAPTOP, MOUSE], False),
            ({"category": "Accessories"}, [LAPTOP, MOUSE], True),
            ({"category": "Drinks"}, [LAPTOP, MOUSE], False),
            ({"item_key": "laptop", "other_item_key": "mouse"}, [MOUSE, LAPTOP], True),
            ({"item_key": "laptop", "other_item_key": "pad"}, [LAPTOP, MOUSE], False),
            ({"item_key": "laptop", "other_category": "Accessories"}, [LAPTOP, MOUSE], True),
            ({"category": "Computers", "other_category": "Drinks"}, [LAPTOP, MOUSE], False),
            ({"category": "Accessories", "other_category": "Accessories"}, [LAPTOP, MOUSE], False),
            ({"category": "Accessories", "other_category": "Accessories"}, [PAD, LAPTOP, MOUSE], True),
            ({"item_key": "mouse", "other_category": "Accessories"}, [LAPTOP, MOUSE], False),
            ({"item_key": "mouse", "other_category": "Accessories"}, [PAD, MOUSE], True),
        ],
    )
    def test_a_bundle_must_hold_what_is_named_and_of_two_names_two_different_parts(
        self, fields: dict[str, str], parts: list[Piece], expected: bool
    ) -> None:
        assert is_about(rule("exclude", **fields), parts) is expected

    def test_a_category_is_no_empty_category(self) -> None:
        assert is_shown(rule("exclude", category="Drinks"), parts=[Piece("a"), Piece("b")])


class TestExclude:
    def test_what_holds_an_excluded_product_or_category_or_pair_is_hidden(self) -> None:
        assert not is_shown(rule("exclude", item_key="mouse"))
        assert not is_shown(rule("exclude", category="Accessories"))
        assert not is_shown(rule("exclude", item_key="laptop", other_item_key="mouse"))
        assert is_shown(rule("exclude", item_key="laptop", other_item_key="wine"))

    def test_the_objection_names_the_rule(self) -> None:
        found = verdict(rule("exclude", item_key="mouse", item_title="Wireless mouse"))
        assert [str(objection) for objection in found.objections] == [
            "Rule: Never show bundles with Wireless mouse.",
        ]


class TestRequire:
    def test_what_lacks_the_other_is_hidden_and_what_is_not_spoken_of_is_left_alone(self) -> None:
        needed = rule("require", item_key="laptop", other_item_key="mouse")
        assert is_shown(needed)
        assert not is_shown(needed, parts=[LAPTOP, PAD])
        assert is_shown(needed, parts=[WINE, PAD])

    def test_without_a_first_all_bundles_must_hold_it(self) -> None:
        needed = rule("require", other_category="Accessories")
        assert is_shown(needed)
        assert not is_shown(needed, parts=[LAPTOP, WINE])

    def test_a_product_is_not_its_own_company(self) -> None:
        needed = rule("require", category="Accessories", other_category="Accessories")
        assert not is_shown(needed)
        assert is_shown(needed, parts=[PAD, MOUSE])


class TestPins:
    def test_a_pin_is_told_with_the_verdict_the_weightiest_first(self) -> None:
        light, heavy = rule("pin", item_key="laptop"), rule("pin", category="Accessories", priority=5)
        assert verdict(light, heavy).pin is heavy
        assert verdict(light).pin is light
        assert verdict(rule("pin", item_key="wine")).pin is None

    @pytest.mark.parametrize(("pin", "exclude", "expected"), [(1, 0, True), (0, 0, False), (0, 1, False)])
    def test_a_pin_outranks_an_exclude_of_lower_priority_alone(self, pin: int, exclude: int, expected: bool) -> None:
        found = verdict(
            rule("pin", item_key="laptop", priority=pin), rule("exclude", category="Accessories", priority=exclude)
        )
        assert (found.is_allowed, found.pin is not None) == (expected, expected)

    def test_no_pin_outranks_a_floor(self) -> None:
        assert not is_shown(
            rule("pin", item_key="laptop", priority=9), rule("margin_floor", margin_percent=Decimal(50))
        )


class TestPriceBand:
    @pytest.mark.parametrize(
        ("lowest", "highest", "expected"),
        [(100, 100, True), (None, 99, False), (101, None, False), (50, None, True), (None, 100, True)],
    )
    def test_the_price_of_the_whole_bundle_is_within_or_it_is_hidden(
        self, lowest: int | None, highest: int | None, expected: bool
    ) -> None:
        assert is_shown(rule("price_band", lowest_price=lowest, highest_price=highest, currency="EUR")) is expected

    def test_another_currency_is_left_alone(self) -> None:
        assert is_shown(rule("price_band", lowest_price=500, currency="JPY"))

    def test_the_objection_tells_the_price(self) -> None:
        found = verdict(rule("price_band", highest_price=Decimal(20), currency="EUR"), total=Decimal("29.90"))
        assert str(found.objections[0]) == "Rule: Show bundles up to 20 EUR. It costs €29.90."


class TestMarginFloor:
    @pytest.mark.parametrize(("percent", "expected"), [("40", True), ("40.01", False), ("0", True)])
    def test_it_is_measured_on_what_the_shopper_pays(self, percent: str, expected: bool) -> None:
        assert is_shown(rule("margin_floor", margin_percent=Decimal(percent))) is expected

    def test_a_bundle_that_loses_money_is_below_every_floor(self) -> None:
        found = verdict(rule("margin_floor", margin_percent=Decimal(0)), cost=Decimal(150))
        assert str(found.objections[0]) == "Rule: Show bundles from a margin of 0% on. Its margin is -50.0%."

    def test_a_cost_that_is_not_known_keeps_no_floor(self) -> None:
        found = verdict(rule("margin_floor", margin_percent=Decimal(10)), cost=None, without_cost=("Mouse",))
        assert str(found.objections[0]).endswith("on. The cost of Mouse is not known.")

    def test_what_is_given_away_has_no_margin(self) -> None:
        assert not is_shown(rule("margin_floor", margin_percent=Decimal(10)), total=Decimal(0), cost=Decimal(1))


class TestStockFloor:
    @pytest.mark.parametrize(("available", "expected"), [(5, True), (4, False), (None, True)])
    def test_it_counts_whole_bundles_and_what_is_not_counted_is_enough(
        self, available: int | None, expected: bool
    ) -> None:
        assert is_shown(rule("stock_floor", stock_count=5), available_count=available) is expected


class TestTheHigherPriorityDecides:
    def test_an_exception_with_more_weight_lifts_a_general_band(self) -> None:
        general = rule("price_band", lowest_price=Decimal(200), currency="EUR")
        exception = rule("price_band", lowest_price=Decimal(5), currency="EUR", category="Computers", priority=1)
        assert not is_shown(general)
        assert is_shown(general, exception)

    def test_with_equal_weight_the_strictest_counts(self) -> None:
        assert not is_shown(
            rule("price_band", lowest_price=Decimal(200), currency="EUR"),
            rule("price_band", lowest_price=Decimal(5), currency="EUR"),
        )

    def test_a_band_in_another_currency_weighs_nothing(self) -> None:
        assert not is_shown(
            rule("price_band", lowest_price=Decimal(200), currency="EUR"),
            rule("price_band", lowest_price=Decimal(5), currency="JPY", priority=7),
        )


class TestSegments:
    TRADE = rule("segment", category="Computers", segment="trade")

    @pytest.mark.parametrize(("segments", "expected"), [({"trade", "club"}, True), ({"club"}, False), (set(), False)])
    def test_a_bundle_is_for_the_segment_alone(self, segments: set[str], expected: bool) -> None:
        assert is_shown(self.TRADE, audience=Audience(placement="", segments=frozenset(segments))) is expected

    def test_several_segments_of_one_weight_are_alternatives(self) -> None:
        club = Audience(placement="", segments=frozenset({"club"}))
        assert is_shown(self.TRADE, rule("segment", segment="club"), audience=club)
        assert not is_shown(self.TRADE, rule("segment", segment="club", priority=-1), audience=club)

    def test_nobody_in_particular_is_not_judged(self) -> None:
        assert is_shown(self.TRADE, audience=ANYBODY)

    def test_any_rule_may_speak_to_a_segment(self) -> None:
        hidden = rule("exclude", category="Computers", segment="trade")
        assert is_shown(hidden)
        assert is_shown(hidden, audience=ANYBODY)
        assert not is_shown(hidden, audience=Audience(placement="", segments=frozenset({"trade"})))


class TestPlacements:
    def test_a_bundle_is_at_the_placement_alone(self) -> None:
        cart = rule("placement", item_key="laptop", placement="cart")
        assert is_shown(cart, audience=Audience(placement="cart", segments=frozenset()))
        assert not is_shown(cart, audience=Audience(placement="home", segments=frozenset()))
        assert not is_shown(cart, audience=NOBODY)
        assert is_shown(cart, audience=ANYBODY)

    def test_any_rule_may_speak_at_a_placement(self) -> None:
        hidden = rule("exclude", item_key="laptop", placement="home")
        assert is_shown(hidden, audience=Audience(placement="cart", segments=frozenset()))
        assert not is_shown(hidden, audience=Audience(placement="home", segments=frozenset()))
        assert is_shown(hidden, audience=ANYBODY)


def test_no_rule_objects_to_nothing() -> None:
    assert verdict() == Verdict()


def test_terms_that_are_not_known_yet_are_not_judged() -> None:
    book = RuleBook([rule("stock_floor", stock_count=9), rule("margin_floor", margin_percent=Decimal(90))])
    assert judge(book, [LAPTOP, MOUSE]).is_allowed
