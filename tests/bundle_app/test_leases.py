from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bundle_app import leases
from bundle_app.exceptions import AlreadyTraining, LeaseLost
from bundle_app.models import TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def silence(run: TrainingRun, *, seconds: float = 60) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def make_run() -> TrainingRun:
    return TrainingRun.objects.create()


def test_a_queued_run_takes_the_lease() -> None:
    run = make_run()

    lease = leases.acquire(run.pk)

    run.refresh_from_db()
    assert (run.status, run.fencing, run.attempts) == ("running", lease.fencing, 1)
    assert run.holder.endswith(f":{os.getpid()}")


def test_a_living_run_keeps_others_out() -> None:
    leases.acquire(make_run().pk)

    with pytest.raises(AlreadyTraining, match=r"Training run \d+ is under way on .*, at 0 %. Wait for it to end"):
        leases.acquire(make_run().pk)


def test_the_same_run_cannot_be_taken_twice_while_it_lives() -> None:
    run = make_run()
    leases.acquire(run.pk)

    with pytest.raises(AlreadyTraining, match="is under way"):
        leases.acquire(run.pk)


def test_a_silent_run_is_abandoned_by_the_next_one() -> None:
    dead, heir = make_run(), make_run()
    old = leases.acquire(dead.pk)
    silence(dead)

    new = leases.acquire(heir.pk)

    dead.refresh_from_db()
    assert dead.status == "abandoned"
    assert "stopped answering" in dead.error
    assert new.fencing > old.fencing


def test_a_redelivered_run_takes_over_from_its_dead_worker() -> None:
    run = make_run()
    old = leases.acquire(run.pk)
    silence(run)

    new = leases.acquire(run.pk)

    with pytest.raises(LeaseLost):
        old.update(progress=0.5)
    new.update(progress=0.5)
    run.refresh_from_db()
    assert (run.attempts, run.progress) == (2, 0.5)


def test_a_run_that_killed_three_workers_is_given_up() -> None:
    run = make_run()
    for _ in range(leases.MAX_ATTEMPTS):
        leases.acquire(run.pk)
        silence(run)

    with pytest.raises(AlreadyTraining, match="was given up: 3 workers died of it"):
        leases.acquire(run.pk)

    run.refresh_from_db()
    assert run.status == "abandoned"


def test_a_run_that_is_over_is_not_run_again() -> None:
    run = make_run()
    leases.succeed(leases.acquire(run.pk), {})

    with pytest.raises(AlreadyTraining, match="is over"):
        leases.acquire(run.pk)


def test_a_trainer_that_was_taken_for_dead_cannot_pass_the_guard() -> None:
    dead, heir = make_run(), make_run()
    old = leases.acquire(dead.pk)
    silence(dead)
    leases.acquire(heir.pk)

    with pytest.raises(LeaseLost), transaction.atomic():
        old.guard()


def test_the_heart_beats_while_work_is_done() -> None:
    run = make_run()

    with leases.held(run.pk):
        before = TrainingRun.objects.get(pk=run.pk).heartbeat_at
        threading.Event().wait(2.5)
        after = TrainingRun.objects.get(pk=run.pk).heartbeat_at

    assert before is not None
    assert after is not None
    assert after > before


def test_an_error_is_written_to_the_run_and_goes_on() -> None:
    run = make_run()

    with pytest.raises(ValueError, match="no orders"), leases.held(run.pk):
        raise ValueError("no orders")

    run.refresh_from_db()
    assert (run.status, run.error) == ("failed", "no orders")
    assert run.finished_at is not None


def test_a_hundred_simultaneous_starts_give_one_trainer() -> None:
    runs = [make_run() for _ in range(20)]
    taken: list[int] = []
    refused: list[int] = []
    start = threading.Barrier(len(runs))

    def attempt(run_id: int) -> None:
        try:
            start.wait()
            leases.acquire(run_id)
            taken.append(run_id)
        except AlreadyTraining:
            refused.append(run_id)
        finally:
            connection.close()

    for _round in range(5):
        threads = [threading.Thread(target=attempt, args=(run.pk,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        assert len(refused) == len(runs) - 1
        taken.clear()
        refused.clear()
        TrainingRun.objects.update(status="queued", fencing=None)
