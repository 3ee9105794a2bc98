"""Model versions: how good each is, what it learned from, and which one is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app import charts, publishing
from bundle_app.admin import data_report, from_clicks
from bundle_app.admin.dashboard import PUBLISH
from bundle_app.admin.evidence import rung_label
from bundle_app.admin.metrics import METRICS, chosen_metric, headline, metrics_table, reason, segments_table
from bundle_app.admin.personal import personal_table, report_of, told
from bundle_app.admin.presentation import badge, grouped, rounded
from bundle_app.exceptions import BundleError
from bundle_app.models import ModelVersion

if TYPE_CHECKING:
    ModelVersionAdminBase = admin.ModelAdmin[ModelVersion]
else:
    ModelVersionAdminBase = admin.ModelAdmin


@admin.register(ModelVersion)
class ModelVersionAdmin(ModelVersionAdminBase):
    list_display = ("__str__", "state_badge", "learned_from", "ndcg", "bundles", "data_window", "published_at")
    fields = ("state_badge", "learned_from", "bundles", "data_window", "created_at", "published_at", "training_run")
    readonly_fields = fields
    change_form_template = "admin/bundle_app/modelversion/change_form.html"

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        if obj is None or obj.state == ModelVersion.State.LIVE:
            return False  # Without one at hand the question is whether many may go at once, the live one among them.
        return super().has_delete_permission(request, obj)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PUBLISH)

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return super().get_queryset(request).select_related("training_run").defer("training_run__history")

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, version: ModelVersion) -> SafeString:
        return badge(version.state, version.get_state_display())

    @admin.display(description=gettext_lazy("Learned from"), ordering="rung")
    def learned_from(self, version: ModelVersion) -> str:
        return rung_label(version.rung)

    @admin.display(description=gettext_lazy("NDCG@10"), empty_value="—")
    def ndcg(self, version: ModelVersion) -> str | None:
        measured = headline(version)
        if measured is None:
            return None
        page, cart = (rounded(value, decimal_count=3) for value in measured)
        return format_html(
            '{} <span class="bundle-note">{}</span>', page, _("%(value)s in a full cart") % {"value": cart}
        )

    @admin.display(description=gettext_lazy("Bundles"), ordering="bundle_count")
    def bundles(self, version: ModelVersion) -> str:
        return grouped(version.bundle_count)

    @admin.display(description=gettext_lazy("Orders placed"), ordering="data_from", empty_value="—")
    def data_window(self, version: ModelVersion) -> str | None:
        if version.data_from is None or version.data_until is None:
            return None
        return " – ".join(date_format(day, "DATE_FORMAT") for day in (version.data_from, version.data_until))

    # The page of one version

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: ModelVersion | None = kwargs.get("obj")
        if obj is not None:
            past, clicks = report_of(obj), from_clicks.report_of(obj)
            context |= {
                "reason": reason(obj),
                "table": metrics_table(obj.metrics, metric=chosen_metric(request.GET.get("metric"))),
                "metrics": METRICS.items(),
                "test_basket_count": obj.metrics.get("test_baskets"),
                "test_basket_written": grouped(int(obj.metrics.get("test_baskets") or 0)),
                "segments": segments_table(obj),
                "personal": personal_table(past),
                "personal_told": told(past) if past else "",
                "personal_served": past.get("rung", ""),
                "clicks_told": from_clicks.told(clicks) if clicks else "",
                "clicks_facts": from_clicks.facts(clicks) if clicks else [],
                "calibration": obj.metrics.get("calibration") or {},
                "reliability": charts.reliability_plot((obj.metrics.get("calibration") or {}).get("bins") or ()),
                "curve": charts.training_curve(obj.history),
                "history": obj.history,
                "facts": data_report.facts(obj.data),
                "dropped": data_report.dropped(obj.data),
                "settings_rows": list(data_report.flattened(obj.settings)),
                "go_live_label": self._go_live_label(obj) if self.has_publish_permission(request) else "",
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        go_live = path(
            "<int:version_id>/go-live/",
            self.admin_site.admin_view(self.go_live_view),
            name="bundle_app_modelversion_go_live",
        )
        return [go_live, *super().get_urls()]

    def go_live_view(self, request: HttpRequest, version_id: int) -> HttpResponse:
        """GET asks once more, POST does it."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion, pk=version_id)
        page = reverse("admin:bundle_app_modelversion_change", args=[version.pk])
        if request.method != "POST":
            return self._confirm(request, version, page)
        try:
            publishing.go_live(version.pk)
        except BundleError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(page)
        LogEntry.objects.log_actions(request.user.pk or 0, [version], CHANGE, _("Made live."), single_object=True)
        self.message_user(request, _("%(version)s is live.") % {"version": version}, messages.SUCCESS)
        return HttpResponseRedirect(page)

    def _confirm(self, request: HttpRequest, version: ModelVersion, page: str) -> HttpResponse:
        label = self._go_live_label(version)
        if not label:
            state = version.get_state_display()
            self.message_user(
                request,
                _("%(version)s cannot be made live: it is %(state)s.") % {"version": version, "state": state},
                messages.ERROR,
            )
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": label,
            "opts": self.opts,
            "subject": version,
            "live": ModelVersion.objects.live().first(),
            "page": page,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/bundle_app/modelversion/go_live.html", context)

    @staticmethod
    def _go_live_label(version: ModelVersion) -> str:
        """What making this version live would be called; empty where it is live or its scores are gone."""
        if version.state != ModelVersion.State.READY:
            return ""
        return _("Roll back to this version") if version.published_at else _("Publish this version")
