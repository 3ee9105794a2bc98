"""The log of decisions: as a list that can be filtered, as a panel on the page of what was decided about, and the field
in which a merchandiser says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin.decisions import plain
from bundle_app.admin.presentation import badge
from bundle_app.models import Bundle, Decision, Experiment, Rule

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    DecisionAdminBase = ModelAdmin[Decision]
else:
    DecisionAdminBase = ModelAdmin

SHOWN_COUNT = 10
LONGEST_REASON = 300
MODELS: Mapping[str, type[Model]] = {"bundle": Bundle, "rule": Rule, "experiment": Experiment}


def reason_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=LONGEST_REASON,
        widget=forms.TextInput({"class": "vTextField"}),
        help_text=gettext_lazy("For the log of decisions."),
    )


class ReasonActionForm(ActionForm):
    """The bar of actions above a list, with room for a reason."""

    reason = forms.CharField(label=gettext_lazy("Reason:"), required=False, max_length=LONGEST_REASON)


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\x00", "").strip()[:LONGEST_REASON]


def form_changes(form: forms.ModelForm[Any]) -> dict[str, tuple[Any, Any]]:
    """(from, to) of the model's fields that a form changed."""
    names = [name for name in form.changed_data if name in {field.name for field in form._meta.model._meta.fields}]
    return {name: (plain(form.initial.get(name)), plain(getattr(form.instance, name))) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    at: datetime
    who: str
    action: SafeString
    changes: SafeString
    reason: str


def panel(subject: Model) -> dict[str, Any]:
    """What the panel of a page needs: the latest decisions, and where the others are. One query."""
    found = list(Decision.objects.about(subject)[: SHOWN_COUNT + 1])
    asked = urlencode({"subject_kind__exact": subject._meta.model_name, "subject_id__exact": subject.pk})
    return {
        "decision_rows": [row(decision) for decision in found[:SHOWN_COUNT]],
        "all_decisions_url": f"{reverse('admin:bundle_app_decision_changelist')}?{asked}",
        "has_more_decisions": len(found) > SHOWN_COUNT,
    }


def row(decision: Decision) -> DecisionRow:
    return DecisionRow(
        at=decision.at,
        who=who(decision),
        action=badge(decision.action, decision.get_action_display()),
        changes=changes(decision),
        reason=decision.reason,
    )


def who(decision: Decision) -> str:
    """A name; where no person decided, which version did."""
    if decision.actor:
        return decision.actor
    return _("Automatic (model %(number)s)") % {"number": decision.version_id}


def changes(decision: Decision) -> SafeString:
    """Each change in a line: "Status: Review → Active"."""
    model = MODELS[decision.subject_kind]
    lines = [
        (field_label(model, name), field_value(model, name, before), field_value(model, name, after))
        for name, (before, after) in decision.changes.items()
    ]
    return format_html_join("", '<span class="bundle-change">{}: {} → {}</span>', lines)


def field_label(model: type[Model], name: str) -> str:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        label = name
    else:
        rows = field.related_model  # Of a field that is none of its own: the arms of an experiment.
        label = str(getattr(field, "verbose_name", "") or (rows._meta.verbose_name_plural if rows else name))
    return label[:1].upper() + label[1:]


def field_value(model: type[Model], name: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    try:
        choices = dict(getattr(model._meta.get_field(name), "flatchoices", ()))
    except FieldDoesNotExist:
        choices = {}
    if value in choices:
        return str(choices[value])
    moment = parse_datetime(value) if isinstance(value, str) and name.startswith("valid_") else None
    if moment is not None:
        return str(localize(localtime(moment) if moment.tzinfo else moment))
    return str(value)


class ByWhom(SimpleListFilter):
    """People, or the thresholds."""

    title = gettext_lazy("decision maker")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Iterable[tuple[str, StrPromise | str]]:
        return [("person", gettext_lazy("A person")), ("automatic", gettext_lazy("Automatic"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Decision]) -> QuerySet[Decision]:
        match self.value():
            case "person":
                return queryset.exclude(actor="")
            case "automatic":
                return queryset.filter(actor="")
            case _:
                return queryset


@admin.register(Decision)
class DecisionAdmin(DecisionAdminBase):
    list_display = ("at", "who", "what", "about", "from_to", "reason")
    list_display_links = None
    list_filter = ("action", "subject_kind", ByWhom, "at")
    search_fields = ("subject", "actor", "reason")
    search_help_text = gettext_lazy("Search by what was decided about, by whom, or why")
    show_full_result_count = False

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    @admin.display(description=gettext_lazy("Who"), ordering="actor")
    def who(self, decision: Decision) -> str:
        return who(decision)

    @admin.display(description=gettext_lazy("What"), ordering="action")
    def what(self, decision: Decision) -> SafeString:
        return badge(decision.action, decision.get_action_display())

    @admin.display(description=gettext_lazy("Subject"), ordering="subject")
    def about(self, decision: Decision) -> SafeString:
        """A link, which leads to a note in the list if what it was about is gone."""
        page = reverse(f"admin:bundle_app_{decision.subject_kind}_change", args=[decision.subject_id])
        return format_html(
            '<a href="{}">{}</a> <span class="bundle-note">{}</span>',
            page,
            decision.subject,
            decision.get_subject_kind_display(),
        )

    @admin.display(description=gettext_lazy("From → to"))
    def from_to(self, decision: Decision) -> SafeString:
        return changes(decision)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Decision | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Decision | None = None) -> bool:
        return False
