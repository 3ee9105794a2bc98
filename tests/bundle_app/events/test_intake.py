"""What becomes of reports: counted once, or told apart by why not. On a real PostgreSQL, with real threads."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.events.intake import MOST_EVENTS, reports_of, take_in
from bundle_app.exceptions import BatchRefused
from bundle_app.models import Bundle, Event, IntakeCount
from tests.bundle_app.events.worlds import NOON, happened, report, showing, visitor

pytestmark = pytest.mark.django_db


def taken_in(*reports: Any, who: str = "ann", now: Any = NOON) -> dict[str, int]:
    return {outcome: count for outcome, count in take_in(reports, visitor=visitor(who), now=now).items() if count}


def counted() -> dict[str, int]:
    return dict(IntakeCount.objects.values_list("outcome", "count"))


def test_an_event_keeps_all_of_its_showing() -> None:
    shown = showing(7, slot=3, version_id=4, policy_id=5, arm="blue", propensity=0.25)
    now = NOON + timedelta(seconds=20)
    assert taken_in(report(shown, "click", to="ann", ago_seconds=1.5), now=now) == {"accepted": 1}
    event = Event.objects.get()
    kept = [event.showing, event.kind, event.bundle_id, event.anchor_key, event.placement, event.slot]
    assert kept == [shown.id, "click", 7, "A", "product", 3]
    assert (event.version_id, event.policy_id, event.arm, event.propensity) == (4, 5, "blue", 0.25)
    assert (event.subject, event.is_rewarded) == (visitor("ann").subject, True)
    assert (event.occurred_at, event.received_at) == (now - timedelta(seconds=1.5), now)


def test_what_is_sent_again_is_the_same_row() -> None:
    shown = showing()
    both = report(shown, "impression"), report(shown, "click")
    assert taken_in(*both, both[1]) == {"accepted": 2, "replayed": 1}
    assert taken_in(*both, who="bob") == {"replayed": 2}
    assert Event.objects.count() == 2
    assert counted() == {"accepted": 2, "replayed": 3}


@pytest.mark.parametrize(
    "report_",
    [
        None,
        [],
        "token",
        {},
        {"token": 7, "kind": "click", "ago_seconds": 0},
        {"token": "shown:17", "kind": "click", "ago_seconds": 0},
        {"token": "\ud800", "kind": "click", "ago_seconds": 0},
        {**report(showing(), "click"), "kind": "purchase"},
        {**report(showing(), "click"), "kind": ["click"]},
        {**report(showing(), "click"), "ago_seconds": -1},
        {**report(showing(), "click"), "ago_seconds": True},
        {**report(showing(), "click"), "ago_seconds": "0"},
        {**report(showing(), "click"), "ago_seconds": float("nan")},
        {**report(showing(), "click"), "ago_seconds": float("inf")},
    ],
)
def test_what_cannot_be_read_is_malformed_and_takes_nothing_else_with_it(report_: Any) -> None:
    assert taken_in(report_, report(showing(), "click")) == {"malformed": 1, "accepted": 1}
    assert Event.objects.count() == 1


def test_each_reason_is_told_apart(settings: Any) -> None:
    own_key, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    forged = report(showing(), "click", to="ann")
    settings.SECRET_KEY = own_key
    late = report(showing(shown_at=NOON - timedelta(hours=24, seconds=1)), "click", to="ann")
    foreign = report(showing(), "click", to="bob")
    counts = {"forged": 1, "late": 1, "foreign": 1}
    assert taken_in(forged, late, foreign) == counts
    assert (Event.objects.count(), counted()) == (0, counts)


def test_how_long_a_showing_counts_is_a_setting(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "SHOWING_HOURS": 1}
    assert taken_in(report(showing(shown_at=NOON - timedelta(minutes=61)), "click")) == {"late": 1}


def test_nothing_happens_before_its_showing_or_after_its_report() -> None:
    early, late = showing(shown_at=NOON - timedelta(minutes=5)), showing(shown_at=NOON + timedelta(minutes=5))
    taken_in(report(early, "click", ago_seconds=1e300), report(late, "click", ago_seconds=60))
    times = dict(Event.objects.values_list("showing", "occurred_at"))
    assert times == {early.id: early.shown_at, late.id: NOON}  # a clock of another server was ahead


def test_a_batch_costs_the_same_statements_whatever_its_size() -> None:
    def statements(count: int) -> int:
        batch = [report(showing(number), kind) for number in range(count) for kind in ("impression", "click")]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            taken_in(*batch)
        return len(queries)

    assert statements(1) == statements(50) <= 6


def test_no_more_is_learned_from_one_visitor_a_day_than_is_set_and_nothing_is_lost() -> None:
    for hour in range(5):
        happened("ann", ["impression", "click", "add"], at=NOON + timedelta(hours=hour))
    happened("bob", ["click"])
    happened("ann", ["click"], at=NOON, bundle_id=2)
    happened("ann", ["click"], at=NOON, anchor_key="B")
    happened("ann", ["click"], at=NOON + timedelta(days=1))
    assert Event.objects.filter(kind="impression", is_rewarded=True).count() == 5
    mine = Event.objects.filter(bundle_id=1, anchor_key="A", subject=visitor("ann").subject)
    for kind in ("click", "add"):
        today = mine.filter(kind=kind, occurred_at__lt=NOON + timedelta(hours=6)).order_by("occurred_at")
        assert list(today.values_list("is_rewarded", flat=True)) == [True] * 3 + [False] * 2
    assert Event.objects.filter(is_rewarded=False).count() == 4


def test_a_cap_holds_within_one_batch(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "REWARDS_A_DAY": 2}
    clicks = [report(showing(), "click") for _ in range(10)]
    assert taken_in(*clicks, *clicks) == {"accepted": 10, "replayed": 10}
    assert Event.objects.filter(is_rewarded=True).count() == 2


def test_a_replay_uses_up_nobody_s_cap() -> None:
    shown = happened("ann", ["click"])
    for _ in range(5):
        happened("ann", ["click"], shown)
    happened("ann", ["click"])
    assert list(Event.objects.values_list("is_rewarded", flat=True)) == [True, True]


@pytest.mark.django_db(transaction=True)
def test_one_outcome_sent_100_times_by_20_threads_is_one_row_and_one_reward() -> None:
    shown = showing()
    batch = [report(shown, "click", to="ann"), report(shown, "impression", to="ann")]

    def send(number: int) -> Counter[str]:
        try:
            return take_in(batch if number % 2 else batch[::-1], visitor=visitor("ann"), now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = sum(pool.map(send, range(100)), Counter())
    assert (answers["accepted"], answers["replayed"]) == (2, 198)
    assert (
        Event.objects.filter(kind="click", is_rewarded=True).count() == Event.objects.filter(kind="click").count() == 1
    )
    assert counted() == {"accepted": 2, "replayed": 198}


@pytest.mark.django_db(transaction=True)
def test_a_cap_holds_against_20_threads() -> None:
    def send(_number: int) -> None:
        try:
            take_in([report(showing(), "click", to="ann")], visitor=visitor("ann"), now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send, range(60)))
    assert Event.objects.count() == 60
    assert Event.objects.filter(is_rewarded=True).count() == 3


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'{"events": 1}', b"\xff", b'{"event": []}', b"[" * 100_000, b'{"events": null}']
)
def test_what_is_no_batch_is_refused_with_an_example(body: bytes) -> None:
    with pytest.raises(BatchRefused, match="This is no batch of events. Send "):
        reports_of(body)


def test_a_batch_has_a_largest_size() -> None:
    full = json.dumps({"events": [{}] * MOST_EVENTS}).encode()
    assert len(reports_of(full)) == 100
    with pytest.raises(BatchRefused, match="The batch holds 101 events; expected at most 100. Split it."):
        reports_of(json.dumps({"events": [{}] * 101}).encode())


def test_events_outlive_their_bundle() -> None:
    made = Bundle.objects.create(composition_hash="x")
    happened("ann", ["impression", "click"], bundle_id=made.pk)
    number = made.pk
    made.delete()
    assert list(Event.objects.values_list("bundle_id", flat=True)) == [number, number]
