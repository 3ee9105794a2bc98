from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from bundle_app import leases, maintenance
from bundle_app.models import TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tutorial_shop")]


def test_a_run_whose_message_was_lost_is_sent_again() -> None:
    now = timezone.now()
    TrainingRun.objects.create()

    assert maintenance.resume_lost_runs(now) == 0
    assert maintenance.resume_lost_runs(now + timedelta(minutes=10)) == 1


def test_a_run_whose_worker_was_killed_is_sent_again_until_it_is_given_up() -> None:
    run = TrainingRun.objects.create()
    for attempt in range(leases.MAX_ATTEMPTS):
        leases.acquire(run.pk)
        later = timezone.now() + timedelta(minutes=1)
        is_last = attempt == leases.MAX_ATTEMPTS - 1
        assert maintenance.resume_lost_runs(later) == (0 if is_last else 1)
        TrainingRun.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))

    run.refresh_from_db()
    assert run.status == "abandoned"


def test_a_living_run_is_left_alone() -> None:
    leases.acquire(TrainingRun.objects.create().pk)

    assert maintenance.resume_lost_runs(timezone.now()) == 0
