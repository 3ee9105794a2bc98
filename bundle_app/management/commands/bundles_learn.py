"""Learn from clicks in this process, without Celery."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from bundle_app.policy import learning


class Command(BaseCommand):
    help = "Take the live policy back if it disappoints, then learn a new one and let the gate judge it."

    def handle(self, *args: Any, **options: Any) -> None:
        withdrawn, learned = learning.watch(), learning.learn()
        if withdrawn is not None:
            self.stdout.write(self.style.WARNING(f"{withdrawn} earned less than it promised and was taken back."))
        if learned is None:
            self.stdout.write("Nothing to learn from: no live model, or no click on what it proposes.")
            return
        learned.refresh_from_db()
        told = f"{learned}, of {learned.impressions:,} impressions: {learned.state} ({learned.decision.get('code')})."
        self.stdout.write(self.style.SUCCESS(told) if learned.state == learned.State.LIVE else told)
