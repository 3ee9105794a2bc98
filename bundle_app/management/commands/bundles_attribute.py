"""Credit sales to showings in this process, without Celery."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bundle_app.events import attribution


class Command(BaseCommand):
    help = "Credit the shop's sales to the showings that led to them, and take back what was refunded or cancelled."

    def handle(self, *args: Any, **options: Any) -> None:
        done = attribution.attribute()
        self.stdout.write(f"{done.written:,} credited sales written, {done.taken_back:,} taken back.")
