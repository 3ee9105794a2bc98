"""Real processes, real signals."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bundle_ml.benchmark.processes import environment_for, run

pytestmark = pytest.mark.process


def _run(tmp_path: Path, script: str, *, limit_seconds: float = 30, **options: Any) -> str | None:
    command = [sys.executable, "-c", script]
    return run(
        command,
        log=tmp_path / "logs" / "model.txt",
        limit_seconds=limit_seconds,
        environment=environment_for(1),
        **options,
    )


def _is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_process_that_ends_well_has_no_reason(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []

    failed = _run(
        tmp_path,
        "import sys, time; print('setting 1 of 2', flush=True); print('a warning', file=sys.stderr); time.sleep(1)",
        on_progress=lambda seconds, message: told.append((seconds, message)),
    )

    assert failed is None
    assert told[-1][1] == "setting 1 of 2"
    assert 0 < told[0][0] < told[-1][0]
    assert (tmp_path / "logs" / "model.txt").read_text() == "a warning\n"


def test_a_process_past_its_limit_is_stopped_with_its_children(tmp_path: Path) -> None:
    script = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "print('epoch 3', flush=True)\n"
        "time.sleep(600)\n"
    )

    failed = _run(tmp_path, script, limit_seconds=3)

    assert failed == "not done after 3 seconds, stopped while: epoch 3"
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while not _is_gone(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "raise ArithmeticError('The matrix is singular.')",
            "ended with status 1: ArithmeticError: The matrix is singular.",
        ),
        ("import no_such_package", "ended with status 1: ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys; sys.exit(3)", "ended with status 3: it said nothing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "killed by SIGKILL, as systems do when memory runs out",
        ),
    ],
)
def test_what_went_wrong_is_one_line(tmp_path: Path, script: str, reason: str) -> None:
    assert _run(tmp_path, script) == reason


def test_an_interrupted_wait_leaves_nothing_running(tmp_path: Path) -> None:
    pids: list[int] = []

    def interrupt(_seconds: float, message: str) -> None:
        if message:
            pids.append(int(message))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(600)", on_progress=interrupt)

    assert _is_gone(pids[0])


def test_every_library_is_given_as_many_threads() -> None:
    environment = environment_for(3)

    assert {environment["OMP_NUM_THREADS"], environment["OPENBLAS_NUM_THREADS"], environment["MKL_NUM_THREADS"]} == {
        "3"
    }
    assert "PATH" in environment
