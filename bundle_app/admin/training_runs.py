"""Training runs: start one, watch it, read why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app import charts, leases, training
from bundle_app.admin.dashboard import TRAIN
from bundle_app.admin.presentation import badge, duration, progress_bar, run_duration
from bundle_app.exceptions import BundleError
from bundle_app.models import TrainingRun

if TYPE_CHECKING:
    TrainingRunAdminBase = admin.ModelAdmin[TrainingRun]
else:
    TrainingRunAdminBase = admin.ModelAdmin


@admin.register(TrainingRun)
class TrainingRunAdmin(TrainingRunAdminBase):
    list_display = ("__str__", "status_badge", "stage", "progress_bar", "started_at", "duration", "error_excerpt")
    fields = ("created_at", "started_at", "finished_at", "holder", "heartbeat_at")
    readonly_fields = fields
    change_list_template = "admin/bundle_app/trainingrun/change_list.html"
    change_form_template = "admin/bundle_app/trainingrun/change_form.html"

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}
        js: ClassVar = [forms.Script("bundle_app/admin/training_run.js", type="module")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:
        """One that is under way holds the lease."""
        return obj is not None and obj.is_over and super().has_delete_permission(request, obj)

    def has_train_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(TRAIN)

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return super().get_queryset(request).select_related("model_version")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(
            request, {"may_train": self.has_train_permission(request), **(extra_context or {})}
        )

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def status_badge(self, run: TrainingRun) -> SafeString:
        return badge(run.status, run.get_status_display())

    @admin.display(description=gettext_lazy("Progress"), ordering="progress")
    def progress_bar(self, run: TrainingRun) -> SafeString:
        return progress_bar(run)

    @admin.display(description=gettext_lazy("Took"), empty_value="—")
    def duration(self, run: TrainingRun) -> str:
        return run_duration(run)

    @admin.display(description=gettext_lazy("Error"), empty_value="—")
    def error_excerpt(self, run: TrainingRun) -> str:
        return Truncator(run.error).chars(120)

    # The page of one run

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: TrainingRun | None = kwargs.get("obj")
        if obj is not None:
            context |= {**_live(obj), **_pieces(obj)}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("train/", view(self.train_view), name="bundle_app_trainingrun_train"),
            path("<int:run_id>/progress/", view(self.progress_view), name="bundle_app_trainingrun_progress"),
            *super().get_urls(),
        ]

    def train_view(self, request: HttpRequest) -> HttpResponse:
        """The "Train now" button."""
        if not self.has_train_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            run = training.request_training()
        except BundleError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:bundle_app_trainingrun_changelist"))
        LogEntry.objects.log_actions(request.user.pk or 0, [run], ADDITION, _("Started."), single_object=True)
        self.message_user(request, _("%(run)s is queued.") % {"run": run}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:bundle_app_trainingrun_change", args=[run.pk]))

    def progress_view(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """What the run's page polls: plain values, and its changing pieces as HTML."""
        run = get_object_or_404(TrainingRun.objects.select_related("model_version"), pk=run_id)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        pieces = {
            name: render_to_string(f"admin/bundle_app/trainingrun/{name}.html", {"original": run, **_pieces(run)})
            for name in ("outcome", "curve")
        }
        return JsonResponse({**_live(run), **pieces})


def _live(run: TrainingRun) -> dict[str, Any]:
    """What changes from second to second."""
    return {
        "is_over": run.is_over,
        "status": run.status,
        "status_label": run.get_status_display(),
        "stage": _("Waiting for a worker") if run.status == TrainingRun.Status.QUEUED else run.get_stage_display(),
        "progress": run.progress,
        "percent": int(run.progress * 100),
        "message": run.message,
        "duration": run_duration(run),
        "silence": _silence(run),
        "epoch_count": len(run.history),
    }


def _pieces(run: TrainingRun) -> dict[str, Any]:
    return {
        "chart": charts.training_curve(run.history),
        "history": run.history,
        "version": getattr(run, "model_version", None),
    }


def _silence(run: TrainingRun) -> str:
    """A warning where a run says nothing for longer than a live one would."""
    now = timezone.now()
    if run.status != TrainingRun.Status.RUNNING or run.heartbeat_at is None or not leases.is_stale(run, at=now):
        return ""
    return _("No sign of life for %(time)s. The worker may be gone; the next run takes over.") % {
        "time": duration(now - run.heartbeat_at)
    }
