"""What visitors did with the bundles that they were shown, and how much of what was sent in could be counted.

A row says all of its showing, since nothing is stored when a bundle is shown. The bundle is a soft reference: it may be
deleted, and what happened has happened. (showing, kind) is unique, so that a report that is sent again, by whomever and
however often, is the same row.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bundle_app.models.bundle import Bundle


class ShowingFields(models.Model):
    """What is known of a showing; see `bundle_app.events.tokens.Showing`."""

    bundle = models.ForeignKey(
        Bundle,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("bundle"),
    )
    anchor_key = models.CharField(_("product page"), max_length=64, blank=True)
    placement = models.CharField(_("place"), max_length=32, blank=True)
    slot = models.PositiveSmallIntegerField(_("position on the page"))
    version_id = models.IntegerField(_("model version"), default=0)
    policy_id = models.IntegerField(_("policy version"), default=0)
    arm = models.CharField(_("arm of the experiment"), max_length=32, blank=True)

    class Meta:
        abstract = True


class Event(ShowingFields):
    """One thing that became of one showing. Whoever clicked has seen, whether or not an impression says so.

    All of a showing counts on the day of `shown_at`; a visitor is believed so often a day of `occurred_at`.
    """

    class Kind(models.TextChoices):
        IMPRESSION = "impression", _("Seen")
        CLICK = "click", _("Clicked")
        ADD = "add", _("Added to the cart")
        DISMISS = "dismiss", _("Dismissed")

    showing = models.BigIntegerField(_("showing"))
    kind = models.CharField(_("what happened"), max_length=10, choices=Kind.choices)
    propensity = models.FloatField(_("propensity"), default=1.0)
    subject = models.CharField(_("visitor"), max_length=16, blank=True)
    is_rewarded = models.BooleanField(
        _("counts for learning"), default=True, help_text=_("Not if the same visitor did the same too often that day.")
    )
    shown_at = models.DateTimeField(_("shown"))
    occurred_at = models.DateTimeField(_("when"))
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["shown_at"], name="event_by_showing_time"),
            models.Index(
                fields=["subject", "bundle", "occurred_at"], name="event_by_subject", condition=~Q(kind="impression")
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["showing", "kind"], name="event_once_a_showing"),
            models.CheckConstraint(condition=Q(propensity__gt=0, propensity__lte=1), name="event_propensity"),
            models.CheckConstraint(condition=Q(slot__gte=1), name="event_slot_counts_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.bundle_id}"


class IntakeCount(models.Model):
    """How many reports a day were counted, and how many were not, and why."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        REPLAYED = "replayed", _("Sent again")
        LATE = "late", _("Too late")
        FORGED = "forged", _("Forged")
        FOREIGN = "foreign", _("Of another visitor")
        MALFORMED = "malformed", _("Unreadable")

    day = models.DateField(_("day"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    count = models.PositiveBigIntegerField(_("reports"), default=0)

    class Meta:
        verbose_name = _("count of received events")
        verbose_name_plural = _("counts of received events")
        ordering = ["-day", "outcome"]
        constraints = [models.UniqueConstraint(fields=["day", "outcome"], name="intake_count_once_a_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.get_outcome_display()}: {self.count}"
