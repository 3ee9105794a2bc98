"""Training runs: starting one, watching it, and reading why it failed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bundle_app.models import ModelVersion, TrainingRun
from tests.bundle_app.admin.conftest import Tags, text_of
from tests.bundle_app.tutorial_shop import version

LIST = "admin:bundle_app_trainingrun_changelist"
PAGE = "admin:bundle_app_trainingrun_change"
TRAIN = "admin:bundle_app_trainingrun_train"
PROGRESS = "admin:bundle_app_trainingrun_progress"

HISTORY = [{"epoch": epoch, "loss": 8 - epoch / 2, "validation_ndcg": 0.05 + epoch / 100} for epoch in (1, 2, 3)]


def running(**fields: Any) -> TrainingRun:
    now = timezone.now()
    values = {
        "status": "running",
        "stage": "train",
        "progress": 0.434,
        "message": "Epoch 4 of 14",
        "history": HISTORY,
        "fencing": 7,
        "heartbeat_at": now,
        "started_at": now - timedelta(seconds=192),
    }
    return TrainingRun.objects.create(**{**values, **fields})


class TestTrainNow:
    def test_the_button_queues_a_run_and_shows_it(self, page: Client, boss: User) -> None:
        response = page.post(reverse(TRAIN), follow=True)
        run = TrainingRun.objects.get()
        assert run.status == "queued"
        assert response.redirect_chain[-1][0] == reverse(PAGE, args=[run.pk])
        assert f"Training run {run.pk} is queued." in text_of(response)
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_id, entry.get_change_message()) == (boss, str(run.pk), "Started.")

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("unreachable_broker")
    def test_a_broker_that_is_away_is_told_with_advice(self, page: Client) -> None:
        told = text_of(page.post(reverse(TRAIN), follow=True))
        assert "The task could not be sent to the message broker: [Errno 111] Connection refused." in told
        assert "train without Celery: manage.py bundles_train" in told
        assert "is queued" not in told

    def test_a_second_press_is_told_that_training_is_under_way(self, page: Client) -> None:
        run = running()
        told = text_of(page.post(reverse(TRAIN), follow=True))
        assert f"Training run {run.pk} is under way (Running). Wait for it to end." in told
        assert TrainingRun.objects.count() == 1
        assert not LogEntry.objects.exists()

    def test_an_address_alone_starts_nothing(self, page: Client) -> None:
        assert page.get(reverse(TRAIN)).status_code == 405
        assert not TrainingRun.objects.exists()

    def test_a_post_without_the_token_starts_nothing(self, boss: User) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(boss)
        assert strict.post(reverse(TRAIN)).status_code == 403
        assert not TrainingRun.objects.exists()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_may_not_train_sees_no_button_and_gets_403(self, staff: Any, method: str) -> None:
        clerk = staff("view_trainingrun", "change_trainingrun")
        assert "Train now" not in text_of(clerk.get(reverse(LIST)))
        assert getattr(clerk, method)(reverse(TRAIN)).status_code == 403
        assert not TrainingRun.objects.exists()

    def test_who_may_train_has_the_button(self, staff: Any) -> None:
        clerk = staff("view_trainingrun", "train_modelversion")
        html = clerk.get(reverse(LIST)).content.decode()
        assert reverse(TRAIN) in [form.get("action") for form in Tags(html).named("form")]
        assert clerk.post(reverse(TRAIN)).status_code == 302
        assert TrainingRun.objects.count() == 1


class TestTheList:
    def test_a_row_tells_state_stage_progress_and_time(self, page: Client) -> None:
        running()
        response = page.get(reverse(LIST))
        shown = text_of(response)
        assert "Running Training the Transformer 43%" in shown
        assert "3 min 12 s" in shown
        bars = list(Tags(response.content.decode()).named("progress"))
        assert [(bar["max"], bar["value"]) for bar in bars] == [("1", "0.434")]

    def test_a_long_error_is_cut_in_the_list_and_whole_on_the_page(self, page: Client) -> None:
        error = "The learning process failed: " + "row " * 200 + "end of the matter."
        run = TrainingRun.objects.create(status="failed", error=error)
        assert "end of the matter." not in text_of(page.get(reverse(LIST)))
        assert error in text_of(page.get(reverse(PAGE, args=[run.pk])))

    def test_many_runs_cost_as_many_queries_as_few(self, page: Client) -> None:
        def query_count() -> int:
            with CaptureQueriesContext(connection) as queries:
                page.get(reverse(LIST))
            return len(queries)

        for _ in range(2):
            TrainingRun.objects.create(status="failed")
        query_count()
        few = query_count()
        for _ in range(30):
            TrainingRun.objects.create(status="failed")
        assert query_count() == few

    def test_runs_are_neither_made_nor_changed_by_hand(self, page: Client) -> None:
        run = running()
        assert page.get(reverse("admin:bundle_app_trainingrun_add")).status_code == 403
        assert page.post(reverse(PAGE, args=[run.pk]), {"status": "failed"}).status_code == 403

    def test_a_run_under_way_holds_the_lease_and_is_not_deleted(self, page: Client) -> None:
        run, over = running(), TrainingRun.objects.create(status="failed")
        delete = "admin:bundle_app_trainingrun_delete"
        assert page.post(reverse(delete, args=[run.pk]), {"post": "yes"}).status_code == 403
        assert page.post(reverse(delete, args=[over.pk]), {"post": "yes"}).status_code == 302


class TestThePage:
    def test_without_javascript_it_shows_everything_and_a_refresh_link(self, page: Client) -> None:
        run = running()
        response = page.get(reverse(PAGE, args=[run.pk]))
        shown = text_of(response)
        for expected in ("Running", "Training the Transformer", "43%", "Epoch 4 of 14", "Refresh", "3 6.5000 0.0800"):
            assert expected in shown.replace(" %", "%")
        tags = Tags(response.content.decode())
        assert any(node.get("data-progress-url") == reverse(PROGRESS, args=[run.pk]) for node in tags.named("section"))
        assert any(node.get("aria-live") == "polite" for _, node in tags.found)

    def test_a_queued_run_says_what_it_waits_for(self, page: Client) -> None:
        run = TrainingRun.objects.create()
        assert "Queued Waiting for a worker 0%" in text_of(page.get(reverse(PAGE, args=[run.pk]))).replace(" %", "%")

    def test_a_run_that_is_over_polls_no_more(self, page: Client) -> None:
        run = TrainingRun.objects.create(status="succeeded", progress=1)
        html = page.get(reverse(PAGE, args=[run.pk])).content.decode()
        assert "data-progress-url" not in html
        assert "Refresh" not in Tags(html).text

    def test_a_run_that_succeeded_leads_to_its_version(self, page: Client) -> None:
        run = TrainingRun.objects.create(status="succeeded", progress=1)
        made = version()
        ModelVersion.objects.filter(pk=made.pk).update(training_run=run, bundle_count=12)
        assert f"Made Model {made.pk} with 12 bundles." in text_of(page.get(reverse(PAGE, args=[run.pk])))

    def test_a_silent_run_is_called_silent(self, page: Client) -> None:
        run = running(heartbeat_at=timezone.now() - timedelta(minutes=3))
        shown = text_of(page.get(reverse(PAGE, args=[run.pk])))
        assert re.search(r"No sign of life for 3 min \d+ s\. The worker may be gone; the next run takes over\.", shown)

    def test_an_error_is_shown_as_it_is_and_lets_no_markup_out(self, page: Client) -> None:
        run = TrainingRun.objects.create(status="failed", error="found <script>alert(1)</script>")
        response = page.get(reverse(PAGE, args=[run.pk]))
        assert b"<script>alert" not in response.content
        assert "found <script>alert(1)</script>" in text_of(response)


class TestProgress:
    def test_it_tells_all_that_changes(self, page: Client) -> None:
        run = running()
        response = page.get(reverse(PROGRESS, args=[run.pk]))
        state = response.json()
        assert "no-store" in response.headers["Cache-Control"]
        told = {name: state[name] for name in ("is_over", "status_label", "stage", "progress", "percent", "message")}
        assert told == {
            "is_over": False,
            "status_label": "Running",
            "stage": "Training the Transformer",
            "progress": 0.434,
            "percent": 43,
            "message": "Epoch 4 of 14",
        }
        assert (state["duration"], state["silence"], state["epoch_count"]) == ("3 min 12 s", "", 3)
        assert state["curve"].count("<circle") == 6
        assert state["outcome"].strip() == ""

    def test_a_failure_comes_with_its_error(self, page: Client) -> None:
        run = TrainingRun.objects.create(status="failed", error="No <orders>.")
        state = page.get(reverse(PROGRESS, args=[run.pk])).json()
        assert state["is_over"] is True
        assert "No &lt;orders&gt;." in state["outcome"]

    def test_an_empty_curve_is_empty(self, page: Client) -> None:
        assert page.get(reverse(PROGRESS, args=[running(history=[]).pk])).json()["curve"].strip() == ""

    def test_who_may_not_look_gets_403(self, staff: Any) -> None:
        assert staff("view_bundle").get(reverse(PROGRESS, args=[running().pk])).status_code == 403

    def test_a_stranger_is_sent_to_the_login(self) -> None:
        assert Client().get(reverse(PROGRESS, args=[running().pk])).status_code == 302

    def test_a_run_that_does_not_exist_is_404(self, page: Client) -> None:
        assert page.get(reverse(PROGRESS, args=[999])).status_code == 404
