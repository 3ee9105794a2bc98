from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bundle_app.models import FileImport
from bundle_app.transfer import queue


@pytest.fixture
def waiting(boss: User) -> FileImport:
    return FileImport.objects.create(
        subject_kind="bundle", file_name="sets.csv", size_bytes=1, user=boss, language="en"
    )


def test_what_waits_without_a_sign_of_life_is_sent_again_and_then_given_time(waiting: FileImport) -> None:
    later = timezone.now() + timedelta(seconds=queue.SILENT_SECONDS + 1)

    assert queue.resume() == 0
    assert queue.resume(at=later) == 1
    assert queue.resume(at=later) == 0


def test_what_waits_for_a_person_is_not_sent(waiting: FileImport) -> None:
    FileImport.objects.update(status="checked")

    assert queue.resume(at=timezone.now() + timedelta(hours=1)) == 0


@pytest.mark.usefixtures("unreachable_broker")
def test_a_broker_that_is_not_reached_ends_the_sweep_without_an_error(waiting: FileImport) -> None:
    assert queue.resume(at=timezone.now() + timedelta(hours=1)) == 0
