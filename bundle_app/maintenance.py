"""What has to be put right now and then, because messages get lost and workers get killed."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from bundle_app import activating, leases, publishing, training
from bundle_app.exceptions import BrokerUnreachable
from bundle_app.models import TrainingRun


def sweep(*, at: datetime | None = None) -> dict[str, int]:
    """Do all of it; say how much there was of each. Running it twice does nothing the second time."""
    return {
        "runs_resumed": resume_lost_runs(at or timezone.now()),
        "bundles_activated": activating.activate_waiting(),
        "bundles_forgotten": publishing.prune(),
    }


def resume_lost_runs(now: datetime) -> int:
    """Send again the tasks of runs whose message or worker was lost; give up on a run that killed its worker often."""
    resumed = 0
    for run in TrainingRun.objects.exclude(status__in=TrainingRun.OVER):
        if not leases.is_lost(run, at=now):
            continue
        if run.attempts >= leases.MAX_ATTEMPTS:
            leases.abandon(run, now=now)
            continue
        try:
            training.enqueue(run.pk)
        except BrokerUnreachable:
            return resumed
        resumed += 1
    return resumed
