"""Bundles that go live by themselves, because they reach the thresholds of AUTO_ACTIVATE, and the log that tells it.

Only composed bundles about which nobody has decided: what a merchandiser paused, rejected or is still composing by hand
is never touched. A bundle that falls below a threshold later stays as it is; to take it back is a decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import QuerySet

from bundle_app import conf
from bundle_app.models import Bundle, BundlePart, Decision, Entry, ModelVersion, Score

BATCH = 2000
WAITING = (Bundle.Status.DRAFT, Bundle.Status.REVIEW)


def record_new(bundle_ids: Collection[int], parts: Iterable[BundlePart], *, version: ModelVersion) -> None:
    """Log bundles that began as active ones; `parts` are those of these and of others.

    One that a merchandiser made by hand at the same moment is not among them.
    """
    composed = Bundle.objects.undecided().filter(pk__in=bundle_ids, status=Bundle.Status.ACTIVE)
    labels: dict[int, list[str]] = {bundle_id: [] for bundle_id in composed.values_list("pk", flat=True)}
    for part in parts:
        if part.bundle_id in labels:
            labels[part.bundle_id].append(part.label)
    entries = [_entry(bundle_id, " + ".join(told), before="") for bundle_id, told in labels.items()]
    Decision.objects.record(entries, version_id=version.pk)


def activate_waiting() -> int:
    """Activate what waits for a decision and reaches the thresholds in the live version. Returns how many.

    Each batch stands or falls with its entries in the log. It is done after a version has gone live and now and then
    besides, never inside the flip: that is short, and tens of thousands may wait where thresholds were lowered. A
    process that is killed half way leaves the rest to the next time.
    """
    thresholds = conf.load().auto_activate
    version = None if thresholds is None else ModelVersion.objects.live().only("pk").first()
    if thresholds is None or version is None:
        return 0
    waiting = Bundle.objects.undecided().filter(status__in=WAITING)
    scores = Score.objects.filter(model_version=version, bundle__in=waiting).order_by()
    rows = scores.values_list("bundle_id", "bundle__kind", "score", "evidence__support")
    reached = sorted(
        {
            bundle_id
            for bundle_id, kind, score, support in rows.iterator(chunk_size=BATCH)
            if thresholds.admits(kind=kind, score=score, support=support or 0)
        }
    )
    chunks = (reached[start : start + BATCH] for start in range(0, len(reached), BATCH))
    return sum(_activate(waiting.filter(pk__in=chunk), version) for chunk in chunks)


@transaction.atomic
def _activate(bundles: QuerySet[Bundle], version: ModelVersion) -> int:
    """Those that still wait once they are locked: a merchandiser may decide at this very moment."""
    locked = list(bundles.order_by("pk").select_for_update().prefetch_related("parts"))
    Bundle.objects.filter(pk__in=[bundle.pk for bundle in locked]).update(status=Bundle.Status.ACTIVE)
    entries = [_entry(bundle.pk, str(bundle), before=bundle.status) for bundle in locked]
    return Decision.objects.record(entries, version_id=version.pk)


def _entry(bundle_id: int, label: str, *, before: str) -> Entry:
    return Entry(
        subject=Bundle(pk=bundle_id),
        label=label,
        action=Decision.Action.ACTIVATED,
        changes={"status": (before, Bundle.Status.ACTIVE.value)},
    )
