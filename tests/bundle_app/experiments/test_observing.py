"""What a visitor did is counted once, when the days that count are over, in the arm of the first sight."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.experiments.observing import Observations, observe
from bundle_app.experiments.sequential import Moments
from bundle_app.models import Event, Experiment
from bundle_app.models.experiment import Metric
from tests.bundle_app.experiments.worlds import arms, crowd, day, event, experiment, purchase, run
from tests.bundle_app.tutorial_shop import TUTORIAL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "SHOWING_HOURS": 24}
    settings.TIME_ZONE = "UTC"


@pytest.fixture
def trial() -> Experiment:
    made = experiment(window_days=2)
    arms(made, "other.html")
    return run(made)


def observed(of: Experiment, *, at: datetime) -> Observations:
    return observe(of, ["a", "b"], at=at)


def word(of: Experiment, letter: str) -> str:
    return f"{of.pk}{letter}"


def test_a_visitor_is_counted_when_the_days_that_count_are_over_and_settled(trial: Experiment) -> None:
    seen = event("anna", word(trial, "b"), day(0))
    seen.save()
    purchase(seen, at=day(1)).save()

    # The two days end with day 1; its showings may be reported until the end of day 2.
    assert observed(trial, at=day(2, hour=23)).moments[Metric.CONVERSION]["b"] == [Moments()]
    found = observed(trial, at=day(3, hour=1))
    assert found.days == [day(0).date(), day(1).date()]
    assert found.entered == {"a": [0, 0], "b": [1, 1]}
    assert found.moments[Metric.CONVERSION]["b"] == [Moments(0, 0, 0, 0, 0, 0), Moments(1, 1, 1, 1, 1, 1)]
    assert found.moments[Metric.REVENUE]["b"][-1].value == 40


def test_what_comes_after_these_days_does_not_count(trial: Experiment) -> None:
    first, later = event("anna", word(trial, "b"), day(0)), event("anna", word(trial, "b"), day(2))
    Event.objects.bulk_create([first, later])
    purchase(later, at=day(2)).save()

    found = observed(trial, at=day(9))

    assert found.moments[Metric.CONVERSION]["b"][-1] == Moments(1, 1, 0, 1, 0, 0)
    assert found.moments[Metric.CLICK_RATE]["b"][-1].x == 1
    assert found.entered["b"][-1] == 1, "nobody enters twice"


def test_rates_are_of_what_was_seen_whatever_was_reported_of_it(trial: Experiment) -> None:
    told = event("anna", word(trial, "a"), day(0))
    clicked = [event("anna", word(trial, "a"), day(0), kind, showing=told.showing) for kind in ("click", "add")]
    only_clicked = event("anna", word(trial, "a"), day(1), "click")
    not_believed = event("anna", word(trial, "a"), day(1), "click", is_rewarded=False)
    Event.objects.bulk_create([told, *clicked, only_clicked, not_believed])

    found = observed(trial, at=day(9))

    assert found.moments[Metric.CLICK_RATE]["a"][-1] == Moments(1, 3, 2, 9, 6, 4)
    assert found.moments[Metric.ADD_RATE]["a"][-1] == Moments(1, 3, 1, 9, 3, 1)


def test_whoever_sees_another_arm_later_stays_in_the_first(trial: Experiment) -> None:
    Event.objects.bulk_create(
        [
            event("anna", word(trial, "b"), day(0, hour=9)),
            event("anna", word(trial, "a"), day(0, hour=10), "click"),
            event("ben", word(trial, "a"), day(0)),
        ]
    )
    found = observed(trial, at=day(9))
    assert found.entered == {"a": [1] * 8, "b": [1] * 8}
    assert found.moments[Metric.CLICK_RATE]["b"][-1].y == 1
    assert found.crossed_count == 1


def test_an_experiment_that_is_stopped_counts_whom_it_had_for_all_their_days(trial: Experiment) -> None:
    trial.state, trial.stopped_at = Experiment.State.STOPPED, day(3, hour=6)
    trial.save(update_fields=["state", "stopped_at"])
    Event.objects.bulk_create([event("anna", word(trial, "a"), day(1)), event("ben", word(trial, "a"), day(2))])

    found = observed(trial, at=day(30))

    assert found.days[-1] == day(2).date()
    assert (found.entered["a"][-1], found.moments[Metric.REVENUE]["a"][-1].n) == (2, 1)


def test_words_of_several_experiments_in_one_showing_are_told_apart(trial: Experiment) -> None:
    other = word(trial, "a")
    Event.objects.bulk_create(
        [
            event("anna", f"{trial.pk}b+{trial.pk + 1}a", day(0)),
            event("ben", f"{trial.pk + 1}b+{other}", day(0)),
            event("carl", f"{trial.pk}1a", day(0)),  # Of the experiment whose number begins like ours.
            event("", other, day(0)),
            event("dora", "", day(0)),
            event("emil", word(trial, "z"), day(0)),
        ]
    )
    assert observed(trial, at=day(9)).entered == {"a": [1] * 8, "b": [1] * 8}


def test_money_counts_in_the_shop_s_currency_and_a_sale_in_any(trial: Experiment) -> None:
    seen = event("anna", word(trial, "a"), day(0))
    seen.save()
    purchase(seen, at=day(0), revenue="10", margin=4).save()
    purchase(seen, at=day(0), revenue="999", currency="JPY").save()
    found = observed(trial, at=day(9)).moments
    assert (found[Metric.REVENUE]["a"][-1].y, found[Metric.MARGIN]["a"][-1].y) == (10, 4)
    assert found[Metric.CONVERSION]["a"][-1].y == 1


def test_nothing_before_the_start_and_nothing_before_there_is_a_day(trial: Experiment) -> None:
    event("anna", word(trial, "a"), day(-1)).save()
    assert observed(trial, at=day(9)).entered["a"][-1] == 0
    assert observed(trial, at=day(0)).days == []
    assert observed(experiment(), at=day(9)).days == []


def test_days_are_the_shop_s(trial: Experiment, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    event("anna", word(trial, "a"), datetime(2026, 3, 2, 20, tzinfo=UTC)).save()  # The 3rd, there.
    assert observed(trial, at=day(9)).entered["a"][:2] == [0, 1]


def test_many_visitors_cost_two_queries(trial: Experiment) -> None:
    for arm in trial.arms.all():
        crowd(arm, 50, buying=10, clicking=20)
    with CaptureQueriesContext(connection) as queries:
        found = observed(trial, at=day(9))
    assert len(queries) == 2, "\n".join(query["sql"] for query in queries)
    assert found.moments[Metric.CONVERSION]["a"][-1].value == pytest.approx(0.2)
    assert found.moments[Metric.CLICK_RATE]["b"][-1].value == pytest.approx(0.4)
