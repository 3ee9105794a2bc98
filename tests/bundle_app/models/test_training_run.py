from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from bundle_app.models import TrainingRun

pytestmark = pytest.mark.django_db


def running(**values: Any) -> TrainingRun:
    return TrainingRun.objects.create(**({"status": "running", "fencing": 1, "heartbeat_at": timezone.now()} | values))


def test_the_database_allows_one_running_run() -> None:
    running()

    with pytest.raises(IntegrityError, match="training_run_one_running"):
        running(fencing=2)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"fencing": None}, "training_run_running_holds_the_lease"),
        ({"heartbeat_at": None}, "training_run_running_holds_the_lease"),
        ({"progress": 1.5}, "training_run_progress_from_0_to_1"),
    ],
)
def test_the_database_refuses_a_run_that_makes_no_sense(values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        running(**values)
