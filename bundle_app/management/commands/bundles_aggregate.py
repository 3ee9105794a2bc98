"""Count the figures of days and experiments in this process, without Celery."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bundle_app.events import aggregation
from bundle_app.experiments import counting


class Command(BaseCommand):
    help = "Add events and credited sales up, by day and by experiment, then delete those older than EVENT_DAYS."

    def handle(self, *args: Any, **options: Any) -> None:
        days, experiments, deleted = aggregation.aggregate(), counting.count(), aggregation.prune()
        self.stdout.write(f"{days:,} days and {experiments:,} experiments counted, {deleted:,} old rows deleted.")
