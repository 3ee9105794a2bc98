"""Daily figures, held against a count by hand, and the end of old events."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bundle_app.events.aggregation import aggregate, prune
from bundle_app.events.days import bounds, day_of, mark_changed
from bundle_app.events.erasure import forget
from bundle_app.models import CountedDay, DailyFigure, Event, Purchase
from tests.bundle_app.events.worlds import NOON, happened, showing

pytestmark = pytest.mark.django_db
TODAY = day_of(NOON)


def figures(**fields: Any) -> dict[str, Any]:
    """The columns of the one row that there is of this."""
    row: dict[str, Any] = dict(DailyFigure.objects.filter(**fields).values().get())
    shown = ("impressions", "clicks", "adds", "dismissals", "surplus", "purchases", "revenue", "discount", "margin")
    return {name: row[name] for name in shown if row[name]}


def purchase(order_key: str, *, at: datetime = NOON, **fields: Any) -> Purchase:
    shown = showing(fields.pop("bundle_id", 1))
    given = {
        "share": Decimal(1),
        "revenue": Decimal(10),
        "discount": Decimal(1),
        "margin": Decimal(4),
        "currency": "EUR",
    }
    return Purchase.objects.create(
        order_key=order_key, showing=shown.id, bundle_id=shown.bundle_id, anchor_key="A", placement="product", slot=1,
        ordered_at=at, **{**given, **fields},
    )  # fmt: skip


def test_a_day_is_the_sum_of_its_events_and_sales() -> None:
    for number in range(3):
        happened(f"shopper {number}", ["impression", "click", "add"])
    happened("ann", ["impression"])
    happened("ann", ["impression", "dismiss"])
    purchase("1", discount=Decimal("2.50"))
    purchase("2", share=Decimal("0.5"), margin=None)
    purchase("3", currency="USD", revenue=Decimal(7), margin=None)
    aggregate(now=NOON)
    assert figures(currency="") == {"impressions": 5, "clicks": 3, "adds": 3, "dismissals": 1}
    sold = {"purchases": Decimal("1.5"), "revenue": Decimal(20), "discount": Decimal("3.5"), "margin": Decimal(4)}
    assert figures(currency="EUR") == sold
    assert figures(currency="USD") == {"purchases": 1, "revenue": 7, "discount": 1}


def test_what_differs_in_anything_that_is_known_of_a_showing_is_counted_apart() -> None:
    differing: list[dict[str, Any]] = [
        {}, {"bundle_id": 2}, {"anchor_key": "B"}, {"placement": "cart"}, {"slot": 2}, {"version_id": 1},
        {"policy_id": 1}, {"arm": "blue"}, {"at": NOON + timedelta(days=1)},
    ]  # fmt: skip
    for fields in differing:
        happened("ann", ["impression"], **fields)
    aggregate(now=NOON + timedelta(days=1))
    assert DailyFigure.objects.count() == 9
    assert set(DailyFigure.objects.values_list("impressions", flat=True)) == {1}


def test_what_was_tried_out_is_counted_apart_from_what_was_likeliest() -> None:
    for propensity in (1.0, 0.5, 0.49, 0.01):
        happened("ann", ["impression"], propensity=propensity)
    purchase("1", propensity=0.02)
    aggregate(now=NOON)
    assert figures(is_explored=False) == {"impressions": 2}
    assert figures(is_explored=True, currency="") == {"impressions": 2}
    assert figures(is_explored=True, currency="EUR")["revenue"] == 10


def test_whoever_clicked_has_seen() -> None:
    happened("ann", ["click", "add"])
    happened("ann", ["impression", "click"])
    aggregate(now=NOON)
    assert figures() == {"impressions": 2, "clicks": 2, "adds": 1}


def test_a_showing_counts_on_the_day_on_which_it_was_shown() -> None:
    midnight = bounds(TODAY)[1]
    shown = showing(shown_at=midnight - timedelta(minutes=1))
    happened("ann", ["impression"], shown, at=midnight - timedelta(seconds=50))
    happened("ann", ["click"], shown, at=midnight + timedelta(minutes=1))
    aggregate(now=midnight + timedelta(hours=1))
    assert figures() == {"impressions": 1, "clicks": 1}
    assert DailyFigure.objects.get().day == TODAY


def test_surplus_is_told_and_stands_in_no_other_column() -> None:
    for _ in range(5):
        happened("ann", ["impression", "click"])
    aggregate(now=NOON)
    assert figures() == {"impressions": 5, "clicks": 3, "surplus": 2}


def test_counting_twice_changes_nothing_and_late_events_are_added() -> None:
    happened("ann", ["impression"])
    aggregate(now=NOON)
    before = list(DailyFigure.objects.values_list("day", "impressions"))
    aggregate(now=NOON)
    assert list(DailyFigure.objects.values_list("day", "impressions")) == before
    happened("bob", ["impression"])
    aggregate(now=NOON + timedelta(hours=20))
    assert figures(day=TODAY) == {"impressions": 2}


def test_a_long_pause_of_the_worker_leaves_no_day_out() -> None:
    for day in range(40):
        happened("ann", ["impression"], at=NOON + timedelta(days=day))
    aggregate(now=NOON + timedelta(days=1))
    aggregate(now=NOON + timedelta(days=40))
    assert DailyFigure.objects.count() == 40


def test_a_day_long_ago_is_counted_anew_once_it_is_marked() -> None:
    happened("ann", ["impression"])
    aggregate(now=NOON + timedelta(days=30))
    purchase("1")
    aggregate(now=NOON + timedelta(days=31))
    assert not DailyFigure.objects.filter(currency="EUR").exists()
    mark_changed([TODAY])
    aggregate(now=NOON + timedelta(days=31))
    assert figures(currency="EUR")["revenue"] == 10


def test_a_run_that_ends_halfway_leaves_its_days_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    from bundle_app.events import aggregation

    for day in range(5):
        happened("ann", ["impression"], at=NOON + timedelta(days=day))
    count = aggregation._count

    def dies_on_the_third(day: date, **options: Any) -> None:
        if day == TODAY + timedelta(days=2):
            raise KeyboardInterrupt
        count(day, **options)

    monkeypatch.setattr(aggregation, "_count", dies_on_the_third)
    with pytest.raises(KeyboardInterrupt):
        aggregate(now=NOON + timedelta(days=60))
    monkeypatch.undo()
    assert DailyFigure.objects.count() == 2
    aggregate(now=NOON + timedelta(days=60))
    assert DailyFigure.objects.count() == 5


def test_figures_equal_a_count_by_hand_over_a_random_month() -> None:
    rng, by_hand = random.Random(5), Counter[tuple[Any, ...]]()
    for number in range(300):
        at = NOON + timedelta(hours=rng.randrange(30 * 24))
        keys: dict[str, Any] = {
            "bundle_id": rng.randrange(3),
            "anchor_key": rng.choice("AB"),
            "slot": rng.randrange(1, 3),
        }
        kinds = [kind for kind, chance in (("impression", 1), ("click", 0.4), ("add", 0.2)) if rng.random() < chance]
        happened(f"shopper {number}", kinds, at=at, **keys)
        for kind in kinds:
            by_hand[day_of(at), keys["bundle_id"], keys["anchor_key"], keys["slot"], kind] += 1
    aggregate(now=NOON + timedelta(days=31))
    counted = Counter[tuple[Any, ...]]()
    for row in DailyFigure.objects.all():
        for kind, count in (("impression", row.impressions), ("click", row.clicks), ("add", row.adds)):
            counted[row.day, row.bundle_id, row.anchor_key, row.slot, kind] += count
    assert +counted == by_hand


def test_days_are_the_shop_s_whatever_zone_a_process_has_made_its_own(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    evening = datetime(2026, 3, 10, 17, 0, tzinfo=NOON.tzinfo)
    happened("ann", ["impression"], at=evening)
    with timezone.override("America/New_York"):
        aggregate(now=evening)
    assert DailyFigure.objects.get().day == date(2026, 3, 11)


class TestTheEndOfOldEvents:
    def test_they_go_once_they_are_counted_and_their_figures_stay(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EVENT_DAYS": 30}
        happened("ann", ["impression", "click"])
        purchase("1")
        happened("ann", ["impression"], at=NOON + timedelta(days=2))
        assert prune(now=NOON + timedelta(days=31)) == 3
        assert (Event.objects.count(), Purchase.objects.count()) == (1, 0)
        assert figures(day=TODAY, currency="") == {"impressions": 1, "clicks": 1}
        assert figures(day=TODAY, currency="EUR")["revenue"] == 10
        assert prune(now=NOON + timedelta(days=31)) == 0

    def test_a_closed_day_is_never_counted_again(self, settings: Any) -> None:
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EVENT_DAYS": 30}
        happened("ann", ["impression"])
        prune(now=NOON + timedelta(days=31))
        mark_changed([TODAY])
        aggregate(now=NOON + timedelta(days=31))
        assert figures(day=TODAY) == {"impressions": 1}
        assert CountedDay.objects.get(day=TODAY).is_closed

    def test_what_a_killed_run_left_is_deleted_by_the_next(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from bundle_app.events import aggregation

        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EVENT_DAYS": 30}
        monkeypatch.setattr(aggregation, "BATCH_SIZE", 2)
        for _ in range(5):
            happened("ann", ["impression"])
        aggregation._count(TODAY, now=NOON, close=True)
        Event.objects.filter(pk__in=Event.objects.values("pk")[:2]).delete()
        assert prune(now=NOON + timedelta(days=31)) == 3
        assert figures(day=TODAY) == {"impressions": 5}

    def test_a_day_that_is_not_over_for_long_enough_stays(self) -> None:
        happened("ann", ["impression"])
        assert prune(now=NOON + timedelta(days=180)) == 0


def test_a_person_is_forgotten_and_the_figures_follow() -> None:
    happened("ann", ["impression", "click"])
    happened("ann", ["impression"], at=NOON + timedelta(days=1))
    happened("bob", ["impression"])
    aggregate(now=NOON + timedelta(days=30))
    assert forget("ann") == 3
    assert forget("ann") == 0
    assert Event.objects.count() == 1
    aggregate(now=NOON + timedelta(days=30))
    assert figures(day=TODAY) == {"impressions": 1}
    assert not DailyFigure.objects.filter(day=TODAY + timedelta(days=1)).exists()


def test_a_person_is_forgotten_under_former_keys_too(settings: Any) -> None:
    happened("ann", ["impression"])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    happened("ann", ["impression"])
    assert forget("ann") == 2


@pytest.mark.django_db(transaction=True)
def test_a_change_during_the_count_is_counted_by_the_next_run() -> None:
    """A sale that is written while a day is counted waits for its row, and marks it afterwards."""
    import threading

    happened("ann", ["impression"])
    aggregate(now=NOON)
    held, done = threading.Event(), threading.Event()

    def sell() -> None:
        with transaction.atomic():
            purchase("1")
            held.set()
            mark_changed([TODAY])
        done.set()
        connection.close()

    with transaction.atomic():
        CountedDay.objects.select_for_update().get(day=TODAY)  # as a count holds it
        seller = threading.Thread(target=sell)
        seller.start()
        held.wait()
        assert not done.is_set()
        CountedDay.objects.filter(day=TODAY).update(counted_at=NOON)
    seller.join()
    assert CountedDay.objects.get(day=TODAY).counted_at is None
    aggregate(now=NOON + timedelta(days=30))
    assert figures(day=TODAY, currency="EUR")["revenue"] == 10
