"""Experiments: the list, the page of one with its arms and how it stands, and the questions before it changes the shop.

What is unusual: once started, an experiment's page has nothing to edit. What can be done then is at its top: stop it,
promote an arm, withdraw what was promoted. Each asks once more, and for a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin import decision_log, experiment_results
from bundle_app.admin.dashboard import PUBLISH
from bundle_app.admin.decision_log import reason_of
from bundle_app.admin.presentation import badge
from bundle_app.events.days import day_of
from bundle_app.exceptions import BundleError
from bundle_app.experiments import deciding
from bundle_app.experiments.results import results
from bundle_app.models import Arm, Decision, Entry, Experiment, Guardrail, ModelVersion, PolicyVersion
from bundle_app.models.experiment import MOST_ARMS

if TYPE_CHECKING:
    ExperimentAdminBase = admin.ModelAdmin[Experiment]
    ArmInlineBase = admin.StackedInline[Arm, Experiment]
    GuardrailInlineBase = admin.TabularInline[Guardrail, Experiment]
    ExperimentFormBase = forms.ModelForm[Experiment]
else:
    ExperimentAdminBase, ExperimentFormBase = admin.ModelAdmin, forms.ModelForm
    ArmInlineBase, GuardrailInlineBase = admin.StackedInline, admin.TabularInline

RUN, PROMOTE = "bundle_app.run_experiment", "bundle_app.promote_experiment"
State = Experiment.State


class ExperimentForm(ExperimentFormBase):
    reason = decision_log.reason_field()


class WhileADraft:
    """Rows that go with an experiment, and stay as they are once it was started."""

    def has_add_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return _is_draft(obj) and request.user.has_perm("bundle_app.change_experiment")

    def has_change_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return _is_draft(obj) and request.user.has_perm("bundle_app.change_experiment")

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return _is_draft(obj) and request.user.has_perm("bundle_app.change_experiment")

    def has_view_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return request.user.has_perm("bundle_app.view_experiment") or self.has_change_permission(request, obj)


def _is_draft(experiment: Experiment | None) -> bool:
    return experiment is None or experiment.state == State.DRAFT


class ArmInline(WhileADraft, ArmInlineBase):
    model = Arm
    max_num = MOST_ARMS

    def get_fields(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        """A draft may still become about something else."""
        kinds = Experiment.Kind if obj is None or _is_draft(obj) else [Experiment.Kind(obj.kind)]
        changes = [name for kind in kinds for name in Experiment.FIELDS_OF[kind]]
        return ("name", ("weight", "is_control"), *changes)

    def get_extra(self, request: HttpRequest, obj: Experiment | None = None, **kwargs: Any) -> int:
        return 2 if obj is None else 0

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "model_version":
            kwargs["queryset"] = ModelVersion.objects.filter(state__in=deciding.FIT_TO_SHOW)
        if db_field.name == "policy_version":
            kwargs["queryset"] = PolicyVersion.objects.known()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class GuardrailInline(WhileADraft, GuardrailInlineBase):
    model = Guardrail
    extra = 0


@admin.register(Experiment)
class ExperimentAdmin(ExperimentAdminBase):
    form = ExperimentForm
    inlines = [ArmInline, GuardrailInline]
    list_display = ("name", "state_badge", "about", "metric", "ran")
    list_filter = ("state", "kind")
    search_fields = ("name", "arms__name")
    change_form_template = "admin/bundle_app/experiment/change_form.html"
    fieldsets = (
        (None, {"fields": ("name", "kind", "placement")}),
        (
            gettext_lazy("What decides"),
            {
                "fields": ("metric", "window_days", "planned_count", "traffic_percent"),
                "description": gettext_lazy(
                    "All of it is fixed by the start: what is chosen afterwards proves nothing."
                ),
            },
        ),
    )

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    # The list

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def state_badge(self, experiment: Experiment) -> SafeString:
        shown = badge(experiment.state, experiment.get_state_display())
        return shown + badge("live", _("In effect")) if experiment.is_in_effect else shown

    @admin.display(description=gettext_lazy("Differ in"), ordering="kind")
    def about(self, experiment: Experiment) -> str:
        return " · ".join(filter(None, [experiment.get_kind_display(), experiment.placement]))

    @admin.display(description=gettext_lazy("Ran"), ordering="started_at", empty_value="—")
    def ran(self, experiment: Experiment) -> str | None:
        """From which day to which; an open end for what is running."""
        if experiment.started_at is None:
            return None
        begin, end = (
            date_format(day_of(moment), "SHORT_DATE_FORMAT") if moment else ""
            for moment in (experiment.started_at, experiment.stopped_at)
        )
        return f"{begin} – {end}"

    # The page of one experiment

    def has_change_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        """Only a draft; without one at hand the question is whether many may go at once, started ones among them."""
        return obj is not None and _is_draft(obj) and super().has_delete_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        may_change = request.user.has_perm("bundle_app.change_experiment")
        return may_change or super().has_view_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not _is_draft(obj):
            times = ("started_at", "stopped_at", "decided_arm")
            return [*fieldsets, (gettext_lazy("What became of it"), {"fields": times})]
        may_change = self.has_change_permission(request, obj) if obj else True
        return [*fieldsets, (None, {"fields": ("reason",)})] if may_change else fieldsets

    def get_inlines(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        has_guardrails = _is_draft(obj) or (obj is not None and obj.guardrails.exists())
        return self.inlines if has_guardrails else [ArmInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        return () if _is_draft(obj) else ("started_at", "stopped_at", "decided_arm")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: Experiment | None = kwargs.get("obj")
        if obj is not None:
            arms = list(obj.arms.order_by("key"))
            context |= decision_log.panel(obj)
            context["moves"] = self._moves(request, obj, arms)
            if obj.state == State.DRAFT:
                context["obstacles"] = deciding.obstacles(obj, arms)
            else:
                context |= experiment_results.panel(results(obj))
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        before = described(form.instance)
        super().save_related(request, form, formsets, change)
        after = described(form.instance)
        changes = decision_log.form_changes(form)
        changes |= {name: (before[name], after[name]) for name in after if before[name] != after[name]}
        action = Decision.Action.CHANGED if change else Decision.Action.CREATED
        entry = Entry(subject=form.instance, action=action, changes=changes)
        Decision.objects.record([entry], by=request.user, reason=form.cleaned_data.get("reason", ""))

    def delete_model(self, request: HttpRequest, obj: Experiment) -> None:
        entry = Entry(subject=obj, action=Decision.Action.DELETED)
        Decision.objects.record([entry], by=request.user, reason=reason_of(request))
        super().delete_model(request, obj)

    # What changes the shop

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:experiment_id>/start/", view(self.start_view), name="bundle_app_experiment_start"),
            path("<int:experiment_id>/stop/", view(self.stop_view), name="bundle_app_experiment_stop"),
            path("<int:experiment_id>/withdraw/", view(self.withdraw_view), name="bundle_app_experiment_withdraw"),
            path("promote/<int:arm_id>/", view(self.promote_view), name="bundle_app_experiment_promote"),
            *super().get_urls(),
        ]

    def start_view(self, request: HttpRequest, experiment_id: int) -> HttpResponse:
        experiment = get_object_or_404(Experiment, pk=experiment_id)
        self._need(request, RUN)
        return self._asked(
            request,
            experiment,
            title=_("Start “%(name)s”") % {"name": experiment},
            told=_("From this moment visitors are divided among the arms, and nothing of it can be changed any more."),
            refused=" ".join(deciding.obstacles(experiment, list(experiment.arms.all()))),
            act=lambda: deciding.start(experiment.pk, by=request.user, reason=reason_of(request)),
        )

    def stop_view(self, request: HttpRequest, experiment_id: int) -> HttpResponse:
        experiment = get_object_or_404(Experiment, pk=experiment_id)
        self._need(request, RUN)
        return self._asked(
            request,
            experiment,
            title=_("Stop “%(name)s”") % {"name": experiment},
            told=_("From this moment everybody sees the shop as it stands. A stopped experiment is not started again."),
            act=lambda: deciding.stop(experiment.pk, by=request.user, reason=reason_of(request)),
        )

    def withdraw_view(self, request: HttpRequest, experiment_id: int) -> HttpResponse:
        experiment = get_object_or_404(Experiment, pk=experiment_id)
        self._need(request, PROMOTE)
        return self._asked(
            request,
            experiment,
            title=_("Withdraw “%(arm)s”") % {"arm": experiment.decided_arm},
            told=_("From this moment everybody sees again what the shop's own pages say."),
            act=lambda: deciding.withdraw(experiment.pk, by=request.user, reason=reason_of(request)),
        )

    def promote_view(self, request: HttpRequest, arm_id: int) -> HttpResponse:
        """Whoever promotes a model version or a policy publishes it."""
        arm = get_object_or_404(Arm.objects.select_related("experiment"), pk=arm_id)
        self._need(request, PROMOTE, *([PUBLISH] if arm.goes_live else []))
        return self._asked(
            request,
            arm.experiment,
            title=_("Promote “%(arm)s”") % {"arm": arm},
            told=_("From this moment everybody has what this arm changes, and the experiment is over."),
            standing=results(arm.experiment).recommendation,
            refused=deciding.refusal(arm),
            act=lambda: deciding.promote(arm.pk, by=request.user, reason=reason_of(request)),
        )

    def _need(self, request: HttpRequest, *permissions: str) -> None:
        if not request.user.has_perms(permissions):
            raise PermissionDenied

    def _asked(
        self, request: HttpRequest, experiment: Experiment, *, act: Any, title: str, refused: str = "", **context: Any
    ) -> HttpResponse:
        """GET asks once more, POST does it."""
        page = reverse("admin:bundle_app_experiment_change", args=[experiment.pk])
        if request.method == "POST":
            try:
                act()
            except BundleError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, _("Done: %(what)s.") % {"what": title}, messages.SUCCESS)
            return HttpResponseRedirect(page)
        if refused:
            self.message_user(request, refused, messages.ERROR)
            return HttpResponseRedirect(page)
        context |= {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "subject": experiment,
            "page": page,
            "media": self.media,
            "longest_reason": decision_log.LONGEST_REASON,
        }
        return TemplateResponse(request, "admin/bundle_app/experiment/ask.html", context)

    def _moves(self, request: HttpRequest, experiment: Experiment, arms: list[Arm]) -> list[tuple[str, str]]:
        """What this person may do with it now: address and label."""
        may_run, may_promote, may_publish = (request.user.has_perm(name) for name in (RUN, PROMOTE, PUBLISH))
        moves = []
        if experiment.state == State.DRAFT and may_run:
            moves.append((reverse("admin:bundle_app_experiment_start", args=[experiment.pk]), _("Start")))
        if experiment.state == State.RUNNING and may_run:
            moves.append((reverse("admin:bundle_app_experiment_stop", args=[experiment.pk]), _("Stop")))
        if experiment.state in {State.RUNNING, State.STOPPED} and may_promote:
            moves += [
                (reverse("admin:bundle_app_experiment_promote", args=[arm.pk]), _("Promote %(arm)s") % {"arm": arm})
                for arm in arms
                if (not arm.is_control or experiment.kind == Experiment.Kind.PLACE)
                and (may_publish or not arm.goes_live)
            ]
        if experiment.is_in_effect and may_promote:
            moves.append((reverse("admin:bundle_app_experiment_withdraw", args=[experiment.pk]), _("Withdraw")))
        return moves


def described(experiment: Experiment) -> dict[str, str]:
    """Its arms and guardrails in a line each, as the log of decisions keeps them."""
    arms = [f"{arm} ({arm.weight}){f': {arm.change}' if arm.change else ''}" for arm in experiment.arms.order_by("key")]
    return {"arms": ", ".join(arms), "guardrails": ", ".join(map(str, experiment.guardrails.all()))}
