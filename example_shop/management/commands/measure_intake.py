"""`manage.py measure_intake`: how fast the endpoint takes events in, next to a bare insert of the same rows.

A server of its own is started on a free port; one client posts to it over one connection, batch after batch. The bare
insert is psycopg2's `execute_values`, a statement a batch, into the same table with the same indexes. What was written
is deleted again.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from bundle_app.events import tokens
from bundle_app.events.days import day_of
from bundle_app.events.intake import COLUMNS, MOST_EVENTS
from bundle_app.models import Event, IntakeCount

KINDS = ["impression"] * 90 + ["click"] * 8 + ["add"] * 2
SECONDS_TO_START = 30
BUNDLES = 1000


class Command(BaseCommand):
    help = "Time batches of 100 events over HTTP and a bare multi-row insert of the same rows, in turns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (default: %(default)s)")
        parser.add_argument("--batches", type=int, default=100, help="batches a round (default: %(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(f"The database is {connection.vendor}; expected PostgreSQL. Set DATABASE_URL.")
        over_http, bare = [], []
        with _server() as port:
            for _ in range(options["rounds"]):
                seconds, rows = _over_http(port, options["batches"])
                over_http.append(len(rows) / seconds)
                bare.append(len(rows) / _bare(rows))
        self.stdout.write(f"{options['batches']} batches of {MOST_EVENTS}, median of {options['rounds']}:")
        self.stdout.write(f"  bare insert   {median(bare):9,.0f} rows/s")
        ratio = median(over_http) / median(bare)
        self.stdout.write(f"  over HTTP     {median(over_http):9,.0f} rows/s   = {ratio:.2f} × the bare insert")


@contextmanager
def _server() -> Iterator[int]:
    """The shop in a process of its own, with two threads and no limit to how often a visitor may report."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=2"]
    environment = {**os.environ, "EVENT_THROTTLE": "1000000/s"}
    process = subprocess.Popen([*command, "example_shop.wsgi:application"], env=environment)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    yield port
                    return
            time.sleep(0.1)
        raise CommandError("The server does not answer; what it said is above.")
    finally:
        process.terminate()
        process.wait(10)


def _over_http(port: int, batches: int) -> tuple[float, list[tuple[Any, ...]]]:
    """Seconds, and the rows that were written; they are deleted again."""
    now, numbers, bodies = timezone.now(), [], []
    for _ in range(batches):
        events = []
        for slot, kind in enumerate(KINDS, start=1):
            showing = tokens.Showing(
                bundle_id=random.randrange(1, BUNDLES),
                anchor_key="A-PRODUCT-KEY",
                placement="product",
                slot=slot,
                shown_at=now,
            )
            numbers.append(showing.id)
            events.append({"token": tokens.sign(showing, subject=""), "kind": kind, "ago_seconds": 1.5})
        bodies.append(json.dumps({"events": events}))
    with closing(HTTPConnection("127.0.0.1", port)) as client:
        began = time.perf_counter()
        accepted = sum(_accepted(client, body) for body in bodies)
        seconds = time.perf_counter() - began
    written = Event.objects.filter(showing__in=numbers)
    rows = list(written.values_list(*COLUMNS))
    written.delete()
    counted = IntakeCount.objects.filter(day=day_of(now), outcome=IntakeCount.Outcome.ACCEPTED)
    counted.update(count=F("count") - accepted)
    if len(rows) != accepted or accepted != len(numbers):
        raise CommandError(f"{accepted:,} of {len(numbers):,} events were counted and {len(rows):,} written.")
    return seconds, rows


def _accepted(client: HTTPConnection, body: str) -> int:
    client.request("POST", reverse("bundle_app:api-events"), body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise CommandError(f"The server answered {answer.status}: {content[:200]!r}")
    return int(json.loads(content)["accepted"])


def _bare(rows: Sequence[tuple[Any, ...]]) -> float:
    from psycopg2.extras import execute_values  # type: ignore[import-untyped]

    statement = f"INSERT INTO {Event._meta.db_table} ({', '.join(COLUMNS)}) VALUES %s"  # noqa: S608
    with connection.cursor() as cursor:
        raw, began = cursor.cursor, time.perf_counter()
        for first in range(0, len(rows), MOST_EVENTS):
            execute_values(raw, statement, rows[first : first + MOST_EVENTS], page_size=MOST_EVENTS)
        seconds = time.perf_counter() - began
    Event.objects.filter(showing__in=[row[0] for row in rows]).delete()
    return seconds
