"""What a merchandiser can decide about bundles, and how it is written down.

A decision changes rows, sets `decided_at` (which is what keeps a bundle from ever being cleared away or overruled by
a retraining) and leaves an entry in the admin log with who and when. All of it happens or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from bundle_app.models import Bundle

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`changes` are the new values; bundles that match `unless` are left as they are."""

    log: StrPromise | str
    changes: Mapping[str, Any]
    permission: str
    unless: Q = field(default_factory=Q)


ACTIVATE = Decision(
    permission="bundle_app.activate_bundle", log=_("Activated."), changes={"status": Bundle.Status.ACTIVE}
)
PAUSE = Decision(permission="bundle_app.pause_bundle", log=_("Paused."), changes={"status": Bundle.Status.PAUSED})
REJECT = Decision(
    permission="bundle_app.reject_bundle",
    log=_("Rejected."),
    changes={"status": Bundle.Status.REJECTED, "pinned": False},
)
PIN = Decision(
    permission="bundle_app.pin_bundle",
    log=_("Pinned."),
    changes={"pinned": True},
    unless=Q(status=Bundle.Status.REJECTED),
)
UNPIN = Decision(permission="bundle_app.pin_bundle", log=_("Unpinned."), changes={"pinned": False})

DECISIONS = {"activate": ACTIVATE, "pause": PAUSE, "reject": REJECT, "pin": PIN, "unpin": UNPIN}


def decide(bundles: QuerySet[Bundle], decision: Decision, *, user_id: int, at: datetime) -> tuple[int, int]:
    """Decide about all these bundles at once. Returns how many were decided about, and how many were left as they are.

    Deciding what already is so counts too: the merchandiser has looked and confirmed.
    """
    with transaction.atomic():
        asked = Bundle.objects.filter(pk__in=bundles.order_by().values("pk"))
        locked = list(asked.order_by("pk").select_for_update().exclude(decision.unless).prefetch_related("parts"))
        left_count = asked.count() - len(locked)
        Bundle.objects.filter(pk__in=[bundle.pk for bundle in locked]).update(
            **decision.changes, decided_at=at, updated_at=at
        )
        if locked:
            LogEntry.objects.log_actions(user_id, locked, CHANGE, str(decision.log))
    return len(locked), left_count
