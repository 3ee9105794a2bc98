"""The log of decisions: who decided what about which bundle, rule or experiment, when, from what to what, and why.

It only grows. Its rows point by number, not by foreign key: a bundle, a rule, a model version and a colleague's account
may all go, and what was decided stays. Beside Django's own admin log it holds what no person did: bundles that went
live by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

BATCH = 1000


class DecisionQuerySet(models.QuerySet["Decision"]):
    def update(self, **_kwargs: Any) -> NoReturn:
        raise TypeError("The log of decisions only grows: an entry cannot be changed. Record another one.")

    def delete(self) -> NoReturn:
        raise TypeError("The log of decisions only grows: an entry cannot be deleted.")

    def about(self, subject: models.Model) -> DecisionQuerySet:
        return self.filter(subject_kind=subject._meta.model_name, subject_id=subject.pk)

    def record(
        self,
        entries: Iterable[Entry],
        *,
        by: Any = None,
        reason: str = "",
        version_id: int | None = None,
        now: datetime | None = None,
    ) -> int:
        """Write entries down. `by` is a user, None where nobody decided but the thresholds did. Returns how many."""
        moment = now or timezone.now()
        rows = [
            Decision(
                at=moment,
                actor_key="" if by is None else str(by.pk),
                actor="" if by is None else by.get_username()[:150],
                action=entry.action,
                subject_kind=str(entry.subject._meta.model_name),
                subject_id=entry.subject.pk,
                subject=(entry.label or str(entry.subject))[:300],
                changes={name: list(pair) for name, pair in entry.changes.items()},
                reason=reason[:300],
                version_id=version_id,
            )
            for entry in entries
        ]
        self.bulk_create(rows, batch_size=BATCH)
        return len(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be written down: `changes` holds (from, to) by field, `label` what the subject is called by then."""

    subject: models.Model
    action: str
    label: str = ""
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


class Decision(models.Model):
    class Action(models.TextChoices):
        CREATED = "created", _("Created")
        CHANGED = "changed", _("Changed")
        SUBMITTED = "submitted", _("Sent to review")
        ACTIVATED = "activated", _("Activated")
        PAUSED = "paused", _("Paused")
        REJECTED = "rejected", _("Rejected")
        PINNED = "pinned", _("Pinned")
        UNPINNED = "unpinned", _("Unpinned")
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")
        DELETED = "deleted", _("Deleted")
        STARTED = "started", _("Started")
        STOPPED = "stopped", _("Stopped")
        PROMOTED = "promoted", _("Promoted")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class SubjectKind(models.TextChoices):
        BUNDLE = "bundle", _("Bundle")
        RULE = "rule", _("Rule")
        EXPERIMENT = "experiment", _("Experiment")
        POLICY = "policyversion", _("Policy")

    at = models.DateTimeField(_("when"))
    actor = models.CharField(_("who"), max_length=150, blank=True)
    actor_key = models.CharField(max_length=64, blank=True)
    action = models.CharField(_("kind of decision"), max_length=10, choices=Action.choices)
    subject_kind = models.CharField(_("kind of subject"), max_length=20, choices=SubjectKind.choices)
    subject_id = models.BigIntegerField()
    subject = models.CharField(_("subject"), max_length=300)
    changes = models.JSONField(_("from → to"), default=dict)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    version_id = models.BigIntegerField(_("model version"), null=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="decision_by_subject"),
            models.Index(fields=["-at", "-id"], name="decision_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The log of decisions only grows: an entry cannot be changed. Record another one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The log of decisions only grows: an entry cannot be deleted.")
