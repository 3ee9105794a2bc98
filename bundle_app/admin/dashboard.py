"""The strip above the bundle list: what is live, how old it is, what waits for a decision, whether training runs."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest

from bundle_app.admin.presentation import age
from bundle_app.models import Bundle, ModelVersion, TrainingRun

TRAIN = "bundle_app.train_modelversion"
PUBLISH = "bundle_app.publish_modelversion"


def strip(request: HttpRequest) -> dict[str, Any]:
    """What the strip's template needs; three queries, however many bundles there are."""
    live = ModelVersion.objects.live().defer("history", "metrics").first()
    run = TrainingRun.objects.defer("history", "summary").first()
    counts = dict(Bundle.objects.order_by().values_list("status").annotate(Count("pk")))
    return {
        "live": live,
        "live_age": age(live.published_at) if live and live.published_at else "",
        "counts": [(status.value, status.label, counts.get(status.value, 0)) for status in Bundle.Status],
        "run": run,
        "run_age": age(run.created_at) if run else "",
        "run_percent": int(run.progress * 100) if run else 0,
        "may_train": request.user.has_perm(TRAIN),
    }
