"""Showings as the learning process reads them."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bundle_app.models import Bundle, Event, Purchase
from bundle_app.policy.showings import COLUMNS, export_showings
from tests.bundle_app.policy.worlds import EXPLORATION, NIGHT, log, second_is_best, shop
from tests.bundle_app.tutorial_shop import TUTORIAL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rewarding(settings: Any) -> None:
    settings.BUNDLE_APP = {
        **TUTORIAL, "EXPLORATION_RATIO": EXPLORATION, "REWARDS": {"click": 1, "purchase": 5}, "POLICY_DAYS": 90,
    }  # fmt: skip


@pytest.fixture
def made() -> list[list[Bundle]]:
    return shop()


def rows(tmp_path: Path) -> list[dict[str, str]]:
    path = tmp_path / "clicks.csv"
    count = export_showings(path, now=NIGHT)
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert len(found) == count
    return found


def test_a_row_is_a_showing_with_all_that_came_of_it(made: list[list[Bundle]], tmp_path: Path) -> None:
    log(made, 300, second_is_best)
    clicked = Event.objects.filter(kind="click").order_by("showing").first()
    assert clicked is not None
    sold = {
        "bundle_id": clicked.bundle_id, "slot": 1, "anchor_key": clicked.anchor_key, "placement": "product",
        "propensity": clicked.propensity, "currency": "EUR", "revenue": 10, "discount": 1,
    }  # fmt: skip
    Purchase.objects.create(
        showing=clicked.showing, order_key="1", share=1, ordered_at=NIGHT - timedelta(minutes=1), **sold
    )

    found = rows(tmp_path)

    assert len(found) == 300
    assert sum(float(row["reward"]) for row in found) == Event.objects.filter(kind="click").count() + 5
    row = found[clicked.showing]
    others = [part.item_key for part in clicked.bundle.parts.order_by("position")][1:]
    assert (row["anchor_key"], json.loads(row["item_keys"]), row["reward"]) == (clicked.anchor_key, others, "6.0")
    assert (row["place"], row["place_count"], row["is_buyer"]) == ("1", "1", "f")
    assert float(row["propensity"]) == clicked.propensity


def test_visitors_are_numbers_and_known_buyers_those_who_bought_before(
    made: list[list[Bundle]], tmp_path: Path
) -> None:
    log(made, 1000, second_is_best)
    early = Event.objects.filter(kind="impression", subject="visitor 7").order_by("showing").first()
    assert early is not None
    Event.objects.filter(showing=early.showing).update(shown_at=NIGHT - timedelta(days=200))
    Purchase.objects.create(
        showing=early.showing, order_key="1", bundle_id=early.bundle_id, slot=1, share=1, anchor_key=early.anchor_key,
        placement="product", propensity=1, currency="EUR", revenue=1, discount=0,
        ordered_at=NIGHT - timedelta(days=199),
    )  # fmt: skip

    text = (tmp_path / "clicks.csv").read_text() if rows(tmp_path) else ""
    found = rows(tmp_path)

    assert "visitor 7" not in text
    assert len({row["visitor"] for row in found}) == Event.objects.values("subject").distinct().count()
    by = {row["visitor"] for row in found if row["is_buyer"] == "t"}
    assert len(by) == 1
    again = Event.objects.filter(subject="visitor 7", kind="impression", shown_at__gte=NIGHT - timedelta(days=90))
    assert sum(row["visitor"] in by for row in found) == again.count()


def test_carts_other_times_and_pages_of_no_product_are_left_out(made: list[list[Bundle]], tmp_path: Path) -> None:
    log(made, 60, second_is_best)
    first, second, third, fourth = Event.objects.filter(kind="impression").order_by("pk")[:4]
    Event.objects.filter(showing=first.showing).update(placement="cart")
    Event.objects.filter(showing=second.showing).update(anchor_key="")
    Event.objects.filter(showing=third.showing).update(anchor_key="~0123")
    Event.objects.filter(showing=fourth.showing).update(shown_at=NIGHT - timedelta(days=91))

    assert len(rows(tmp_path)) == 56


def test_the_columns_are_those_that_the_learning_asks_for() -> None:
    showings = pytest.importorskip("bundle_ml.clicks.showings")

    assert showings.COLUMNS == COLUMNS
