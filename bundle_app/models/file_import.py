"""A file of decisions that somebody handed in: what it would do, how far it is, what became of it.

Its bytes stand in a row of their own. Whoever checks or applies the file locks that row for the whole transaction, so
the row that tells the progress stays free to be written meanwhile, and a worker that is killed leaves no lock behind.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bundle_app.models.decision import Decision

SUBJECT_KINDS = [(kind.value, kind.label) for kind in (Decision.SubjectKind.BUNDLE, Decision.SubjectKind.RULE)]


class FileImport(models.Model):
    """UPLOADED → CHECKED → CONFIRMED → APPLIED; REFUSED where a row is wrong, FAILED where it broke off."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("Waiting to be checked")
        CHECKED = "checked", _("Waiting for your word")
        CONFIRMED = "confirmed", _("Waiting to be imported")
        APPLIED = "applied", _("Imported")
        REFUSED = "refused", _("Not imported: it has errors")
        FAILED = "failed", _("Broke off; nothing was imported")

    AT_WORK = (Status.UPLOADED, Status.CONFIRMED)

    subject_kind = models.CharField(_("what"), max_length=10, choices=SUBJECT_KINDS)
    file_name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField(_("bytes"))
    encoding = models.CharField(_("read as"), max_length=20, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.UPLOADED)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("who")
    )
    language = models.CharField(max_length=20)
    row_count = models.PositiveIntegerField(_("rows"), default=0)
    done_count = models.PositiveIntegerField(_("rows done"), default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    report = models.JSONField(default=list)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    touched_at = models.DateTimeField(_("last sign of life"), default=timezone.now)

    class Meta:
        verbose_name = _("file import")
        verbose_name_plural = _("file imports")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(size_bytes__gte=1), name="file_import_holds_something"),
        ]

    def __str__(self) -> str:
        return _("Import %(number)s: %(file)s") % {"number": self.pk, "file": self.file_name}

    @property
    def is_at_work(self) -> bool:
        return self.status in self.AT_WORK


class FileImportContent(models.Model):
    """The bytes, as long as they are needed. This row is the lock of its import."""

    file_import = models.OneToOneField(FileImport, on_delete=models.CASCADE, primary_key=True, related_name="content")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.file_import)
