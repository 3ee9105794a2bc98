"""One attempt to train, and the lease that lets exactly one attempt publish.

The running row *is* the lease: a constraint allows one, a heartbeat keeps it alive, and `fencing`, a number that only
grows, tells a trainer that was taken for dead and woke up again that another has taken over (`bundle_app.leases`).
A held transaction or a session lock was rejected: training takes minutes, and both break behind a connection pooler.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class TrainingRun(models.Model):
    """QUEUED → RUNNING → SUCCEEDED, FAILED (with `error`) or ABANDONED (the heartbeat stopped)."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        ABANDONED = "abandoned", _("Abandoned")

    class Stage(models.TextChoices):
        EXPORT = "export", _("Reading orders from the shop")
        READ = "read", _("Sorting orders into baskets")
        STATISTICS = "statistics", _("Counting what is bought together")
        TRAIN = "train", _("Training the Transformer")
        BLEND = "blend", _("Fitting the blend")
        EVALUATE = "evaluate", _("Evaluating on held-out orders")
        GENERATE = "generate", _("Composing bundles")
        WRITE = "write", _("Writing the model")
        STORE = "store", _("Storing the model")
        PUBLISH = "publish", _("Publishing bundles")

    OVER = (Status.SUCCEEDED, Status.FAILED, Status.ABANDONED)

    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, blank=True)
    progress = models.FloatField(_("progress"), default=0.0, help_text=_("From 0 to 1, within the whole run."))
    message = models.CharField(_("message"), max_length=300, blank=True)
    error = models.TextField(_("error"), blank=True)
    history = models.JSONField(_("training curve"), default=list)
    summary = models.JSONField(_("summary"), default=dict)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    fencing = models.PositiveBigIntegerField(_("fencing number"), null=True, unique=True, editable=False)
    holder = models.CharField(_("worker"), max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-id"]
        permissions = [("train_modelversion", "Can start training")]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="running"), name="training_run_one_running"),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1), name="training_run_progress_from_0_to_1"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(fencing__isnull=False, heartbeat_at__isnull=False),
                name="training_run_running_holds_the_lease",
            ),
        ]

    def __str__(self) -> str:
        return _("Training run %(number)s") % {"number": self.pk}

    @property
    def is_over(self) -> bool:
        return self.status in self.OVER
