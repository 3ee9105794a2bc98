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


class ValidNow(SimpleListFilter):
    """Where today stands in the bundle's time."""

    title = _("time")
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Iterable[tuple[str, StrPromise | str]]:
        return [("now", _("Valid now")), ("later", _("Begins later")), ("over", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Bundle]) -> QuerySet[Bundle]:
        now = timezone.now()
        later, over = Q(valid_from__gt=now), Q(valid_until__lte=now)
        # Negations do not hold for NULL in SQL, so an open end has to be said.
        begun = Q(valid_from__isnull=True) | Q(valid_from__lte=now)
        lasting = Q(valid_until__isnull=True) | Q(valid_until__gt=now)
        wanted = {"now": begun & lasting, "later": later, "over": over}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)
