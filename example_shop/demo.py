"""`make demo`: the whole product on one machine, from an empty folder to a page in the browser.

It starts a PostgreSQL, fills the shop, starts a real Celery worker, sends it the training task, shows its progress,
and serves the shop. Ctrl-C ends everything that was started. What was made stays in `DEMO_DIR`, so that the next start
takes seconds.

Environment: PORT · ORDERS (a CSV or Parquet file of real orders) · VISITORS (1 or 0: whether a year of visitors is
generated after the first training; unless said, only where the orders are) · DEMO_DIR · DATABASE_URL and
CELERY_BROKER_URL (servers of your own) · DEMO_EXIT_AFTER_TRAINING=1 (train, print a JSON summary as the last line,
exit).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from example_shop.postgres import embedded_postgres_url

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.3
SECONDS_TO_END = 20
ADMIN_NAME = ADMIN_PASSWORD = "demo"  # noqa: S105  (printed on the screen: this is a demonstration)


class DemoError(Exception):
    """The demonstration cannot go on; the message says why and what to do."""


def main() -> int:
    """Run the demonstration; return the exit code."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _end)
    port, demo_dir = _port(), Path(os.environ.get("DEMO_DIR") or ROOT / ".demo").resolve()
    exits = os.environ.get("DEMO_EXIT_AFTER_TRAINING") == "1"
    try:
        if not exits:
            _check_port_is_free(port)
        seconds = _prepare(demo_dir)
        with _worker(demo_dir) as worker:
            summary = _trained(worker, demo_dir, again=exits)
            _generate_visitors(seconds)
            if exits:
                print(json.dumps({**summary, "seconds": {**seconds, **summary.get("seconds", {})}}))  # noqa: T201
                return 0
            _serve(port)
        _say("\nThe demonstration has ended. `make demo` starts it again in seconds; `make demo-reset` forgets it.")
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        _say("\nStopped. `make demo` goes on from what is there.")
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SystemExit(f"PORT is {text!r}; expected a number from 1 to 65535, as in: make demo PORT=8001")
    return int(text)


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"Port {port} is in use. Choose another one: make demo PORT={port + 1}") from error


def _prepare(demo_dir: Path) -> dict[str, float]:
    """Database, tables, shop and login. Returns the seconds that each took."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        seconds[stage] = round(time.monotonic() - began, 2)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_shop.settings")
    os.environ["DEMO_DIR"] = str(demo_dir)
    with timed("database"):
        if not os.environ.get("DATABASE_URL"):
            _say("Starting PostgreSQL …")
            os.environ["DATABASE_URL"] = embedded_postgres_url(demo_dir / "postgres")

        import django
        from django.core.management import CommandError, call_command

        django.setup()
        call_command("migrate", verbosity=0)
    try:
        with timed("filling_the_shop"):
            if orders := os.environ.get("ORDERS"):
                call_command("import_orders", orders)
            else:
                call_command("seed_shop")
    except CommandError as error:
        raise DemoError(str(error)) from error
    _make_admin()
    return seconds


def _make_admin() -> None:
    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if not users.filter(username=ADMIN_NAME).exists():
        users.create_superuser(username=ADMIN_NAME, password=ADMIN_PASSWORD)


@contextmanager
def _worker(demo_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker, in a process group of its own, for the time of a with block."""
    from bundle_app import conf

    command = [sys.executable, "-m", "celery", "--app", "example_shop", "worker", "--concurrency", "1"]
    command += ["--queues", conf.load().queue, "--loglevel", "INFO"]
    log = demo_dir / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
        is_busy = True
        try:
            yield process
            is_busy = _is_training()
        finally:
            for name in (signal.SIGINT, signal.SIGTERM):
                signal.signal(name, signal.SIG_IGN)  # Impatience does not leave a worker behind.
            # A second signal makes Celery end at once; work that it loses is done by the next run.
            for name in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is None:
                    os.killpg(process.pid, name)
                    try:
                        process.wait(SECONDS_TO_END if name == signal.SIGTERM and not is_busy else 3)
                    except subprocess.TimeoutExpired:
                        continue


def _is_training() -> bool:
    from bundle_app.models import TrainingRun

    return TrainingRun.objects.exclude(status__in=TrainingRun.OVER).exists()


def _trained(worker: subprocess.Popen[bytes], demo_dir: Path, *, again: bool) -> dict[str, Any]:
    """See that a model is live; train one, in the worker, if there is none or if asked to. Returns its summary."""
    from django.db import connection

    from bundle_app.models import ModelVersion, TrainingRun

    live = ModelVersion.objects.live().select_related("training_run").first()
    if live is not None and not again:
        _say(f"{live} is live with {live.bundle_count:,} bundles.")
        return live.training_run.summary if live.training_run else {}
    run = _requested_run()
    _say("Sent the training task to the Celery worker:")
    run = _followed(run.pk, worker, demo_dir / "worker.log")
    connection.close()
    if run.status != TrainingRun.Status.SUCCEEDED:
        raise DemoError(f"Training did not succeed ({run.get_status_display()}).\n{run.error}")
    summary: dict[str, Any] = run.summary
    return summary


def _generate_visitors(seconds: dict[str, float]) -> None:
    """A year of them, once, so that the screens about results have something to show."""
    if (os.environ.get("VISITORS") or ("0" if os.environ.get("ORDERS") else "1")) != "1":
        return
    from django.core.management import call_command

    began = time.monotonic()
    call_command("seed_visitors")
    seconds["generating_visitors"] = round(time.monotonic() - began, 2)


def _requested_run() -> Any:
    from bundle_app import training
    from bundle_app.exceptions import AlreadyTraining, BundleError
    from bundle_app.models import TrainingRun

    try:
        return training.request_training()
    except AlreadyTraining:  # An earlier demonstration was ended while it trained; its run is taken up again.
        waiting = TrainingRun.objects.exclude(status__in=TrainingRun.OVER).earliest("pk")
        training.enqueue(waiting.pk)
        return waiting
    except BundleError as error:
        raise DemoError(str(error)) from error


def _followed(run_id: int, worker: subprocess.Popen[bytes], log: Path) -> Any:
    """Show a run's progress until it is over."""
    from django.core.management.base import OutputWrapper

    from bundle_app.models import TrainingRun
    from bundle_app.terminal import ProgressBar

    bar = ProgressBar(OutputWrapper(sys.stdout))
    while True:
        run = TrainingRun.objects.get(pk=run_id)
        bar.show(run)
        if run.is_over:
            bar.close()
            return run
        if worker.poll() is not None:
            bar.close()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise DemoError(f"The Celery worker ended with code {worker.returncode}. Its last lines were:\n{tail}")
        time.sleep(POLL_SECONDS)


def _serve(port: int) -> None:
    """Serve until Ctrl-C, which waitress takes as the end of its work."""
    from waitress import serve

    from example_shop.wsgi import application

    address = f"http://localhost:{port}"
    _say(
        f"\n  Shop      {address}/"
        f"\n  Admin     {address}/admin/    (name {ADMIN_NAME}, password {ADMIN_PASSWORD})"
        f"\n  REST      {address}/bundles/api/bundles/"
        "\n\n  Ctrl-C ends it.\n"
    )
    serve(application, host="127.0.0.1", port=port, threads=6, _quiet=True)


if __name__ == "__main__":
    sys.exit(main())
