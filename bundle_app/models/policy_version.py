"""What clicks have taught: which of the bundles that a model proposed are shown, and why that policy was let in.

A policy is a dozen numbers that all bundles share (`beliefs`) and, for each bundle that was shown beside a product, how
far it is from what they promise. The supervised model's scores stay what they are: a policy ranks them anew, whichever
model is live, and without a live policy their own order stands.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from bundle_app.models.bundle import Bundle


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    def live(self) -> PolicyVersionQuerySet:
        return self.filter(state=PolicyVersion.State.LIVE)

    def known(self) -> PolicyVersionQuerySet:
        """Those that may be shown: of which it is still known how single bundles do."""
        return self.filter(Exists(ArmQuality.objects.filter(policy=OuterRef("pk"))))

    def in_trial(self) -> PolicyVersionQuerySet:
        """Those that an experiment names which is running, or is still being written."""
        return self.filter(arms__experiment__state__in=["draft", "running"])

    def for_update(self) -> PolicyVersionQuerySet:
        """All policies, locked in one order, so that two nights wait for each other instead of deadlocking."""
        return self.select_for_update().order_by("pk")


class PolicyVersion(models.Model):
    """LEARNED → LIVE → REPLACED by a better one or ROLLED_BACK; or LEARNED → REFUSED. An experiment whose arm is a
    policy may make it live from any of them, as long as its qualities are there.

    `decision` holds the code and the numbers of the gate, `watched` those of the last look at it while it was live, and
    `promised` the reward an impression that it was let in for: mean, low, high.
    """

    class State(models.TextChoices):
        LEARNED = "learned", _("Learned")
        REFUSED = "refused", _("Refused")
        LIVE = "live", _("Live")
        REPLACED = "replaced", _("Replaced")
        ROLLED_BACK = "rolled_back", _("Rolled back")

    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.LEARNED)
    beliefs = models.JSONField(_("beliefs"))
    rewards = models.JSONField(_("rewards"))
    learned_from = models.DateTimeField(_("learned from"))
    learned_until = models.DateTimeField(_("learned until"))
    impressions = models.PositiveBigIntegerField(_("impressions learned from"))
    decision = models.JSONField(_("decision"), default=dict)
    promised = models.JSONField(_("promised"), default=dict)
    watched = models.JSONField(_("watched"), default=dict)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    live_at = models.DateTimeField(_("went live"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="policy_version_one_live"),
            models.CheckConstraint(
                condition=~Q(state="live") | Q(live_at__isnull=False), name="policy_version_live_has_begun"
            ),
        ]

    def __str__(self) -> str:
        return _("Policy %(number)s") % {"number": self.pk}


class ArmQuality(models.Model):
    """How a bundle beside a product does, compared with what its score promises: see `bundle_ml.clicks.bandit`."""

    policy = models.ForeignKey(
        PolicyVersion, on_delete=models.CASCADE, related_name="qualities", verbose_name=_("policy version")
    )
    anchor_key = models.CharField(_("product page"), max_length=64, blank=True)
    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="+", verbose_name=_("bundle"))
    quality = models.FloatField(_("quality"), help_text=_("1: as good as its score promises."))
    evidence = models.FloatField(_("evidence"), help_text=_("Rewards, and what is believed before any."))

    class Meta:
        verbose_name = _("quality of a bundle")
        verbose_name_plural = _("qualities of bundles")
        constraints = [
            models.UniqueConstraint(fields=["policy", "anchor_key", "bundle"], name="arm_quality_once_a_policy"),
            models.CheckConstraint(condition=Q(quality__gte=0, evidence__gt=0), name="arm_quality_is_one"),
        ]

    def __str__(self) -> str:
        return f"{self.anchor_key or '*'} {self.bundle_id}: {self.quality:.2f}"
