"""What a merchandiser can decide about bundles, and how it is written down.

A decision changes rows, sets `decided_at` (which is what keeps a bundle from ever being cleared away or overruled by
a retraining) and leaves an entry in the log of decisions and in Django's own, with who and when. All of it happens or
nothing.
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

from bundle_app.models import Bundle, Decision, Entry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django_stubs_ext import StrPromise

Action = Decision.Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """`changes` are the new values; bundles that match `unless` are left as they are."""

    action: Decision.Action
    log: StrPromise | str
    changes: Mapping[str, Any]
    permission: str
    unless: Q = field(default_factory=Q)


SUBMIT = Move(
    permission="bundle_app.submit_bundle",
    action=Action.SUBMITTED,
    log=_("Sent to review."),
    changes={"status": Bundle.Status.REVIEW},
    unless=~Q(status=Bundle.Status.DRAFT),
)
ACTIVATE = Move(
    permission="bundle_app.activate_bundle",
    action=Action.ACTIVATED,
    log=_("Activated."),
    changes={"status": Bundle.Status.ACTIVE},
)
PAUSE = Move(
    permission="bundle_app.pause_bundle",
    action=Action.PAUSED,
    log=_("Paused."),
    changes={"status": Bundle.Status.PAUSED},
)
REJECT = Move(
    permission="bundle_app.reject_bundle",
    action=Action.REJECTED,
    log=_("Rejected."),
    changes={"status": Bundle.Status.REJECTED, "pinned": False},
)
PIN = Move(
    permission="bundle_app.pin_bundle",
    action=Action.PINNED,
    log=_("Pinned."),
    changes={"pinned": True},
    unless=Q(status=Bundle.Status.REJECTED),
)
UNPIN = Move(permission="bundle_app.pin_bundle", action=Action.UNPINNED, log=_("Unpinned."), changes={"pinned": False})

MOVES = {"submit": SUBMIT, "activate": ACTIVATE, "pause": PAUSE, "reject": REJECT, "pin": PIN, "unpin": UNPIN}

BY_STATUS = {
    Bundle.Status.REVIEW.value: Action.SUBMITTED,
    Bundle.Status.ACTIVE.value: Action.ACTIVATED,
    Bundle.Status.PAUSED.value: Action.PAUSED,
    Bundle.Status.REJECTED.value: Action.REJECTED,
}


def decide(
    bundles: QuerySet[Bundle], move: Move, *, user: AbstractBaseUser, at: datetime, reason: str = ""
) -> tuple[int, int]:
    """Decide about all these bundles at once. Returns how many were decided about, and how many were left as they are.

    Deciding what already is so counts too: the merchandiser has looked and confirmed.
    """
    with transaction.atomic():
        asked = Bundle.objects.filter(pk__in=bundles.order_by().values("pk"))
        locked = list(asked.order_by("pk").select_for_update().exclude(move.unless).prefetch_related("parts"))
        left_count = asked.count() - len(locked)
        Bundle.objects.filter(pk__in=[bundle.pk for bundle in locked]).update(
            **move.changes, decided_at=at, updated_at=at
        )
        if locked:
            LogEntry.objects.log_actions(user.pk, locked, CHANGE, str(move.log))
            entries = [Entry(subject=bundle, action=move.action, changes=_changes(bundle, move)) for bundle in locked]
            Decision.objects.record(entries, by=user, reason=reason)
    return len(locked), left_count


def _changes(bundle: Bundle, move: Move) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (plain(getattr(bundle, name)), plain(value)) for name, value in move.changes.items()}
    return {name: (before, after) for name, (before, after) in pairs.items() if before != after}


def action_of(changes: Mapping[str, tuple[Any, Any]], *, is_new: bool) -> Decision.Action:
    """What saving a bundle's form amounts to, by its weightiest change."""
    if "status" in changes and changes["status"][1] in BY_STATUS:
        return BY_STATUS[changes["status"][1]]
    if is_new:
        return Action.CREATED
    if "pinned" in changes:
        return Action.PINNED if changes["pinned"][1] else Action.UNPINNED
    return Action.CHANGED


def plain(value: Any) -> Any:
    """A field's value as the log keeps it: a number, a truth value, a text, or nothing."""
    if value is None or isinstance(value, bool | int):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
