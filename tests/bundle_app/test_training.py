from __future__ import annotations

import json
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import Error as DatabaseFailure
from django.db import connection
from django.utils import timezone

from bundle_app import artefacts, engine, exporting, leases, publishing, training
from bundle_app.exceptions import (
    AlreadyTraining,
    BrokerUnreachable,
    ConfigurationError,
    EngineError,
    LeaseLost,
    NothingToTrain,
    WorseThanLive,
)
from bundle_app.models import Event, ModelVersion, Score, TrainingRun
from tests.tutorial.orders.models import Order
from tests.worlds import make_pair_world, make_products

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def train(**options: Any) -> ModelVersion:
    return training.train(TrainingRun.objects.create().pk, **options)


def leftovers(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in (folder / "work").rglob("*") if path.is_file()]


def test_the_partners_that_were_always_bought_together_become_the_first_bundles(tmp_path: Path) -> None:
    couples = make_pair_world()
    shown: list[TrainingRun] = []

    version = train(on_progress=shown.append)

    version.refresh_from_db()
    assert version.state == "live"
    for product, partner in couples:
        for anchor, other in ((product, partner), (partner, product)):
            best = Score.objects.get(model_version=version, anchor_key=str(anchor.pk), rank=1)
            assert set(best.bundle.quantities()) == {str(anchor.pk), str(other.pk)}
    run = TrainingRun.objects.get()
    assert (run.status, run.progress, run.summary["order_lines_read"]) == ("succeeded", 1.0, 360)
    assert run.summary["bundles_published"] == version.bundle_count > 0
    assert {"export", "store", "publish", "read", "generate"} <= run.summary["seconds"].keys()
    assert [entry.progress for entry in shown] == sorted(entry.progress for entry in shown)
    assert leftovers(tmp_path) == []


def test_views_that_the_shop_records_are_handed_to_the_learning(tmp_path: Path, settings: Any) -> None:
    """The tutorial shop records none; its order lines stand in for them."""
    make_pair_world(pairs=2)
    settings.BUNDLE_APP = {
        **settings.BUNDLE_APP,
        "MAP": {
            "preset": "tutorial",
            "product_view": "orders.OrderItem",
            "view": {"shopper": "order__email", "item": "product_id", "viewed_at": "order__created"},
        },
    }

    version = train()

    assert version.data["views"] == {"lines_read": 120, "lines_kept": 120, "dropped": {}}
    assert leftovers(tmp_path) == []


def test_what_became_of_bundles_is_handed_to_the_learning_unless_the_shop_says_no(settings: Any) -> None:
    make_pair_world()
    first = train()
    assert "clicks" not in first.metrics or first.metrics["clicks"] == {}
    score = Score.objects.filter(model_version=first).exclude(anchor_key="").order_by("pk")[0]
    now = timezone.now()
    Event.objects.create(
        showing=1, kind="impression", bundle=score.bundle, anchor_key=score.anchor_key, placement="product", slot=1,
        propensity=0.9, subject="somebody", shown_at=now, occurred_at=now, received_at=now,
    )  # fmt: skip

    told = train().metrics["clicks"]
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "COMPOSE_FROM_CLICKS": False}

    assert (told["showings"], told["code"], told["dropped"]) == (1, "too_little_log", {})
    assert train().metrics["clicks"] == {}


def test_a_shop_without_orders_gets_bundles_too() -> None:
    products = make_products(4)

    version = train()

    assert version.rung in {"popularity", "category"}
    for product in products:
        assert Score.objects.filter(anchor_key=str(product.pk)).exists()


def test_a_shop_with_nothing_to_sell_is_told_so() -> None:
    with pytest.raises(NothingToTrain, match='Check "item" and "sellable" in MAP'):
        train()

    assert TrainingRun.objects.get().status == "failed"


def test_a_failing_engine_leaves_its_words_on_the_run_and_the_live_version_live(settings: Any, tmp_path: Path) -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    live = train()
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "TRAIN": {"max_bundel_size": 4}}

    with pytest.raises(EngineError, match="Did you mean 'max_bundle_size'"):
        train()

    assert "max_bundle_size" in TrainingRun.objects.latest("pk").error
    assert ModelVersion.objects.live().get() == live
    assert leftovers(tmp_path) == []


def test_a_database_that_goes_away_during_the_export_fails_the_run_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    live = train()

    copy = exporting._copy

    def copy_from_a_dying_server(shop: Any, *arguments: Any) -> int:
        with shop.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            end_backend(cursor.fetchone()[0])
        return copy(shop, *arguments)

    monkeypatch.setattr(exporting, "_copy", copy_from_a_dying_server)
    with pytest.raises(DatabaseFailure):
        train()

    run = TrainingRun.objects.latest("pk")
    assert (run.status, run.stage) == ("failed", "export")
    assert "connection" in run.error
    assert ModelVersion.objects.live().get() == live


def test_a_database_that_goes_away_while_the_engine_learns_costs_a_note_of_progress(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    learning = training._Reporter.learning
    ended: list[int] = []

    def learning_on_a_dying_server(reporter: Any, report: engine.Progress) -> None:
        if not ended:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                ended.append(cursor.fetchone()[0])
            end_backend(ended[0])
            reporter.reported_at = float("-inf")
        learning(reporter, report)

    monkeypatch.setattr(training._Reporter, "learning", learning_on_a_dying_server)
    version = train()

    assert ended
    assert "Progress was not noted. The database does not answer" in caplog.text
    assert ModelVersion.objects.live().get() == version
    assert TrainingRun.objects.get().status == "succeeded"


def end_backend(pid: int) -> None:
    """What an administrator, or a failing server, does to a connection; from a thread, so by another connection."""

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.close()

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()


def test_a_model_of_a_sudden_fraction_of_the_orders_waits_for_a_person() -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    live = train()
    Order.objects.update(paid=False)

    with pytest.raises(WorseThanLive, match=r"learned from 0 order lines, the live one from 20.*bundles_publish \d+"):
        train()

    assert ModelVersion.objects.live().get() == live
    waiting = ModelVersion.objects.latest("pk")
    assert waiting.state == "ready"
    assert publishing.publish(waiting.pk).state == "live"


def test_a_trainer_that_wakes_up_late_leaves_the_files_of_its_heir_alone() -> None:
    run = TrainingRun.objects.create()
    late = leases.acquire(run.pk)
    with training._scratch(late) as old_folder:
        TrainingRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
        with training._scratch(leases.acquire(run.pk)) as folder:
            (folder / "lines.csv").write_text("")
            shutil.rmtree(old_folder, ignore_errors=True)  # what the late one does on its way out

            assert old_folder != folder
            assert (folder / "lines.csv").exists()


def test_a_run_killed_after_publishing_does_not_overrule_a_roll_back() -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    first = train()
    second = train()
    publishing.roll_back()
    run = TrainingRun.objects.get(model_version=second)
    TrainingRun.objects.filter(pk=run.pk).update(status="queued", fencing=None)

    training.train(run.pk)

    run.refresh_from_db()
    assert ModelVersion.objects.live().get() == first
    assert run.summary["order_lines_read"] == 20


def test_a_queued_run_whose_message_was_lost_is_sent_again() -> None:
    lost = training.request_training()
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(days=2))

    assert training.request_training() == lost


def test_a_work_directory_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make_products(2)
    monkeypatch.setattr("os.getuid", lambda: 12345)

    with pytest.raises(ConfigurationError, match="belongs to another user"):
        train()


def test_training_again_keeps_the_old_version_for_rolling_back() -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    first, second = train(), train()

    assert publishing.roll_back() == first
    assert ModelVersion.objects.get(pk=second.pk).state == "ready"


def test_the_same_shop_gives_the_same_model() -> None:
    make_pair_world(pairs=2, orders_per_pair=5)

    assert train().fingerprint == train().fingerprint


def test_a_run_killed_right_after_publishing_only_closes_its_books(monkeypatch: pytest.MonkeyPatch) -> None:
    make_pair_world(pairs=2, orders_per_pair=5)
    version = train()
    run = TrainingRun.objects.get()
    TrainingRun.objects.update(status="queued")

    def never(**_arguments: Any) -> None:
        raise AssertionError("trained twice")

    monkeypatch.setattr(engine, "train", never)

    assert training.train(run.pk) == version
    assert TrainingRun.objects.get().status == "succeeded"


def test_a_trainer_that_lost_its_lease_while_it_learned_publishes_nothing() -> None:
    make_pair_world(pairs=2, orders_per_pair=5)

    def take_over(run: TrainingRun) -> None:
        if run.stage == "generate":
            TrainingRun.objects.filter(pk=run.pk).update(fencing=(run.fencing or 0) + 1)

    reports: list[str] = []

    def watch(run: TrainingRun) -> None:
        reports.append(run.stage)
        take_over(run)

    training_seconds, training.SECONDS_BETWEEN_REPORTS = training.SECONDS_BETWEEN_REPORTS, 0.0
    try:
        with pytest.raises(LeaseLost):
            train(on_progress=watch)
    finally:
        training.SECONDS_BETWEEN_REPORTS = training_seconds

    assert "generate" in reports
    assert not ModelVersion.objects.live().exists()
    assert TrainingRun.objects.get().status == "running"


def test_the_stored_model_holds_no_customer(tmp_path: Path) -> None:
    make_pair_world(pairs=2, orders_per_pair=5)

    version = train()

    with artefacts.fetched(version.artefact) as folder:
        for path in folder.iterdir():
            assert b"somebody@example.com" not in path.read_bytes()
        assert json.loads((folder / "manifest.json").read_text())["fingerprint"] == version.fingerprint


def test_asking_for_training_queues_one_run() -> None:
    from celery import current_app

    with current_app.connection_for_read() as connection, connection.SimpleQueue("bundles") as queue:
        queue.clear()
        run = training.request_training()
        message = queue.get_nowait()
        message.ack()

    assert run.status == "queued"
    assert (message.headers["task"], message.payload[0]) == ("bundle_app.train", [run.pk])
    with pytest.raises(AlreadyTraining, match=rf"Training run {run.pk} is under way \(Queued\)"):
        training.request_training()


@pytest.mark.usefixtures("unreachable_broker")
def test_a_broker_that_cannot_be_reached_fails_the_run_with_advice() -> None:
    with pytest.raises(BrokerUnreachable, match="correct CELERY_BROKER_URL, or train without Celery"):
        training.request_training()

    assert TrainingRun.objects.get().status == "failed"


def test_a_silent_run_does_not_keep_a_new_one_from_being_asked_for() -> None:
    run = TrainingRun.objects.create()
    leases.acquire(run.pk)
    TrainingRun.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))

    assert training.request_training().pk != run.pk


class TestWarmStart:
    @pytest.fixture(autouse=True)
    def small_network(self, settings: Any, tutorial_shop: object) -> None:
        quick = {"transformer_min_baskets": 100, "ease_min_baskets": 50, "width": 32, "epochs": 1, "threads": 1}
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "TRAIN": quick}

    def test_the_next_model_goes_on_from_the_live_one(self) -> None:
        make_pair_world()

        assert [train().data["warm_starts"] for _ in range(3)] == [0, 1, 2]

    def test_a_shop_may_start_from_nothing_every_time(self, settings: Any) -> None:
        make_pair_world()
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "WARM_START": False}

        assert [train().data["warm_starts"] for _ in range(2)] == [0, 0]

    def test_a_live_model_whose_files_are_damaged_does_not_stop_the_next(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_pair_world()
        live = train()
        storage = artefacts.storage()
        name = f"{live.artefact}/model.safetensors"
        storage.delete(name)
        storage.save(name, ContentFile(b"nothing"))

        following = train()

        assert following.data["warm_starts"] == 0
        following.refresh_from_db()
        assert following.state == "live"
        assert "the next model starts from nothing" in caplog.text
