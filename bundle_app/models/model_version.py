"""One trained model, as far as the database knows it: what it learned from, how good it is, whether it is live."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bundle_app.models.training_run import TrainingRun


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def live(self) -> ModelVersionQuerySet:
        return self.filter(state=ModelVersion.State.LIVE)

    def for_update(self) -> ModelVersionQuerySet:
        """All versions, locked in one order, so that two publishers wait for each other instead of deadlocking."""
        return self.select_for_update().order_by("pk")


class ModelVersion(models.Model):
    """LOADING (scores being written) → READY (complete) → LIVE → READY (rolled back to at will) → PRUNED."""

    class State(models.TextChoices):
        LOADING = "loading", _("Loading")
        READY = "ready", _("Ready")
        LIVE = "live", _("Live")
        PRUNED = "pruned", _("Pruned")

    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.LOADING)
    training_run = models.OneToOneField(
        TrainingRun, null=True, on_delete=models.SET_NULL, related_name="model_version", verbose_name=_("training run")
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    artefact = models.CharField(_("artefact"), max_length=200)
    rung = models.CharField(_("learned from"), max_length=16)
    metrics = models.JSONField(_("metrics"), default=dict)
    settings = models.JSONField(_("settings"), default=dict)
    data = models.JSONField(_("data"), default=dict)
    history = models.JSONField(_("training curve"), default=list)
    bundle_count = models.PositiveIntegerField(_("bundles"), default=0)
    data_from = models.DateTimeField(_("orders from"), null=True)
    data_until = models.DateTimeField(_("orders until"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    published_at = models.DateTimeField(_("published"), null=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-id"]
        permissions = [("publish_modelversion", "Can publish and roll back model versions")]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="model_version_one_live"),
            models.CheckConstraint(
                condition=~Q(state="live") | Q(published_at__isnull=False), name="model_version_live_is_published"
            ),
        ]

    def __str__(self) -> str:
        return _("Model %(number)s") % {"number": self.pk}
