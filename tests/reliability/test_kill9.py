"""What `kill -9` does to a real Celery worker, at moments spread over a whole run of training and publishing.

The promise: the live version goes on serving, exactly one version is live, and the next run finishes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from bundle_app import engine, serving
from bundle_app.models import ModelVersion, TrainingRun
from tests.worlds import make_pair_world

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_WAIT = 120

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

WORKER_SETTINGS = """
from tests.settings import *

DATABASES["default"]["NAME"] = {database!r}
BUNDLE_APP = {bundle_app!r}
STORAGES = {{**STORAGES, "bundle_app": {storage!r}}}
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {{
    "data_folder_in": {folder!r} + "/messages",
    "data_folder_out": {folder!r} + "/messages",
    "control_folder": {folder!r} + "/control",
}}
"""


class Worker:
    """A Celery worker process, its children and its broker, in a folder of their own."""

    def __init__(self, folder: Path, settings: Any) -> None:
        self.folder = folder
        for name in ("messages", "control"):
            (folder / name).mkdir()
        text = WORKER_SETTINGS.format(
            database=connection.settings_dict["NAME"],
            bundle_app={**settings.BUNDLE_APP, "WORK_DIR": str(settings.BUNDLE_APP["WORK_DIR"])},
            storage={
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(settings.STORAGES["bundle_app"]["OPTIONS"]["location"])},
            },
            folder=str(folder),
        )
        (folder / "worker_settings.py").write_text(text)
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "worker_settings",
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "example_shop", "worker", "-Q", "bundles", "-c", "1"]
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-l", "INFO"], cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL to the worker and to every process of its group, as when a machine loses power."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def send_training(self) -> int:
        code = "import django; django.setup(); from bundle_app import training; print(training.request_training().pk)"
        command = [sys.executable, "-c", code]
        output = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        return int(output.stdout.split()[-1])

    def log(self) -> str:
        return (self.folder / "worker.log").read_text(errors="replace")[-4000:]


@pytest.fixture
def worker(tutorial_shop: Any, tmp_path: Path) -> Iterator[Worker]:
    folder = tmp_path / "worker"
    folder.mkdir()
    worker = Worker(folder, tutorial_shop)
    yield worker
    worker.kill()


def wait_for(condition: Callable[[], bool], worker: Worker) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain; the worker said:\n{worker.log()}"
        time.sleep(0.02)


def has_reached(run_id: int, progress: float) -> Callable[[], bool]:
    def look() -> bool:
        run = TrainingRun.objects.get(pk=run_id)
        return run.is_over or (run.status == TrainingRun.Status.RUNNING and run.progress >= progress)

    return look


def learners(worker: Worker) -> list[psutil.Process]:
    """The learning processes that this worker started; other tests' workers have theirs at the same time."""
    found = []
    for process in descendants(worker):
        with contextlib.suppress(psutil.Error):  # It may end while it is asked.
            found += [process] if "bundle_ml" in process.cmdline() else []
    return found


def descendants(worker: Worker) -> list[psutil.Process]:
    assert worker.process is not None
    return list(psutil.Process(worker.process.pid).children(recursive=True))


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.5, 0.85, 0.9, 0.92, 0.95])
def test_a_killed_worker_leaves_the_live_version_and_the_next_run_finishes(worker: Worker, progress: float) -> None:
    couples = make_pair_world(pairs=40, orders_per_pair=10)
    worker.start()
    first_run = worker.send_training()
    wait_for(lambda: TrainingRun.objects.get(pk=first_run).is_over, worker)
    first = ModelVersion.objects.live().get()
    anchor = str(couples[0][0].pk)
    before = [offer.bundle.pk for offer in serving.bundles_for([anchor], request=None)]
    assert before, worker.log()

    killed_run = worker.send_training()
    wait_for(has_reached(killed_run, progress), worker)
    worker.kill()

    live = ModelVersion.objects.live().get()
    was_over = TrainingRun.objects.get(pk=killed_run).is_over
    assert was_over or live == first
    assert [offer.bundle.pk for offer in serving.bundles_for([anchor], request=None)] == before

    time.sleep(3.5)  # the lease of the tutorial shop's settings
    worker.start()
    next_run = worker.send_training()
    wait_for(lambda: TrainingRun.objects.get(pk=next_run).is_over, worker)

    assert TrainingRun.objects.get(pk=next_run).status == "succeeded", TrainingRun.objects.get(pk=next_run).error
    newest = ModelVersion.objects.live().get()
    assert newest.training_run_id == next_run
    assert newest.fingerprint == first.fingerprint
    assert not ModelVersion.objects.filter(state="loading").exists()
    engine.verified_manifest(worker.folder.parent / "artefacts" / newest.artefact)


def test_the_learning_process_dies_with_its_worker(worker: Worker) -> None:
    make_pair_world(pairs=40, orders_per_pair=100)
    worker.start()
    worker.send_training()
    wait_for(lambda: bool(learners(worker)), worker)
    mine = learners(worker)

    for process in descendants(worker):
        if process not in mine:
            process.kill()
    assert worker.process is not None
    worker.process.kill()

    _gone, alive = psutil.wait_procs(mine, timeout=10)
    assert alive == []


def test_a_worker_that_loses_one_process_takes_the_run_up_again(worker: Worker) -> None:
    make_pair_world(pairs=40, orders_per_pair=10)
    worker.start()
    run_id = worker.send_training()
    wait_for(has_reached(run_id, 0.05), worker)

    assert worker.process is not None
    (child,) = [
        process for process in psutil.Process(worker.process.pid).children() if "bundle_ml" not in process.cmdline()
    ]
    child.kill()

    wait_for(lambda: TrainingRun.objects.get(pk=run_id).is_over, worker)
    run = TrainingRun.objects.get(pk=run_id)
    assert (run.status, run.attempts) == ("succeeded", 2), run.error
    assert ModelVersion.objects.live().get().training_run_id == run_id
