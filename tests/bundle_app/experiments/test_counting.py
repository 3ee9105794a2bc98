"""What pages read is what the events say, counted anew whenever something of an experiment's days has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.events.aggregation import aggregate, prune
from bundle_app.events.days import mark_changed
from bundle_app.events.erasure import forget
from bundle_app.events.subjects import pseudonyms
from bundle_app.experiments import counting
from bundle_app.experiments.observing import Observations, observe
from bundle_app.experiments.results import results
from bundle_app.models import ArmDay, CountedDay, Event, Experiment, Purchase
from bundle_app.models.experiment import Metric
from tests.bundle_app.experiments.worlds import START, arms, crowd, day, event, experiment, purchase, run
from tests.bundle_app.tutorial_shop import TUTORIAL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "SHOWING_HOURS": 24, "EVENT_DAYS": 90}
    settings.TIME_ZONE = "UTC"


@pytest.fixture
def trial() -> Experiment:
    """Visitors of three days in both arms, with uneven amounts."""
    made = experiment(window_days=2)
    for arm, buying in zip(arms(made, "other.html"), (7, 11), strict=True):
        for number in range(3):
            crowd(arm, 40 + number, buying=buying, clicking=15 + number, on=number, revenue=f"{10 + number}.37")
    return run(made)


def night(number: int) -> int:
    """The nightly task, at the end of a day."""
    now = day(number, hour=23)
    aggregate(now=now)
    return counting.count(now=now)


def kept(of: Experiment) -> Observations:
    of.refresh_from_db()
    return counting.counted(of, list(of.arms.order_by("key")))


def from_events(of: Experiment, *, after: int) -> Observations:
    return observe(of, ["a", "b"], at=day(after, hour=23))


def revenue(of: Experiment) -> float:
    return kept(of).moments[Metric.REVENUE]["b"][-1].y


def test_rows_say_what_the_events_say_to_the_last_digit(trial: Experiment) -> None:
    event("anna", f"{trial.pk}a", day(0)).save()
    event("anna", f"{trial.pk}b", day(1)).save()
    for number in range(8):
        assert night(number) == 1
        assert kept(trial) == from_events(trial, after=number)
    assert len(kept(trial).days) == 6
    assert kept(trial).crossed_count == 1
    assert kept(trial).moments[Metric.REVENUE]["a"][-1].y > 0


def test_a_page_reads_no_events(trial: Experiment) -> None:
    night(6)
    trial.refresh_from_db()
    with CaptureQueriesContext(connection) as queries:
        assert results(trial).counted_count > 0
    assert not [query for query in queries if Event._meta.db_table in query["sql"]]
    assert not [query for query in queries if Purchase._meta.db_table in query["sql"]]


def test_what_is_stopped_is_counted_until_all_of_it_is_known_and_then_no_more(trial: Experiment) -> None:
    trial.state, trial.stopped_at = Experiment.State.STOPPED, day(3)
    trial.save(update_fields=["state", "stopped_at"])
    assert [night(number) for number in range(2, 9)] == [1, 1, 1, 1, 0, 0, 0]
    assert kept(trial) == from_events(trial, after=8)
    assert kept(trial).days[-1] == day(2).date()


@pytest.fixture
def over(trial: Experiment) -> Experiment:
    """Long over, and counted."""
    trial.state, trial.stopped_at = Experiment.State.STOPPED, day(5)
    trial.save(update_fields=["state", "stopped_at"])
    for number in (8, 30):
        night(number)
    assert night(31) == 0
    return trial


def test_a_refund_flows_in(over: Experiment) -> None:
    before = revenue(over)
    sold = Purchase.objects.filter(arm=f"{over.pk}b").order_by("pk")[:1]
    Purchase.objects.filter(pk__in=sold).update(revenue=0)
    mark_changed([day(0).date()])  # as attribution does with what it takes back
    assert night(32) == 1
    assert revenue(over) == pytest.approx(before - 10.37)
    assert kept(over) == from_events(over, after=32)
    assert night(33) == 0


def test_a_report_that_came_late_flows_in(trial: Experiment) -> None:
    trial.state, trial.stopped_at = Experiment.State.STOPPED, day(1)
    trial.save(update_fields=["state", "stopped_at"])
    night(1)
    event("late", f"{trial.pk}a", day(0)).save()  # reported after the night in which its day was counted
    night(2)
    assert kept(trial) == from_events(trial, after=2)
    assert kept(trial).entered["a"] == [41]


def test_a_person_who_is_forgotten_is_not_counted_any_more(over: Experiment) -> None:
    before = kept(over).entered["a"][-1]
    seen = Event.objects.filter(arm=f"{over.pk}a").order_by("pk").first()
    assert seen is not None
    Event.objects.filter(subject=seen.subject).update(subject=pseudonyms("user 7")[0])
    forget("user 7")
    assert night(32) == 1
    assert kept(over).entered["a"][-1] == before - 1


def test_what_changes_while_it_is_counted_is_counted_the_next_night(over: Experiment) -> None:
    aggregate(now=day(32, hour=23))
    mark_changed([day(1).date()])
    counting.count(now=day(32, hour=23))
    assert night(33) == 1


def test_a_run_that_is_killed_before_the_experiments_is_made_good_by_the_next(over: Experiment) -> None:
    mark_changed([day(1).date()])
    aggregate(now=day(32, hour=23))
    assert night(33) == 1


def test_figures_stay_when_the_events_are_deleted(over: Experiment) -> None:
    before = kept(over)
    assert prune(now=START + timedelta(days=120))
    assert not Event.objects.exists()
    assert CountedDay.objects.filter(is_closed=True).exists()
    assert night(121) == 0
    assert kept(over) == before


def test_whoever_began_earlier_does_not_undo_a_later_count(over: Experiment) -> None:
    counting.count_one(over, now=day(2))
    assert kept(over).days[-1] == day(4).date()


def test_a_draft_is_not_counted() -> None:
    arms(experiment(), "other.html")
    assert night(3) == 0
    assert not ArmDay.objects.exists()


def test_a_sale_counts_in_the_shop_s_currency_alone(trial: Experiment) -> None:
    seen = event("foreign", f"{trial.pk}b", day(0))
    seen.save()
    purchase(seen, at=day(0), revenue="1000", currency="JPY").save()
    night(6)
    assert revenue(trial) < 1000
    assert kept(trial) == from_events(trial, after=6)
