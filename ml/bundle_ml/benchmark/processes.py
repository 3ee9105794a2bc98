"""One model as a process: started, listened to, stopped at its limit, and what went wrong in one line.

What it writes to stdout is progress, a message a line; stderr goes to a log. It leads a group of processes, so that its
helpers go with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
POLL_SECONDS = 0.2
LONGEST_REASON = 200

OnProgress = Callable[[float, str], None]
"""Told seconds since the start and the latest message, several times a second."""


def run(
    command: Sequence[str],
    *,
    log: Path,
    limit_seconds: float,
    environment: Mapping[str, str],
    on_progress: OnProgress = lambda _seconds, _message: None,
) -> str | None:
    """Run a model to its end. Returns why it failed, or None."""
    log.parent.mkdir(parents=True, exist_ok=True)
    messages = [""]
    with log.open("wb") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            start_new_session=True,
        )
        listener = threading.Thread(target=_listen, args=(process, messages), daemon=True)
        listener.start()
        try:
            status = _wait(
                process, started + limit_seconds, lambda: on_progress(time.monotonic() - started, messages[0])
            )
        finally:
            _end(process)
            listener.join(timeout=5)
    if status is None:
        return f"not done after {limit_seconds:.0f} seconds, stopped while: {messages[0] or 'starting'}"
    return _reason(status, log) if status else None


def environment_for(threads: int) -> dict[str, str]:
    """This process's environment, with as many threads for each library of linear algebra."""
    return dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _listen(process: subprocess.Popen[bytes], messages: list[str]) -> None:
    assert process.stdout is not None  # noqa: S101
    with process.stdout as lines:
        for line in lines:
            messages[0] = line.decode(errors="replace").strip() or messages[0]


def _wait(process: subprocess.Popen[bytes], deadline: float, on_poll: Callable[[], None]) -> int | None:
    """Return the exit status; None when time is up."""
    while time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=POLL_SECONDS)
        on_poll()
    return process.poll()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of its group behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reason(status: int, log: Path) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (", as systems do when memory runs out" if name == "SIGKILL" else "")
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"ended with status {status}: {lines[-1][:LONGEST_REASON] if lines else 'it said nothing'}"
