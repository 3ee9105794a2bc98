"""Rules by file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from bundle_app.models import Decision, Rule
from bundle_app.transfer.rules import RuleResource
from tests.bundle_app.transfer.conftest import confirmed, errors, hand_in, outcomes


def test_a_row_without_a_number_makes_a_rule(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["kind", "item_key", "note"], ["exclude", goods[0].pk, "Recalled"], kind="rule")

    assert run.report[0]["subject"] == "Never show bundles with Product 1"
    assert confirmed(run).status == "applied"

    rule = Rule.objects.get()
    assert (rule.kind, rule.item_key, rule.item_title, rule.note, rule.is_enabled) == (
        "exclude",
        str(goods[0].pk),
        "Product 1",
        "Recalled",
        True,
    )
    assert list(Decision.objects.values_list("actor", "action")) == [("boss", "created")]


def test_a_number_names_the_rule_that_is_changed(boss: User) -> None:
    rule = Rule.objects.create(kind="stock_floor", stock_count=2)

    run = hand_in(boss, ["number", "kind", "stock_count", "is_enabled"], [rule.pk, "stock_floor", 5, "no"], kind="rule")
    confirmed(run)

    rule.refresh_from_db()
    assert (rule.stock_count, rule.is_enabled) == (5, False)
    assert Decision.objects.get().action == "disabled"


def test_a_rule_that_asks_the_same_is_the_same_rule(boss: User) -> None:
    rows = [["kind", "category", "priority"], ["pin", "Tea", "-5"]]
    confirmed(hand_in(boss, *rows, kind="rule"))

    assert outcomes(hand_in(boss, *rows, kind="rule")) == ["skip"]
    assert outcomes(hand_in(boss, rows[0], ["pin", "Tea", "7"], kind="rule")) == ["update"]


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        ({"kind": "hide"}, "kind", "“hide” is not known here. Expected one of: pin, exclude,"),
        ({"kind": "margin_floor"}, "margin_percent", "This kind of rule needs it."),
        ({"kind": "exclude", "item_key": "999"}, "item_key", "There is no product with the key “999”."),
        ({"kind": "pin", "category": "Tea", "stock_count": "3"}, "stock_count", "does not use this field. Empty it."),
        ({"kind": "pin", "category": "Tea", "number": "999"}, "number", "There is no rule 999."),
    ],
)
def test_a_wrong_row_is_told_in_the_words_of_the_form(
    boss: User, cells: dict[str, str], column: str, message: str
) -> None:
    run = hand_in(boss, list(cells), list(cells.values()), kind="rule")

    assert run.status == "refused"
    ((_row, found_column, found),) = errors(run)
    assert found_column == column
    assert message in found


def test_a_rule_is_not_made_twice_by_one_file(boss: User) -> None:
    run = hand_in(boss, ["kind", "category"], ["pin", "Tea"], ["pin", "Tea"], kind="rule")

    assert errors(run) == [(3, "kind", "A row above is about the same rule. Remove one.")]


@pytest.mark.parametrize(("may", "expected"), [("add_rule", ["new", "error"]), ("change_rule", ["error", "update"])])
def test_who_may_only_add_does_not_change_and_the_other_way_round(
    clerk: Callable[..., User], may: str, expected: list[str]
) -> None:
    Rule.objects.create(kind="pin", category="Tea")

    run = hand_in(clerk(may), ["kind", "category", "priority"], ["pin", "Cups", 1], ["pin", "Tea", 1], kind="rule")

    assert outcomes(run) == expected


def test_what_is_exported_comes_back_as_it_was(boss: User) -> None:
    Rule.objects.create(kind="price_band", lowest_price=5, currency="USD", priority=-3, note="@home")
    Rule.objects.create(kind="stock_floor", stock_count=2, is_enabled=False)

    table = RuleResource().export(Rule.objects.all())

    assert table["note"][1] == "'@home"
    assert table["in_words"][0].startswith("Show bundles")
    assert outcomes(hand_in(boss, table.headers, *table, kind="rule", name="rules.xlsx")) == ["skip", "skip"]
