"""The pages: buttons above the lists of bundles and rules, and for each file its preview, progress and report.

They take the place of the screens without import and export. Who may see a list may export it; who may decide anything
there may hand in a file, and each row then asks for its own permission.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import ExportForm

from bundle_app import cells, conf
from bundle_app.admin import BundleAdmin, RuleAdmin
from bundle_app.admin.decision_log import MODELS, field_label, field_value
from bundle_app.admin.decisions import MOVES
from bundle_app.admin.presentation import badge
from bundle_app.exceptions import BrokerUnreachable, BundleError
from bundle_app.models import Bundle, FileImport, Rule
from bundle_app.transfer import reading, runs
from bundle_app.transfer.bundles import BundleResource
from bundle_app.transfer.results import BundleResultResource
from bundle_app.transfer.rules import RuleResource

if TYPE_CHECKING:
    FileImportAdminBase = admin.ModelAdmin[FileImport]
else:
    FileImportAdminBase = admin.ModelAdmin

SHOWN_COUNT = 200
REFRESH_SECONDS = 2
OUTCOMES = {
    "error": gettext_lazy("Wrong"),
    "new": gettext_lazy("Would be created"),
    "update": gettext_lazy("Would be changed"),
    "skip": gettext_lazy("Stays as it is"),
}
DONE = {**OUTCOMES, "new": gettext_lazy("Created"), "update": gettext_lazy("Changed")}
MAY_IMPORT = {
    "bundle": {"bundle_app.add_bundle", "bundle_app.change_bundle", *(move.permission for move in MOVES.values())},
    "rule": {"bundle_app.add_rule", "bundle_app.change_rule"},
}


def may_import(request: HttpRequest, kind: str) -> bool:
    return any(request.user.has_perm(permission) for permission in MAY_IMPORT[kind])


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.FileInput({"accept": ".csv,.xlsx"}),
        help_text=gettext_lazy("CSV (UTF-8 or GB18030) or an Excel workbook (.xlsx)."),
    )


class TransferMixin(ExportMixin):
    """Export by django-import-export; import by a file that becomes a row."""

    import_export_change_list_template = "admin/bundle_app/transfer/change_list.html"
    formats = (CSV, XLSX)
    to_encoding = "utf-8-sig"  # By its mark Excel knows UTF-8.
    export_form_class = ExportForm
    kind: str

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def has_import_permission(self, request: HttpRequest) -> bool:
        return may_import(request, self.kind)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        may = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, {**may, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name=f"bundle_app_{self.kind}_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file in, and go to its page."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._taken(request, form.cleaned_data["file"])
            except BundleError as error:
                form.add_error("file", str(error))
        resource = runs.RESOURCES[self.kind]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import"),
            "form": form,
            "opts": self.model._meta,
            "columns": [name for name in resource.known_columns() if name not in resource.told_columns()],
            "told_columns": resource.told_columns(),
            "most_rows": conf.load().import_max_rows,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/bundle_app/transfer/import.html", context)

    def _taken(self, request: HttpRequest, file: Any) -> HttpResponse:
        reading.check_size(file.name, file.size)  # Before it is read into memory.
        try:
            run = runs.hand_in(kind=self.kind, name=file.name, content=file.read(), user=request.user)
        except BrokerUnreachable as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:bundle_app_fileimport_changelist"))
        return HttpResponseRedirect(reverse("admin:bundle_app_fileimport_change", args=[run.pk]))


class TransferringBundleAdmin(TransferMixin, BundleAdmin):
    kind = "bundle"
    resource_classes = [BundleResource, BundleResultResource]


class TransferringRuleAdmin(TransferMixin, RuleAdmin):
    kind = "rule"
    resource_classes = [RuleResource]


admin.site.unregister([Bundle, Rule])
admin.site.register(Bundle, TransferringBundleAdmin)
admin.site.register(Rule, TransferringRuleAdmin)


@admin.register(FileImport)
class FileImportAdmin(FileImportAdminBase):
    list_display = ("__str__", "subject_kind", "status_badge", "row_count", "user", "created_at")
    list_filter = ("subject_kind", "status")
    change_form_template = "admin/bundle_app/fileimport/change_form.html"
    fields = ("user", "created_at", "size_bytes", "encoding")
    readonly_fields = fields

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[FileImport]:
        """Those of the kinds of which one may hand in files oneself."""
        kinds = [kind for kind in MAY_IMPORT if may_import(request, kind)]
        return super().get_queryset(request).filter(subject_kind__in=kinds).select_related("user")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return any(may_import(request, kind) for kind in MAY_IMPORT)

    def has_view_permission(self, request: HttpRequest, obj: FileImport | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: FileImport | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FileImport | None = None) -> bool:
        """What is at work is let finish; of what was applied, the log of decisions speaks."""
        return obj is not None and not obj.is_at_work and obj.user == request.user

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def status_badge(self, run: FileImport) -> SafeString:
        return badge(run.status, run.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:run_id>/confirm/", view(self.confirm_view), name="bundle_app_fileimport_confirm"),
            path("<int:run_id>/report/", view(self.report_view), name="bundle_app_fileimport_report"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().change_view(request, *args, **kwargs)
        run = getattr(response, "context_data", {}).get("original")
        if run is not None and run.is_at_work:
            response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: FileImport | None = kwargs.get("obj")
        if obj is not None:
            context |= shown(obj) | {
                "may_confirm": obj.status == FileImport.Status.CHECKED and obj.user == request.user
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def confirm_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        run = get_object_or_404(self.get_queryset(request), pk=run_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            if not runs.confirm(run, user=request.user):
                text = _("This import does not wait for your word: only who handed a file in confirms it, and once.")
                self.message_user(request, text, messages.WARNING)
        except BrokerUnreachable as error:
            self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:bundle_app_fileimport_change", args=[run_id]))

    def report_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """All rows as CSV: row, outcome, subject, column, message."""
        run = get_object_or_404(self.get_queryset(request), pk=run_id)
        response = HttpResponse(report_csv(run).encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="import-{run.pk}.csv"'
        return response


def report_csv(run: FileImport) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "outcome", "subject", "column", "message"])
    for row in run.report:
        lines = row.get("errors") or [
            [name, f"{_blank(before)} → {_blank(after)}"] for name, (before, after) in row["changes"].items()
        ]
        for column, message in lines or [["", ""]]:
            writer.writerow(map(cells.written, [row["row"], row["outcome"], row["subject"], column, message]))
    return text.getvalue()


def _blank(value: Any) -> str:
    return "–" if value in {None, ""} else str(value)


def _told(row: Mapping[str, Any], model: type[Model]) -> Iterator[str]:
    """What is wrong with a row, by column; or what it changes."""
    for column, message in row.get("errors", ()):
        yield f"{column}: {message}" if column else message
    for name, (before, after) in row.get("changes", {}).items():
        yield f"{field_label(model, name)}: {field_value(model, name, before)} → {field_value(model, name, after)}"


def shown(run: FileImport) -> dict[str, Any]:
    """What the page of a file shows: how many rows of each outcome, and the first rows, wrong ones before others."""
    counts = Counter(row["outcome"] for row in run.report)
    words = DONE if run.status == FileImport.Status.APPLIED else OUTCOMES
    first = sorted(run.report, key=lambda row: (list(OUTCOMES).index(row["outcome"]), row["row"]))[:SHOWN_COUNT]
    return {
        "counts": [(name, label, counts[name]) for name, label in words.items()],
        "report_rows": [
            {
                "number": row["row"],
                "outcome": badge(row["outcome"], str(words[row["outcome"]])),
                "subject": row["subject"],
                "told": list(_told(row, MODELS[run.subject_kind])),
            }
            for row in first
        ],
        "left_count": len(run.report) - len(first),
        "percent": 100 * run.done_count // run.row_count if run.row_count else 0,
        "list_url": reverse(f"admin:bundle_app_{run.subject_kind}_changelist"),
        "import_url": reverse(f"admin:bundle_app_{run.subject_kind}_import"),
    }
