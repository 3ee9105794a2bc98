"""Filters of the bundle list that are no plain field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bundle_app.admin.evidence import RUNGS
from bundle_app.models import Bundle, ModelVersion, Score
from bundle_app.models.rule import RuleKind
from bundle_app.rules import ANYBODY
from bundle_app.serving.ruling import about_any, not_hidden, rules_in_force

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

UNSCORED = "none"


class LearnedFrom(SimpleListFilter):
    """The rung of the ladder on which the live model knows the bundle."""

    title = _("model")
    parameter_name = "rung"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Iterable[tuple[str, StrPromise | str]]:
        return [*RUNGS.items(), (UNSCORED, _("Not scored by the live model"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> QuerySet[Bundle]:
        live = Score.objects.filter(bundle=OuterRef("pk"), model_version__state=ModelVersion.State.LIVE)
        match self.value():
            case None:
                return queryset
            case "none":
                return queryset.exclude(Exists(live))
            case rung:
                return queryset.filter(Exists(live.filter(rung=rung)))


class ByRule(SimpleListFilter):
    """What rules do to the bundle by what it holds. Floors and price bands depend on the hour: the row tells them."""

    title = _("rule")
    parameter_name = "ruled"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Iterable[tuple[str, StrPromise | str]]:
        return [
            ("hidden", _("Hidden by its products")),
            ("first", _("Put first")),
            ("about", _("Any rule is about it")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> QuerySet[Bundle]:
        if self.value() is None:
            return queryset
        book = rules_in_force()
        match self.value():
            case "hidden":
                return queryset.filter(~not_hidden(book, ANYBODY))
            case "first":
                return queryset.filter(about_any(rule for rule in book.rules if rule.kind == RuleKind.PIN))
            case "about":
                return queryset.filter(about_any(book.rules))
            case _:
                return queryset


class ValidNow(SimpleListFilter):
    """Where today stands in the time of a bundle or a rule."""

    title = _("time")
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Iterable[tuple[str, StrPromise | str]]:
        return [("now", _("Valid now")), ("later", _("Begins later")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        later, over = Q(valid_from__gt=now), Q(valid_until__lte=now)
        # Negations do not hold for NULL in SQL, so an open end has to be said.
        begun = Q(valid_from__isnull=True) | Q(valid_from__lte=now)
        lasting = Q(valid_until__isnull=True) | Q(valid_until__gt=now)
        wanted = {"now": begun & lasting, "later": later, "over": over}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)
