"""Count the daily figures in this process, without Celery."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bundle_app.events import aggregation


class Command(BaseCommand):
    help = "Add events and credited sales up by day, then delete those older than EVENT_DAYS."

    def handle(self, *args: Any, **options: Any) -> None:
        counted, deleted = aggregation.aggregate(), aggregation.prune()
        self.stdout.write(f"{counted:,} days counted, {deleted:,} old rows deleted.")
