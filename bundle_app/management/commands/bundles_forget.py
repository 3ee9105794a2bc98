"""Take a person out of the events."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from bundle_app.events import erasure


class Command(BaseCommand):
    help = "Delete all events of a person; the figures of the days follow at the next count."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "subject", help="The word by which the shop knows them (ShopAdapter.subject): their user number by default."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{erasure.forget(options['subject']):,} events deleted.")
