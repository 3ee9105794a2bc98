"""Bundles: the list in which a merchandiser decides, and the page of one bundle with its evidence and its preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import FloatField, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from bundle_app import serving
from bundle_app.admin import advice, dashboard, decision_log, parts, prices
from bundle_app.admin.bundle_list import BundleChangeList, standing_notes
from bundle_app.admin.decision_log import ReasonActionForm, reason_of
from bundle_app.admin.decisions import MOVES, action_of, decide
from bundle_app.admin.evidence import brought_rows, evidence_rows, rung_label, sentence
from bundle_app.admin.filters import ByRule, LearnedFrom, ValidNow
from bundle_app.admin.presentation import badge, rounded
from bundle_app.admin.product_picker import found_products
from bundle_app.exceptions import BundleError
from bundle_app.models import Bundle, Decision, Entry, ModelVersion, Score

if TYPE_CHECKING:
    BundleAdminBase = admin.ModelAdmin[Bundle]
    BundleFormBase = forms.ModelForm[Bundle]
else:
    BundleAdminBase, BundleFormBase = admin.ModelAdmin, forms.ModelForm

LIVE_SCORES = Score.objects.filter(model_version__state=ModelVersion.State.LIVE).order_by("rank", "-score")
BEST_SCORE = Coalesce(
    Subquery(LIVE_SCORES.filter(bundle=OuterRef("pk")).values("score")[:1], output_field=FloatField()), Value(-1.0)
)
"""For sorting alone: rows show what was fetched. Bundles without a score sort below those with one."""


PRICE_FIELDS = (
    "discount_form",
    "discount_percent",
    "discount_amount",
    "discount_maximum",
    "discount_currency",
    "combinable",
    "valid_from",
    "valid_until",
    "max_uses",
)


class BundleForm(BundleFormBase):
    reason = decision_log.reason_field()

    class Meta:
        model = Bundle
        fields = ("title", "status", "pinned", *PRICE_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        prices.show_amounts(self)

    def clean(self) -> dict[str, Any]:
        """Rejecting a bundle unpins it; nobody has to think of that."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("status") == Bundle.Status.REJECTED:
            cleaned["pinned"] = False
        prices.clean(self, cleaned)
        return cleaned


@admin.register(Bundle)
class BundleAdmin(BundleAdminBase):
    form = BundleForm
    inlines = [parts.PartsInline]
    list_display = ("composed_title", "status_badge", "kind_and_discount", "evidence")
    list_filter = ("status", "kind", "source", "pinned", LearnedFrom, ValidNow, ByRule)
    search_fields = ("title", "parts__title", "parts__item_key")
    search_help_text = gettext_lazy("Search by title, or by title or key of a product")
    readonly_fields = ("kind", "source", "decided_at")
    fieldsets = (
        (None, {"fields": ("title", ("status", "pinned"))}),
        (
            gettext_lazy("Price"),
            {
                "fields": (
                    "discount_form",
                    "discount_percent",
                    "discount_amount",
                    ("discount_maximum", "discount_currency"),
                    "combinable",
                    ("valid_from", "valid_until"),
                    "max_uses",
                )
            },
        ),
        (gettext_lazy("About"), {"fields": ("kind", "source", "decided_at")}),
    )
    actions = ["submit", "activate", "pause", "reject", "pin", "unpin"]
    action_form = ReasonActionForm
    change_list_template = "admin/bundle_app/bundle/change_list.html"
    change_form_template = "admin/bundle_app/bundle/change_form.html"

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}
        js: ClassVar = [forms.Script("bundle_app/admin/price_form.js", type="module")]

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Bundle]:
        live_scores = Prefetch("scores", queryset=LIVE_SCORES, to_attr="live_scores")
        return super().get_queryset(request).prefetch_related("parts", live_scores)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BundleChangeList]:
        return BundleChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"strip": dashboard.strip(request), **(extra_context or {})})

    @admin.display(description=gettext_lazy("Title"), ordering="title")
    def composed_title(self, bundle: Bundle) -> str:
        return str(bundle)

    @admin.display(description=gettext_lazy("Status"), ordering="status")
    def status_badge(self, bundle: Bundle) -> SafeString:
        """The status, and beside it what the status does not tell: why an active bundle is not shown all the same."""
        pinned = badge("pinned", _("Pinned")) if bundle.pinned else ""
        told = standing_notes(bundle, is_scored=_best(bundle) is not None)
        return format_html("{} {} {}", badge(bundle.status, bundle.get_status_display()), pinned, told)

    @admin.display(description=gettext_lazy("Kind"), ordering="kind")
    def kind_and_discount(self, bundle: Bundle) -> SafeString:
        notes = [*prices.in_words(bundle), *prices.uses_in_words(bundle)]
        return _noted(bundle.get_kind_display(), [*notes, bundle.get_source_display()])

    @admin.display(description=gettext_lazy("Why"), ordering=BEST_SCORE, empty_value="—")
    def evidence(self, bundle: Bundle) -> SafeString | None:
        best = _best(bundle)
        if best is None:
            return None
        context_count = sum(bool(score.context) for score in _live_scores(bundle))
        page_count = len(_live_scores(bundle)) - context_count
        pages = ngettext("on %(count)d page", "on %(count)d pages", page_count) % {"count": page_count}
        contexts = ngettext(
            "in carts with %(count)d pair of products", "in carts with %(count)d pairs of products", context_count
        ) % {"count": context_count}
        rank = _("best rank %(rank)d, score %(score)s") % {
            "rank": best.rank,
            "score": rounded(best.score, decimal_count=3),
        }
        where = [pages] * bool(page_count) + [contexts] * bool(context_count)
        return _noted(sentence(best), [rank, *where, str(rung_label(best.rung))])

    # Decisions

    @admin.action(description=gettext_lazy("Send selected drafts to review"), permissions=["submit"])
    def submit(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("submit", request, queryset)

    @admin.action(description=gettext_lazy("Activate selected bundles"), permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("activate", request, queryset)

    @admin.action(description=gettext_lazy("Pause selected bundles"), permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("pause", request, queryset)

    @admin.action(description=gettext_lazy("Reject selected bundles"), permissions=["reject"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("reject", request, queryset)

    @admin.action(description=gettext_lazy("Pin selected bundles"), permissions=["pin"])
    def pin(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("pin", request, queryset)

    @admin.action(description=gettext_lazy("Unpin selected bundles"), permissions=["unpin"])
    def unpin(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> None:
        self._decide("unpin", request, queryset)

    def has_submit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["submit"].permission)

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["activate"].permission)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["pause"].permission)

    def has_reject_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["reject"].permission)

    def has_pin_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["pin"].permission)

    def has_unpin_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVES["unpin"].permission)

    def _decide(self, name: str, request: HttpRequest, bundles: QuerySet[Bundle]) -> None:
        move = MOVES[name]
        if not request.user.has_perm(move.permission) or not request.user.is_authenticated:
            raise PermissionDenied
        done_count, left_count = decide(bundles, move, user=request.user, at=timezone.now(), reason=reason_of(request))
        if done_count:
            self.message_user(request, _done(name, done_count), messages.SUCCESS)
        if left_count:
            self.message_user(request, _left(name, left_count), messages.WARNING)

    # The page of one bundle

    def get_urls(self) -> list[URLPattern]:
        found = path("products/", self.admin_site.admin_view(self.products_view), name="bundle_app_bundle_products")
        take = path(
            "<int:bundle_id>/take-suggested-discount/",
            self.admin_site.admin_view(require_POST(self.take_suggested_view)),
            name="bundle_app_bundle_take_suggested",
        )
        return [found, take, *super().get_urls()]

    def take_suggested_view(self, request: HttpRequest, bundle_id: int) -> HttpResponse:
        """Take over the discount that the page suggested, if it still is what the sales suggest."""
        bundle = get_object_or_404(self.get_queryset(request), pk=bundle_id)
        if not self.has_change_permission(request, bundle) or request.user.pk is None:
            raise PermissionDenied
        suggested = _advice(bundle, request)
        if suggested is None or str(suggested.percent) != request.POST.get("percent"):
            text = _("The suggestion has changed in the meantime. Look at it once more.")
            self.message_user(request, text, messages.WARNING)
        else:
            advice.take(bundle, suggested.percent, user_id=request.user.pk, at=timezone.now())
            text = _("The discount is now %(percent)d %%.") % {"percent": suggested.percent}
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:bundle_app_bundle_change", args=[bundle.pk]))

    def products_view(self, request: HttpRequest) -> JsonResponse:
        """The picker's search. It tells what the shop sells, which those who compose bundles or write rules need."""
        if not any(
            request.user.has_perm(f"bundle_app.{may}_{what}")
            for may in ("add", "change")
            for what in ("bundle", "rule")
        ):
            raise PermissionDenied
        return found_products(request)

    def get_fieldsets(self, request: HttpRequest, obj: Bundle | None = None) -> Any:
        """What a bundle is about follows from its parts, so a new one has nothing to tell yet."""
        fieldsets = super().get_fieldsets(request, obj)
        *decided, about = fieldsets
        may_change = self.has_change_permission(request, obj) if obj else True
        why = [(None, {"fields": ("reason",)})] if may_change else []
        return [*decided, *why, *([about] if obj else ())]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError as error:
            # The form had checked; the worker, or a colleague, wrote the same composition in between.
            if "composition_hash" not in str(error):
                raise
            text = _("A bundle of exactly these products was made at this very moment. Look for it in the list.")
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:bundle_app_bundle_changelist"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: Bundle | None = kwargs.get("obj")
        if obj is not None:
            context |= self._about(obj, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def _about(self, bundle: Bundle, request: HttpRequest) -> dict[str, Any]:
        copy = urlencode({"parts": parts.written(bundle.quantities())})
        return {
            "evidence_rows": evidence_rows(bundle, _live_scores(bundle)),
            "brought_rows": brought_rows(bundle, _live_scores(bundle)),
            "is_generated": bundle.source == Bundle.Source.GENERATED,
            "copy_url": f"{reverse('admin:bundle_app_bundle_add')}?{copy}" if self.has_add_permission(request) else "",
            **_preview(bundle, request),
            "standing": self._standing(bundle, request),
            **decision_log.panel(bundle),
        }

    @staticmethod
    def _standing(bundle: Bundle, request: HttpRequest) -> serving.Standing | None:
        """What rules say of it beside what stands in the preview already; None if the shop cannot be asked."""
        try:
            return serving.standings([bundle], request=request)[bundle.pk]
        except BundleError:
            return None

    def get_formset_kwargs(self, request: HttpRequest, obj: Any, inline: Any, prefix: str) -> dict[str, Any]:
        kwargs = super().get_formset_kwargs(request, obj, inline, prefix)
        asked = parts.read(request.GET.get("parts", ""))
        if request.method == "GET" and obj.pk is None and asked:
            kwargs["initial"] = [{"item_key": key, "quantity": quantity} for key, quantity in asked.items()]
        return kwargs

    def save_model(self, request: HttpRequest, obj: Bundle, form: Any, change: Any) -> None:
        """Saving is deciding: the merchandiser has seen the bundle and put a name to it."""
        obj.decided_at = timezone.now()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """The log is written last, when the parts are known: they are what a bundle is called by."""
        super().save_related(request, form, formsets, change)
        changes = decision_log.form_changes(form)
        for formset in formsets:
            if change and formset.has_changed():
                changes["parts"] = (parts.labelled(formset.initial_forms), str(_fresh(form.instance)))
        action = action_of(changes, is_new=not change)
        entry = Entry(subject=_fresh(form.instance), action=action, changes=changes)
        Decision.objects.record([entry], by=request.user, reason=form.cleaned_data.get("reason", ""))

    def delete_model(self, request: HttpRequest, obj: Bundle) -> None:
        Decision.objects.record([Entry(subject=obj, action=Decision.Action.DELETED)], by=request.user)
        super().delete_model(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Bundle | None = None) -> bool:
        """A generated bundle would come back with the next model, so it is rejected rather than deleted."""
        if obj is not None and obj.source == Bundle.Source.GENERATED:
            return False
        return super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Bundle | None = None) -> list[str]:
        """The form gives no more power than the actions: a status is editable for who may decide all of them."""
        fields = [*super().get_readonly_fields(request, obj)]
        if not all(request.user.has_perm(MOVES[name].permission) for name in ("activate", "pause", "reject")):
            fields.append("status")
        if not request.user.has_perm(MOVES["pin"].permission):
            fields.append("pinned")
        return fields

    def get_actions(self, request: HttpRequest, **kwargs: Any) -> dict[str, tuple[Callable[..., Any], str, str] | None]:
        actions = cast("dict[str, Any]", super().get_actions(request, **kwargs))
        actions.pop("delete_selected", None)
        return actions


def _noted(text: str, notes: Sequence[str]) -> SafeString:
    return format_html('{} <span class="bundle-note">{}</span>', text, " · ".join(notes))


def _live_scores(bundle: Bundle) -> Sequence[Score]:
    """Scores in the live model, best first, as `get_queryset` fetched them."""
    return cast("Sequence[Score]", getattr(bundle, "live_scores", ()))


def _best(bundle: Bundle) -> Score | None:
    return next(iter(_live_scores(bundle)), None)


def _preview(bundle: Bundle, request: HttpRequest) -> Mapping[str, Any]:
    """The widget as shoppers see it, or why they do not."""
    try:
        offer = serving.offer(bundle, request=request)
        if offer is not None:
            html = serving.render([offer], request=request, placement="product", can_add=False)
            told = {
                "price_notes": prices.notes(bundle, offer),
                "advice": advice.advice(bundle, offer, _live_scores(bundle)),
            }
            return {**told, "preview": mark_safe(html)}  # noqa: S308  (rendered by our own template, which escapes)
        return {"problems": serving.problems(bundle, request=request)}
    except BundleError as error:
        return {"problems": [str(error)]}


def _fresh(bundle: Bundle) -> Bundle:
    """The bundle as it was saved, without parts that were fetched before."""
    return Bundle.objects.prefetch_related("parts").get(pk=bundle.pk)


def _left(name: str, count: int) -> str:
    """What became of bundles to which a decision does not apply."""
    if name == "submit":
        text = ngettext(
            "%(count)d bundle was not sent to review, because it is no draft.",
            "%(count)d bundles were not sent to review, because they are no drafts.",
            count,
        )
    else:
        text = ngettext(
            "%(count)d rejected bundle was not pinned. Activate it first.",
            "%(count)d rejected bundles were not pinned. Activate them first.",
            count,
        )
    return text % {"count": count}


def _advice(bundle: Bundle, request: HttpRequest) -> advice.Advice | None:
    """What its sales suggest; nothing where the shop cannot be asked."""
    try:
        return advice.advice(bundle, serving.offer(bundle, request=request), _live_scores(bundle))
    except BundleError:
        return None


def _done(name: str, count: int) -> str:
    text = {
        "submit": ngettext("%(count)d bundle sent to review.", "%(count)d bundles sent to review.", count),
        "activate": ngettext("%(count)d bundle activated.", "%(count)d bundles activated.", count),
        "pause": ngettext("%(count)d bundle paused.", "%(count)d bundles paused.", count),
        "reject": ngettext("%(count)d bundle rejected.", "%(count)d bundles rejected.", count),
        "pin": ngettext("%(count)d bundle pinned.", "%(count)d bundles pinned.", count),
        "unpin": ngettext("%(count)d bundle unpinned.", "%(count)d bundles unpinned.", count),
    }[name]
    return text % {"count": count}
