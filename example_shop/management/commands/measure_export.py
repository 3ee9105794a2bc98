"""`manage.py measure_export`: how long the export of all order lines takes, next to a bare COPY of the same query."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from bundle_app.exporting import export_lines
from bundle_app.shop import get_adapter


class Command(BaseCommand):
    help = "Time the export of the order lines and a bare COPY (query) TO STDOUT of the same query, in turns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (default: %(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(f"The database is {connection.vendor}; COPY is PostgreSQL's. Set DATABASE_URL.")
        adapter, bare, ours, count = get_adapter(), [], [], 0
        with TemporaryDirectory() as folder:
            for _ in range(options["rounds"]):
                bare.append(_seconds(_bare_copy))
                ours.append(_seconds(lambda: export_lines(adapter, Path(folder) / "lines.csv")))
            count = export_lines(adapter, Path(folder) / "lines.csv")
        self.stdout.write(f"{count:,} order lines, median of {options['rounds']}:")
        self.stdout.write(f"  bare COPY      {median(bare):6.2f} s")
        ratio = median(ours) / median(bare)
        self.stdout.write(f"  export_lines   {median(ours):6.2f} s   = {ratio:.2f} × the bare COPY")


def _seconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _bare_copy() -> None:
    """The query as `EXPLAIN` would show it, sent to nowhere by the driver itself."""
    query, params = get_adapter().order_lines().query.sql_with_params()
    with connection.cursor() as cursor, Path("/dev/null").open("wb") as nowhere:
        raw = cursor.cursor
        raw.copy_expert(f"COPY ({raw.mogrify(query, params).decode()}) TO STDOUT", nowhere)
