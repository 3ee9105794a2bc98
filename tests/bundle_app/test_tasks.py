from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import Retry
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.utils import timezone

from bundle_app import leases, tasks
from bundle_app.models import DailyFigure, ModelVersion, TrainingRun
from tests.bundle_app.events.worlds import happened
from tests.worlds import make_products

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


@pytest.mark.parametrize("name", ["train", "publish", "sweep", "attribute", "aggregate", "import_file"])
def test_a_task_is_acknowledged_after_it_is_done_and_goes_to_its_own_queue(name: str) -> None:
    task = getattr(tasks, name)

    assert task.acks_late
    assert task.reject_on_worker_lost
    assert task.name == f"bundle_app.{name}"
    assert task.app.amqp.router.route({}, task.name)["queue"].name == "bundles"


def test_a_beat_schedule_needs_no_run() -> None:
    make_products(3)

    version_id = tasks.train()

    assert ModelVersion.objects.live().get().pk == version_id
    assert TrainingRun.objects.get().status == "succeeded"


def test_a_task_delivered_twice_does_its_work_once() -> None:
    make_products(3)
    run = TrainingRun.objects.create()

    assert tasks.train(run.pk) is not None
    assert tasks.train(run.pk) is None
    assert ModelVersion.objects.count() == 1


def test_a_beat_while_training_is_under_way_leaves_nothing_behind() -> None:
    leases.acquire(TrainingRun.objects.create().pk)

    assert tasks.train() is None
    assert TrainingRun.objects.count() == 1


def test_a_redelivered_task_waits_until_its_dead_workers_lease_runs_out() -> None:
    run = TrainingRun.objects.create()
    leases.acquire(run.pk)

    with pytest.raises(Retry) as caught:
        tasks.train.apply(args=[run.pk], throw=True).get()

    assert caught.value.when == 3


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("train", []),
        ("train", [1]),
        ("publish", [1]),
        ("sweep", []),
        ("attribute", []),
        ("aggregate", []),
        ("learn_from_clicks", []),
        ("import_file", [1]),
    ],
)
def test_a_task_that_the_database_was_away_from_comes_again(name: str, arguments: list[int]) -> None:
    def gone(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        raise DatabaseError("server closed the connection unexpectedly")

    task = getattr(tasks, name)
    with connection.execute_wrapper(gone), pytest.raises(Retry) as caught:
        task.apply(args=arguments, throw=True).get()
    assert caught.value.when in range(6)


def test_a_training_that_the_database_was_away_from_is_tried_again_within_its_own_run_and_not_for_ever() -> None:
    make_products(3)

    def away_from_orders(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "shop_product" in sql:
            raise OperationalError("the connection is closed")
        return execute(sql, params, many, context)

    arguments: list[int] = []
    for _attempt in range(leases.MAX_ATTEMPTS):
        with connection.execute_wrapper(away_from_orders), pytest.raises(Retry) as caught:
            tasks.train.apply(args=arguments, kwargs={"again": bool(arguments)}, throw=True).get()
        retry: Any = caught.value
        assert retry.sig.kwargs == {"again": True}
        arguments = list(retry.sig.args)
        run = TrainingRun.objects.get()
        assert (arguments, run.status) == ([run.pk], "failed")

    assert tasks.train(*arguments, again=True) is None, "given up"
    run.attempts = 1
    run.save()
    assert tasks.train(*arguments, again=True) == ModelVersion.objects.live().get().pk
    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")
    assert tasks.train(*arguments, again=True) is None, "what succeeded is not done anew"


def test_a_task_whose_statement_is_refused_does_not_come_again() -> None:
    def refused(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        raise ProgrammingError("no such column")

    with connection.execute_wrapper(refused), pytest.raises(ProgrammingError):
        tasks.aggregate.apply(throw=True).get()


def test_publishing_by_task(tmp_path: Any) -> None:
    make_products(3)
    first, second = tasks.train(), tasks.train()
    assert ModelVersion.objects.live().get().pk == second

    tasks.publish(first)

    assert ModelVersion.objects.live().get().pk == first


def test_sweeping_says_what_it_did() -> None:
    TrainingRun.objects.create()
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=1))

    assert tasks.sweep() == {"runs_resumed": 1, "bundles_activated": 0, "bundles_forgotten": 0, "imports_resumed": 0}


def test_sales_are_credited_and_days_counted_by_tasks_that_may_run_twice() -> None:
    happened("ann", ["impression", "click"], at=timezone.now())

    assert tasks.attribute() == {"written": 0, "taken_back": 0}
    assert tasks.aggregate() == {"days_counted": 1, "experiments_counted": 0, "rows_deleted": 0}
    tasks.aggregate()
    assert DailyFigure.objects.get().clicks == 1
