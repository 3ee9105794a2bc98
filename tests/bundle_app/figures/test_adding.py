"""Figures held against a count by hand, and how much asking for them costs."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.events.aggregation import aggregate
from bundle_app.events.days import day_of
from bundle_app.figures.adding import Amounts, Figures, Report, folded
from bundle_app.figures.period import Period
from bundle_app.figures.selection import COLUMNS, Grouping, Order, Selection
from bundle_app.models import DailyFigure, OrderCount
from tests.bundle_app.events.worlds import NOON, happened
from tests.bundle_app.figures.worlds import LAST, WEEK, days_ago, shown, sold

pytestmark = pytest.mark.django_db


def report(period: Period = WEEK, **only: Any) -> Report:
    return Report(Selection(period=period, only=only))


def query_count(ask: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        ask()
    return len(queries)


def test_a_period_is_added_up_beside_the_one_before() -> None:
    shown(clicks=10, adds=4, dismissals=2, surplus=1)
    shown(day=days_ago(6), slot=2, clicks=5)
    sold("1.5", revenue=30, discount=3, margin=Decimal(9))
    sold(2, revenue="40.50", slot=2)
    sold(1, currency="USD", revenue=7)
    shown(day=days_ago(7), impressions=50, clicks=1)
    shown(day=days_ago(14), clicks=99)
    shown(day=LAST + timedelta(days=1), clicks=99)
    told = report().totals
    assert told.now == Figures(
        impressions=200, clicks=15, adds=4, dismissals=2, surplus=1, purchases=Decimal("4.5"),
        amounts={
            "EUR": Amounts(revenue=Decimal("70.5"), discount=Decimal(3), margin=Decimal(9)),
            "USD": Amounts(revenue=Decimal(7), discount=Decimal(0), margin=None),
        },
    )  # fmt: skip
    assert told.before == Figures(impressions=50, clicks=1)


def test_rates_are_shares_of_what_was_seen_and_of_the_shop_s_orders() -> None:
    shown(clicks=10, adds=5)
    sold(4)
    OrderCount.objects.create(day=LAST, count=40)
    now = report().totals.now
    found = [now.ctr, now.add_rate, now.conversion, now.attach_rate]
    assert [rate and rate.value for rate in found] == [0.1, 0.05, 0.04, 0.1]


def test_nothing_at_all_is_told_as_nothing() -> None:
    told = report()
    assert told.totals.now == told.totals.before == Figures()
    assert told.groups(Grouping.BUNDLE) == ([], 0)
    assert told.exploration is None
    assert told.currencies == []


def test_an_attach_rate_is_told_only_if_orders_of_all_days_with_sales_are_known() -> None:
    sold(1)
    assert report().totals.now.attach_rate is None
    OrderCount.objects.create(day=days_ago(1), count=10)
    assert report().totals.now.orders is None
    OrderCount.objects.create(day=LAST, count=10)
    assert report().totals.now.orders == 20


def test_figures_equal_a_count_by_hand_in_every_grouping() -> None:
    rng = random.Random(3)
    by_hand: dict[Grouping, defaultdict[Any, Counter[str]]] = {by: defaultdict(Counter) for by in Grouping}
    for number in range(200):
        at = NOON + timedelta(hours=rng.randrange(14 * 24) - 12)
        keys = {
            "bundle_id": rng.randrange(1, 4), "anchor_key": rng.choice("AB"), "placement": rng.choice(["cart", ""]),
            "slot": rng.randrange(1, 3), "version_id": rng.randrange(2), "policy_id": rng.randrange(2),
            "arm": rng.choice(["", "blue"]), "propensity": rng.choice([1.0, 0.02]),
        }  # fmt: skip
        kinds = [kind for kind, chance in (("impression", 1), ("click", 0.4), ("add", 0.2)) if rng.random() < chance]
        happened(f"shopper {number}", kinds, at=at, **keys)  # type: ignore[arg-type]
        time = "now" if day_of(at) >= day_of(NOON) + timedelta(days=7) else "before"
        for by in Grouping:
            key = day_of(at) if by is Grouping.DAY else keys[COLUMNS[by]]
            counts = by_hand[by][key]
            counts.update(f"{time} {kind}" for kind in kinds)
            counts[f"{time} explored"] += keys["propensity"] == 0.02
    aggregate(now=NOON + timedelta(days=15))
    told = report(Period.of_days(7, last=day_of(NOON) + timedelta(days=13)))
    for by in Grouping:
        lines, count = told.groups(by)
        assert count == len(lines) == (7 if by is Grouping.DAY else len(by_hand[by]))
        for line in lines:
            for time in ("now", "before"):
                figures: Figures = getattr(line, time)
                key = line.key - timedelta(days=7) if (by, time) == (Grouping.DAY, "before") else line.key
                counts = by_hand[by][key]
                found = (figures.impressions, figures.clicks, figures.adds, figures.explored_impressions)
                assert found == tuple(counts[f"{time} {what}"] for what in ("impression", "click", "add", "explored"))


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ({"bundle": 2}, 2), ({"anchor": "B"}, 4), ({"placement": "cart"}, 8), ({"version": 9}, 16), ({"policy": 3}, 32),
        ({"arm": "blue"}, 64), ({"arm": ""}, 63), ({"arm": "", "bundle": 1}, 61), ({"arm": "red"}, 0),
    ],
)  # fmt: skip
def test_a_filter_leaves_what_it_names(only: dict[str, Any], expected: int) -> None:
    for number, fields in enumerate(
        ({}, {"bundle_id": 2}, {"anchor_key": "B"}, {"placement": "cart"}, {"version_id": 9}, {"policy_id": 3},
         {"arm": "blue"})
    ):  # fmt: skip
        shown(impressions=2**number, **fields)  # type: ignore[arg-type]
    assert report(**only).totals.now.impressions == expected


def test_groups_come_with_most_first_page_by_page() -> None:
    for number in range(1, 8):
        shown(bundle_id=number, impressions=100 - number, clicks=number)
    told = report()
    lines, count = told.groups(Grouping.BUNDLE, start=2, count=3)
    assert ([line.key for line in lines], count) == ([3, 4, 5], 7)
    assert told.groups(Grouping.BUNDLE, order=Order.CLICKS, count=1)[0][0].key == 7


def test_days_without_anything_are_told_too() -> None:
    shown(day=days_ago(3))
    lines, count = report().groups(Grouping.DAY)
    assert [line.now.impressions for line in lines] == [0, 0, 0, 100, 0, 0, 0]
    assert count == 7


def test_asking_costs_the_same_however_many_bundles_there_are() -> None:
    def ask() -> None:
        told = report()
        assert told.totals.now.impressions > 0
        assert len(told.days) == 7
        assert told.groups(Grouping.BUNDLE)[1] > 0
        assert told.currencies == []
        assert told.exploration is None

    shown()
    few = query_count(ask)
    DailyFigure.objects.bulk_create(
        DailyFigure(day=LAST, bundle_id=number, slot=1, impressions=1) for number in range(2, 2000)
    )
    assert query_count(ask) == few <= 16


def test_days_are_folded_into_weeks() -> None:
    for number in range(10):
        shown(day=days_ago(number), clicks=1)
        sold(1, day=days_ago(number), revenue=2, margin=Decimal(1) if number else None)
        OrderCount.objects.create(day=days_ago(number), count=3)
    weeks = folded(report(Period.of_days(10, last=LAST)).days, size=7)
    assert [(week.key, week.now.impressions, week.now.orders) for week in weeks] == [
        (days_ago(9), 300, 9),
        (days_ago(6), 700, 21),
    ]
    assert weeks[1].now.amounts == {"EUR": Amounts(revenue=Decimal(14), margin=Decimal(6))}
    assert weeks[0].before == Figures()


class TestThePriceOfExploration:
    def test_it_is_what_was_tried_out_held_against_the_rest_of_its_place(self) -> None:
        shown(impressions=900, clicks=90)
        shown(impressions=100, clicks=4, is_explored=True)
        shown(impressions=400, clicks=20, slot=2)
        shown(impressions=50, clicks=1, slot=2, is_explored=True)
        price = report().exploration
        assert price is not None
        assert price.impressions == 150
        assert price.lost_clicks == pytest.approx(100 * (0.1 - 0.04) + 50 * (0.05 - 0.02))
        assert price.low < price.lost_clicks < price.high
        assert price.lost_ratio == pytest.approx(7.5 / (115 + 7.5))

    def test_where_all_was_tried_out_there_is_nothing_to_hold_it_against(self) -> None:
        shown(is_explored=True)
        assert report().exploration is None

    def test_it_may_be_a_gain(self) -> None:
        shown(impressions=1000, clicks=10)
        shown(impressions=1000, clicks=50, is_explored=True)
        price = report().exploration
        assert price is not None
        assert price.lost_clicks == pytest.approx(-40)
        assert price.high < 0
