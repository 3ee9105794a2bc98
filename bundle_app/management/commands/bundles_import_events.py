"""Take in a shop's own log of what became of bundles."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bundle_app.events import importing
from bundle_app.exceptions import FileRefused

ERRORS_TOLD = 50


class Command(BaseCommand):
    help = "Import events from a CSV or .jsonl file, all rows or none. See docs/events.md for its columns."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="Look at every row and write none.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = importing.import_events(options["file"], dry_run=options["dry_run"])
        except FileRefused as error:
            raise CommandError(str(error)) from error
        for wrong in done.errors[:ERRORS_TOLD]:
            self.stderr.write(f"line {wrong.line}: {wrong.message}")
        if done.errors:
            more = f" The first {ERRORS_TOLD} are above." if len(done.errors) > ERRORS_TOLD else ""
            raise CommandError(
                f"{len(done.errors):,} of {done.row_count:,} rows are wrong; nothing was imported.{more}"
            )
        if options["dry_run"]:
            self.stdout.write(f"{done.row_count:,} rows are right; nothing was imported.")
        else:
            known = done.row_count - done.written
            self.stdout.write(f"{done.written:,} events imported, {known:,} were there already.")
