"""Rules: the list, and the page of one with its preview.

What is unusual: the preview is made of what is in the form, before anything is saved. With JavaScript it follows every
change; without, the button "Preview" shows the same page again with the preview on it. Either way it is the one view.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bundle_app import conf, serving
from bundle_app.admin import decision_log
from bundle_app.admin.decision_log import ReasonActionForm, reason_of
from bundle_app.admin.filters import ValidNow
from bundle_app.admin.presentation import badge
from bundle_app.admin.product_picker import ProductPicker, unknown_product
from bundle_app.exceptions import BundleError
from bundle_app.models import BundlePart, Decision, Entry, Rule
from bundle_app.models.rule import CONDITIONS, NEEDS, NUMBERS, OTHER, SUBJECT, TEXTS
from bundle_app.shop import get_adapter

if TYPE_CHECKING:
    RuleAdminBase = admin.ModelAdmin[Rule]
    RuleFormBase = forms.ModelForm[Rule]
else:
    RuleAdminBase, RuleFormBase = admin.ModelAdmin, forms.ModelForm

MOST_CATEGORIES = 500
ITEMS = ("item_key", "other_item_key")
OF_KINDS = (*TEXTS, *NUMBERS)


class CategoryInput(forms.TextInput):
    """A text field that suggests the categories of which bundles hold something."""

    template_name = "admin/bundle_app/rule/category_input.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        list_id = f"{context['widget']['attrs'].get('id', name)}_list"
        context["widget"]["attrs"]["list"] = list_id
        context["widget"] |= {"list_id": list_id, "categories": known_categories()}
        return context


def known_categories() -> list[str]:
    named = BundlePart.objects.order_by("category").exclude(category="").values_list("category", flat=True)
    return list(named.distinct()[:MOST_CATEGORIES])


class RuleForm(RuleFormBase):
    reason = decision_log.reason_field()

    class Meta:
        model = Rule
        fields = ("kind", *OF_KINDS, "priority", "is_enabled", "valid_from", "valid_until", "note")
        widgets = {
            **dict.fromkeys(ITEMS, ProductPicker),
            **dict.fromkeys(("category", "other_category"), CategoryInput({"class": "vTextField"})),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" not in self.fields:  # Whoever may only look gets no fields.
            return
        used = {kind: sorted(needs.used) for kind, needs in NEEDS.items()}
        self.fields["kind"].widget.attrs |= {"data-rule-fields": json.dumps(used)}
        self.fields["currency"].widget.attrs |= {"data-rule-initial": conf.load().currency}
        titles = {
            self.instance.item_key: self.instance.item_title,
            self.instance.other_item_key: self.instance.other_item_title,
        }
        for name in ITEMS:
            self._know_titles(name, titles)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if kind in NEEDS:
            if kind == Rule.Kind.PRICE_BAND and not cleaned.get("currency"):
                cleaned["currency"] = conf.load().currency
            self._check_fields(kind, cleaned)
        self._check_that_they_fit(cleaned)
        if not self.errors:
            self._ask_the_shop(cleaned)
        return cleaned

    def _check_fields(self, kind: str, cleaned: Mapping[str, Any]) -> None:
        needs = NEEDS[kind]
        for group in needs.one_of:
            if not any(_is_filled(cleaned.get(name)) or name in self.errors for name in group):
                self.add_error(group[0], _lacking(group))
        label = dict(Rule.Kind.choices)[Rule.Kind(kind)]
        for name in OF_KINDS:
            if name not in needs.used and _is_filled(cleaned.get(name)):
                self.add_error(name, _("“%(kind)s” does not use this field. Empty it.") % {"kind": label})

    def _check_that_they_fit(self, cleaned: Mapping[str, Any]) -> None:
        for names in (SUBJECT, OTHER):
            if all(cleaned.get(name) for name in names):
                self.add_error(names[1], _("Name a product or a category, not both."))
        if cleaned.get("item_key") and cleaned["item_key"] == cleaned.get("other_item_key"):
            self.add_error("other_item_key", _("Name two different products."))
        lowest, highest = cleaned.get("lowest_price"), cleaned.get("highest_price")
        if lowest is not None and highest is not None and highest < lowest:
            self.add_error("highest_price", _("The highest price must not be below the lowest."))
        begins, ends = cleaned.get("valid_from"), cleaned.get("valid_until")
        if begins and ends and ends <= begins:
            self.add_error("valid_until", _("A rule must end after it begins."))

    def _ask_the_shop(self, cleaned: Mapping[str, Any]) -> None:
        """One question for both products: a rule about none that exists would never do anything."""
        keys = {name: cleaned[name] for name in ITEMS if cleaned.get(name)}
        if not keys:
            self.instance.item_title = self.instance.other_item_title = ""
            return
        try:
            cards = get_adapter().get_items(list(keys.values()), None)
        except BundleError as error:
            raise ValidationError(_("The shop could not be asked: %(error)s") % {"error": error}) from error
        titles = {key: card.title[:200] for key, card in cards.items()}
        self.instance.item_title = titles.get(cleaned.get("item_key", ""), "")
        self.instance.other_item_title = titles.get(cleaned.get("other_item_key", ""), "")
        for name, key in keys.items():
            self._know_titles(name, titles)
            if key not in titles:
                self.add_error(name, unknown_product(key))

    def _know_titles(self, name: str, titles: Mapping[str, str]) -> None:
        widget = self.fields[name].widget
        picker = getattr(widget, "widget", widget)
        if isinstance(picker, ProductPicker):
            picker.titles = titles


def _is_filled(value: Any) -> bool:
    return value is not None and value != ""


def _lacking(group: tuple[str, ...]) -> str:
    if group in (SUBJECT, OTHER):
        return _("Name a product or a category.")
    return _("Fill in one of the two.") if len(group) > 1 else _("This kind of rule needs it.")


@admin.register(Rule)
class RuleAdmin(RuleAdminBase):
    form = RuleForm
    list_display = ("sentence", "state", "priority", "note", "updated_at")
    list_filter = ("kind", "is_enabled", ValidNow, "placement", "segment")
    search_fields = (
        "item_key",
        "item_title",
        "category",
        "other_item_key",
        "other_item_title",
        "other_category",
        "note",
    )
    search_help_text = gettext_lazy("Search by product, category or note")
    fieldsets = (
        (None, {"fields": ("kind",)}),
        (
            gettext_lazy("Which bundles"),
            {
                "fields": (SUBJECT, OTHER),
                "description": gettext_lazy(
                    "Those that hold the product or something of the category, and the second one too where it is "
                    "named; with nothing named, all. “Must also hold” hides those that lack the second."
                ),
            },
        ),
        (
            gettext_lazy("What is asked"),
            {"fields": (("lowest_price", "highest_price", "currency"), "margin_percent", "stock_count")},
        ),
        (gettext_lazy("For whom and where"), {"fields": (CONDITIONS,)}),
        (
            gettext_lazy("When, and what comes first"),
            {"fields": ("is_enabled", "priority", ("valid_from", "valid_until"), "note")},
        ),
    )
    actions = ["enable", "disable"]
    action_form = ReasonActionForm
    change_form_template = "admin/bundle_app/rule/change_form.html"

    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}
        js: ClassVar = [forms.Script("bundle_app/admin/rule.js", type="module")]

    # The list

    @admin.display(description=gettext_lazy("Rule"), ordering="kind")
    def sentence(self, rule: Rule) -> str:
        return rule.sentence

    @admin.display(description=gettext_lazy("State"), ordering="is_enabled")
    def state(self, rule: Rule) -> SafeString:
        now = timezone.now()
        if not rule.is_enabled:
            return badge("disabled", _("Disabled"))
        if rule.valid_until is not None and rule.valid_until <= now:
            return badge("over", _("Over"))
        if rule.valid_from is not None and rule.valid_from > now:
            return badge("later", _("Begins later"))
        return badge("enabled", _("In force"))

    @admin.action(description=gettext_lazy("Enable selected rules"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._set(request, queryset, is_enabled=True)

    @admin.action(description=gettext_lazy("Disable selected rules"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self._set(request, queryset, is_enabled=False)

    def _set(self, request: HttpRequest, queryset: QuerySet[Rule], *, is_enabled: bool) -> None:
        action = Decision.Action.ENABLED if is_enabled else Decision.Action.DISABLED
        with transaction.atomic():
            rules = list(queryset.order_by("pk").select_for_update())
            Rule.objects.filter(pk__in=[rule.pk for rule in rules]).update(
                is_enabled=is_enabled, updated_at=timezone.now()
            )
            entries = [
                Entry(subject=rule, action=action, changes={"is_enabled": (rule.is_enabled, is_enabled)})
                for rule in rules
            ]
            Decision.objects.record(entries, by=request.user, reason=reason_of(request))
        done = (
            ngettext("%(count)d rule enabled.", "%(count)d rules enabled.", len(rules))
            if is_enabled
            else ngettext("%(count)d rule disabled.", "%(count)d rules disabled.", len(rules))
        )
        self.message_user(request, done % {"count": len(rules)}, messages.SUCCESS)

    # The page of one rule

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        may_change = self.has_change_permission(request, obj) if obj else True
        return [*fieldsets, (None, {"fields": ("reason",)})] if may_change else fieldsets

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("preview/", view(self.preview_view), name="bundle_app_rule_preview_new"),
            path("<int:rule_id>/preview/", view(self.preview_view), name="bundle_app_rule_preview"),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
        """POST of the form's fields → what would happen, as a piece of HTML or as the whole page. Nothing is saved."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rule = None if rule_id is None else get_object_or_404(Rule, pk=rule_id)
        if not (self.has_change_permission(request, rule) if rule else self.has_add_permission(request)):
            raise PermissionDenied
        form = cast("RuleForm", self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule))
        preview = previewed(form, request)
        if "application/json" in request.headers.get("Accept", ""):
            html = render_to_string("admin/bundle_app/rule/preview.html", preview, request=request)
            return JsonResponse({"html": html, "summary": preview["summary"]})
        return self._whole_page(request, form, preview, rule_id)

    def _whole_page(
        self, request: HttpRequest, form: RuleForm, preview: Mapping[str, Any], rule_id: int | None
    ) -> HttpResponse:
        """The page of a rule with what was typed still in it, and the preview: for those without JavaScript."""
        rule = None if rule_id is None else Rule.objects.get(pk=rule_id)  # As stored: the form's own has changed.
        fieldsets = self.get_fieldsets(request, rule)
        shown = helpers.AdminForm(form, list(fieldsets), {}, self.get_readonly_fields(request, rule), model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Preview of a rule"),
            "adminform": shown,
            "object_id": rule_id,
            "original": rule,
            "is_popup": False,
            "to_field": None,
            "media": self.media + shown.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": "",
            **preview,
        }
        save = (
            reverse("admin:bundle_app_rule_change", args=[rule_id]) if rule_id else reverse("admin:bundle_app_rule_add")
        )
        return self.render_change_form(
            request, context, add=rule is None, change=rule is not None, obj=rule, form_url=save
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj: Rule | None = kwargs.get("obj")
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if may_change:
            context["preview_url"] = (
                reverse("admin:bundle_app_rule_preview", args=[obj.pk])
                if obj
                else reverse("admin:bundle_app_rule_preview_new")
            )
        if obj is not None:
            context |= decision_log.panel(obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        changes = decision_log.form_changes(form)
        action = Decision.Action.CHANGED if change else Decision.Action.CREATED
        if change and "is_enabled" in changes:
            action = Decision.Action.ENABLED if obj.is_enabled else Decision.Action.DISABLED
        entry = Entry(subject=obj, action=action, changes=changes)
        Decision.objects.record([entry], by=request.user, reason=form.cleaned_data.get("reason", ""))

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        self._log_deletion(request, [obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        with transaction.atomic():
            self._log_deletion(request, list(queryset))
            super().delete_queryset(request, queryset)

    @staticmethod
    def _log_deletion(request: HttpRequest, rules: list[Rule]) -> None:
        entries = [Entry(subject=rule, action=Decision.Action.DELETED) for rule in rules]
        Decision.objects.record(entries, by=request.user, reason=reason_of(request))


def previewed(form: RuleForm, request: HttpRequest) -> dict[str, Any]:
    """What the preview's template shows: the groups, or what is missing before there can be any."""
    if not form.is_valid():
        problems = [
            f"{form.fields[name].label}: {' '.join(map(str, found))}"
            if name in form.fields
            else " ".join(map(str, found))
            for name, found in form.errors.items()
        ]
        return {"preview_problems": problems, "summary": _("There is no preview yet.")}
    rule = form.instance
    try:
        found = serving.preview(rule, request=request)
    except BundleError as error:
        return {"preview_problems": [str(error)], "summary": _("There is no preview.")}
    return {
        "preview": found,
        "preview_groups": [
            ("appear", _("Would appear"), found.appearing),
            ("disappear", _("Would disappear"), found.disappearing),
            ("change", _("Would change"), found.changing),
        ],
        "near_categories": _near_categories(rule) if not found.concerned_count else [],
        "summary": _("%(appear)d appear, %(disappear)d disappear, %(change)d change.")
        % {
            "appear": found.appearing.count,
            "disappear": found.disappearing.count,
            "change": found.changing.count,
        },
    }


def _near_categories(rule: Rule) -> list[str]:
    """Categories that may have been meant where no bundle holds anything of the one that was typed."""
    known = known_categories()
    typed = [name for name in (rule.category, rule.other_category) if name and name not in known]
    return [near for name in typed for near in get_close_matches(name, known, n=3, cutoff=0.4)]
