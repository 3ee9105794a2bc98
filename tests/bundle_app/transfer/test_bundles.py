"""Bundles by file: what a row creates, changes and leaves, and what it is refused for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.models import Bundle, BundlePart, Decision, composition_hash
from bundle_app.transfer.bundles import BundleResource
from tests.bundle_app.transfer.conftest import confirmed, errors, hand_in, outcomes
from tests.bundle_app.tutorial_shop import bundle


def keys(*goods: Any) -> str:
    return ", ".join(str(one.pk) for one in goods)


def test_a_row_with_new_products_makes_a_bundle_by_hand(boss: User, goods: list[Any]) -> None:
    first, second = goods[0].pk, goods[1].pk
    run = hand_in(
        boss,
        ["products", "title", "status", "pinned", "discount_percent", "valid_from"],
        [f"{first}:2, {second}", "Breakfast", "active", "yes", "12.5", "2030-01-01T08:00:00+01:00"],
    )
    assert outcomes(run) == ["new"]
    assert not Bundle.objects.exists()

    assert confirmed(run).status == "applied"

    made = Bundle.objects.get()
    assert made.composition_hash == composition_hash({str(first): 2, str(second): 1})
    assert (made.title, made.status, made.pinned, made.kind, made.source) == (
        "Breakfast",
        "active",
        True,
        "pair",
        "manual",
    )
    assert made.discount_percent == Decimal("12.5")
    assert made.valid_from == datetime(2030, 1, 1, 7, tzinfo=UTC)
    assert made.decided_at is not None
    parts = list(made.parts.values_list("item_key", "title", "category", "quantity"))
    assert parts == [(str(first), "Product 1", "Things", 2), (str(second), "Product 2", "Things", 1)]


def test_a_row_with_known_products_changes_their_bundle_in_whatever_order_they_stand(
    boss: User, goods: list[Any]
) -> None:
    made = bundle(goods[:3], status="review")
    run = hand_in(boss, ["products", "status"], [keys(*reversed(goods[:3])), "paused"])
    assert run.report == [
        {
            "row": 2,
            "outcome": "update",
            "subject": "Product 1 + Product 2 + Product 3",
            "changes": {"status": ["review", "paused"]},
        }
    ]

    confirmed(run)

    made.refresh_from_db()
    assert (made.status, made.source) == ("paused", "generated")
    decision = Decision.objects.get()
    assert (decision.actor, decision.action, decision.subject_id) == ("boss", "paused", made.pk)
    assert decision.changes == {"status": ["review", "paused"]}
    assert decision.reason == f"Import {run.pk}: sets.csv"
    assert LogEntry.objects.get().object_id == str(made.pk)


def test_a_file_that_is_imported_twice_changes_nothing_the_second_time(boss: User, goods: list[Any]) -> None:
    rows = [["products", "title", "discount_form", "discount_amount"], [keys(*goods[:2]), "Tea", "fixed_price", "2.50"]]
    confirmed(hand_in(boss, *rows))
    decided_at = Bundle.objects.get().decided_at

    again = hand_in(boss, *rows)

    assert outcomes(again) == ["skip"]
    confirmed(again)
    assert Bundle.objects.get().decided_at == decided_at
    assert Decision.objects.count() == 1


def test_a_missing_column_and_an_empty_cell_that_may_not_be_empty_leave_what_stands(
    boss: User, goods: list[Any]
) -> None:
    made = bundle(goods[:2], title="Tea", pinned=True, discount_percent=10)

    confirmed(hand_in(boss, ["products", "title", "status", "pinned"], [keys(*goods[:2]), "", "", ""]))

    made.refresh_from_db()
    assert (made.title, made.status, made.pinned) == ("", "active", True)
    assert made.discount_percent == 10


def test_nothing_is_imported_where_one_row_is_wrong(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products", "title"], [keys(*goods[:2]), "Good"], [f"{goods[0].pk}, 999", "Bad"])

    assert run.status == "refused"
    assert outcomes(run) == ["new", "error"]
    ((row, column, message),) = errors(run)
    assert (row, column) == (3, "products")
    assert "There is no product with the key “999”" in message
    assert not Bundle.objects.exists()
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("status", "aktiv", "“aktiv” is not known here. Expected one of: draft, review, active, paused, rejected."),
        ("pinned", "perhaps", "“perhaps” is neither yes nor no."),
        ("discount_percent", "a tenth", "Enter a number."),
        ("discount_percent", "120", "Ensure this value is less than or equal to 99."),
        ("valid_from", "tomorrow", "Enter a valid date/time."),
        ("max_uses", "0", "Ensure this value is greater than or equal to 1."),
        ("discount_form", "amount", "Enter an amount: this form of price needs one."),
        ("title", "x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
    ],
)
def test_a_wrong_cell_is_named_in_the_words_of_the_form(
    boss: User, goods: list[Any], column: str, cell: str, message: str
) -> None:
    run = hand_in(boss, ["products", column], [keys(*goods[:2]), cell])

    assert run.status == "refused"
    named = "discount_amount" if cell == "amount" else column
    assert errors(run) == [(2, named, message)]


def test_a_row_that_ends_before_it_begins_is_refused(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products", "valid_from", "valid_until"], [keys(*goods[:2]), "2030-02-01", "2030-01-01"])

    assert errors(run) == [(2, "", "A bundle must end after it begins.")]


def test_two_rows_about_the_same_products_are_one_too_many(boss: User, goods: list[Any]) -> None:
    one, other = goods[:2]
    run = hand_in(boss, ["products"], [keys(one, other)], [keys(other, one)])

    assert errors(run) == [(3, "products", "A row above is about exactly these products already. Remove one.")]


def test_rejecting_by_file_unpins(boss: User, goods: list[Any]) -> None:
    made = bundle(goods[:2], pinned=True)

    confirmed(hand_in(boss, ["products", "status"], [keys(*goods[:2]), "rejected"]))

    made.refresh_from_db()
    assert (made.status, made.pinned) == ("rejected", False)


@pytest.mark.parametrize(
    ("may", "row", "refused"),
    [
        (["pause_bundle"], {"status": "paused"}, None),
        (["pause_bundle"], {"status": "rejected"}, "status: You may not set a bundle to “Rejected”."),
        (["change_bundle"], {"status": "paused"}, "status: You may not set a bundle to “Paused”."),
        (["change_bundle"], {"title": "New"}, None),
        (["pause_bundle"], {"title": "New"}, "title: You may not change this."),
        (["change_bundle"], {"pinned": "yes"}, "pinned: You may not pin or unpin bundles."),
        (["pin_bundle"], {"pinned": "yes"}, None),
        (["submit_bundle"], {"status": "review"}, "status: You may not set a bundle to “Review”."),
        (["activate_bundle", "pause_bundle", "reject_bundle"], {"status": "draft"}, None),
    ],
)
def test_a_file_decides_nothing_that_its_owner_could_not_decide_by_hand(
    clerk: Callable[..., User], goods: list[Any], may: list[str], row: dict[str, str], refused: str | None
) -> None:
    bundle(goods[:2])

    run = hand_in(clerk(*may), ["products", *row], [keys(*goods[:2]), *row.values()])

    assert [f"{column}: {text}" for _row, column, text in errors(run)] == ([refused] if refused else [])
    assert outcomes(run) == ["error" if refused else "update"]


def test_a_draft_may_be_sent_to_review_by_who_may_submit(clerk: Callable[..., User], goods: list[Any]) -> None:
    bundle(goods[:2], status="draft")

    assert outcomes(hand_in(clerk("submit_bundle"), ["products", "status"], [keys(*goods[:2]), "review"])) == ["update"]


def test_who_may_not_add_a_bundle_by_hand_adds_none_by_file(clerk: Callable[..., User], goods: list[Any]) -> None:
    run = hand_in(clerk("change_bundle"), ["products"], [keys(*goods[:2])])

    assert errors(run) == [(2, "products", "There is no bundle of exactly these products, and you may not add one.")]


def test_what_is_exported_comes_back_as_it_was(boss: User, goods: list[Any]) -> None:
    bundle(
        {goods[0]: 2, goods[1]: 1},
        title="=1+1",
        discount_form="amount",
        discount_amount="1.50",
        discount_currency="USD",
        valid_from=datetime(2030, 1, 1, 7, 30, tzinfo=UTC),
        max_uses=9,
    )
    table = BundleResource().export(BundleResource().get_queryset())

    assert table["title"] == ["'=1+1"]
    for name in ("sets.csv", "sets.xlsx"):
        assert outcomes(hand_in(boss, table.headers, *table, name=name)) == ["skip"]


def test_a_longer_file_asks_no_more_queries_to_read_the_shop(boss: User, goods: list[Any]) -> None:
    def selected(count: int) -> int:
        rows = [[keys(goods[number], goods[number + 1])] for number in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            hand_in(boss, ["products"], *rows)
        return sum('FROM "shop_product"' in query["sql"] for query in captured)

    assert selected(2) == selected(11) == 1


def test_parts_of_a_new_bundle_know_categories_as_other_bundles_do(boss: User, goods: list[Any]) -> None:
    confirmed(hand_in(boss, ["products"], [keys(*goods[:2])]))

    assert set(BundlePart.objects.values_list("category", flat=True)) == {"Things"}
