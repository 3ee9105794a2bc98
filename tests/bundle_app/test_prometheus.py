"""Metrics: off unless asked for, told to whom knows the token, read from the database, with bounded labels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from bundle_app import checks, conf
from bundle_app.events.aggregation import aggregate
from bundle_app.events.days import day_of
from bundle_app.exceptions import ConfigurationError
from bundle_app.models import IntakeCount, TrainingRun
from tests.bundle_app.events.worlds import happened
from tests.bundle_app.figures.worlds import shown, sold
from tests.bundle_app.tutorial_shop import version

pytestmark = pytest.mark.django_db
METRICS = "/bundles/metrics"
TOKEN = "a-secret-of-this-test"


@pytest.fixture
def switched_on(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "METRICS_TOKEN": TOKEN}


def ask(client: Client, token: str = TOKEN) -> Any:
    return client.get(METRICS, headers={"authorization": f"Bearer {token}"})


def told(client: Client) -> dict[str, float]:
    """Values by name, with the labels' words behind it."""
    answer = ask(client)
    assert answer.status_code == 200
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_without_the_setting_there_is_no_such_page(client: Client) -> None:
    assert ask(client).status_code == 404


@pytest.mark.parametrize("token", ["", "another", f"{TOKEN} ", "ü"])
def test_nobody_without_the_token_is_told(client: Client, switched_on: None, token: str) -> None:
    answer = ask(client, token)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert b"bundle_app" not in answer.content


def test_a_new_shop_has_zeros(client: Client, switched_on: None) -> None:
    found = told(client)
    assert set(found.values()) == {0.0}
    assert len(found) == len(IntakeCount.Outcome) + 4 + 1 + len(TrainingRun.Status)


def test_what_stands_in_the_database_is_told(client: Client, switched_on: None) -> None:
    now = timezone.now()
    happened("ann", ["impression", "click", "add"], at=now - timedelta(seconds=5))
    aggregate(now=now)
    live = version()
    TrainingRun.objects.create(status="failed", finished_at=now)
    found = told(client)
    assert found["bundle_app_intake_reports_total accepted"] == 3
    assert found["bundle_app_intake_reports_total forged"] == 0
    assert [found[f"bundle_app_recent_{name}"] for name in ("impressions", "clicks", "adds")] == [1, 1, 1]
    assert found["bundle_app_figures_counted_timestamp_seconds"] == pytest.approx(now.timestamp(), abs=1e-3)
    assert live.published_at is not None
    assert found["bundle_app_live_model_published_timestamp_seconds"] == pytest.approx(live.published_at.timestamp())
    assert (found["bundle_app_training_state failed"], found["bundle_app_training_state running"]) == (1, 0)
    assert found["bundle_app_training_finished_timestamp_seconds"] == pytest.approx(now.timestamp(), abs=1e-3)


def test_sales_of_the_last_days_are_told_and_older_ones_not(client: Client, switched_on: None) -> None:
    today = day_of(timezone.now())
    sold("1.5", day=today - timedelta(days=7))
    sold(4, day=today - timedelta(days=8))
    assert told(client)["bundle_app_recent_purchases"] == 1.5


def test_no_label_names_a_bundle_a_product_a_visitor_or_an_arm(client: Client, switched_on: None) -> None:
    shown(day=day_of(timezone.now()), arm="blue", anchor_key="LAP-14")
    happened("ann", ["impression"], at=timezone.now() - timedelta(seconds=5))
    families = text_string_to_metric_families(ask(client).content.decode())
    labels = {(name, value) for family in families for one in family.samples for name, value in one.labels.items()}
    assert labels == {
        *(("outcome", value) for value in IntakeCount.Outcome.values),
        *(("state", value) for value in TrainingRun.Status.values),
    }


def test_a_scrape_costs_five_queries(client: Client, switched_on: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        ask(client)
    assert len(queries) == 5


@pytest.mark.parametrize("token", ["short", "with a space in the middle", 16 * "ü", 1234567890123456])
def test_a_token_that_can_be_guessed_is_refused_and_not_repeated(settings: Any, token: Any) -> None:
    settings.BUNDLE_APP = {"METRICS_TOKEN": token}
    with pytest.raises(ConfigurationError, match=r"expected at least 16 letters") as refused:
        conf.load()
    assert str(token) not in str(refused.value)


def test_a_token_without_the_library_is_an_error_that_says_what_to_install(
    switched_on: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks.check_prometheus() == []
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    (error,) = checks.check_prometheus()
    assert (error.id, "django-product-bundles[prometheus]" in str(error.hint)) == ("bundle_app.E007", True)
