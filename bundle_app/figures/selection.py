"""Which showings are asked about, and by what they are told apart.

One form reads both from an address, for all who ask: the screen in admin, its file, the REST interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import Max, Q, TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.events.days import day_of
from bundle_app.figures.period import LONGEST_DAYS, Period
from bundle_app.models import DailyFigure

DEFAULT_DAYS = 28
NONE = "~"
"""In an address: those without any, as an empty value there means that all are asked about."""


class Grouping(TextChoices):
    DAY = "day", gettext_lazy("Day")
    BUNDLE = "bundle", gettext_lazy("Bundle")
    ANCHOR = "anchor", gettext_lazy("Product page")
    PLACEMENT = "placement", gettext_lazy("Place")
    POSITION = "position", gettext_lazy("Position")
    VERSION = "version", gettext_lazy("Model version")
    POLICY = "policy", gettext_lazy("Policy version")
    ARM = "arm", gettext_lazy("Arm of an experiment")


COLUMNS: Mapping[str, str] = {
    Grouping.DAY: "day",
    Grouping.BUNDLE: "bundle_id",
    Grouping.ANCHOR: "anchor_key",
    Grouping.PLACEMENT: "placement",
    Grouping.POSITION: "slot",
    Grouping.VERSION: "version_id",
    Grouping.POLICY: "policy_id",
    Grouping.ARM: "arm",
}
FILTERS = (Grouping.PLACEMENT, Grouping.VERSION, Grouping.POLICY, Grouping.ARM, Grouping.BUNDLE, Grouping.ANCHOR)
WORDS = (Grouping.PLACEMENT, Grouping.ARM, Grouping.ANCHOR)


class Order(TextChoices):
    """What most of comes first. Rates are none of these: the first would be those of a few lucky showings."""

    IMPRESSIONS = "impressions", gettext_lazy("Seen")
    CLICKS = "clicks", gettext_lazy("Clicked")
    ADDS = "adds", gettext_lazy("Added to carts")
    PURCHASES = "purchases", gettext_lazy("Sales")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`only` holds what a showing must have, by grouping."""

    period: Period
    only: Mapping[str, Any] = field(default_factory=dict)

    def rows(self) -> Q:
        """Those of the period and of the one before it."""
        return Q(
            day__gte=self.period.before.first,
            day__lte=self.period.last,
            **{COLUMNS[name]: value for name, value in self.only.items()},
        )


def last_day(*, today: date | None = None) -> date:
    """The last whole day that has figures, or yesterday where there is none.

    Today is not over, and its rates would lag behind: what is seen may still be clicked.
    """
    yesterday = (today or day_of(timezone.now())) - timedelta(days=1)
    found: date | None = DailyFigure.objects.filter(day__lte=yesterday).aggregate(last=Max("day"))["last"]
    return found or yesterday


class SelectionForm(forms.Form):
    """Without dates the period is that of the last `days` days. The lists to choose from are filled in by a screen."""

    days = forms.ChoiceField(
        label=gettext_lazy("Period"),
        required=False,
        choices=[
            ("7", gettext_lazy("7 days")),
            ("28", gettext_lazy("28 days")),
            ("90", gettext_lazy("90 days")),
            ("365", gettext_lazy("365 days")),
        ],
    )
    first = forms.DateField(label=gettext_lazy("From"), required=False)
    last = forms.DateField(label=gettext_lazy("Until"), required=False)
    by = forms.ChoiceField(label=gettext_lazy("Told apart by"), choices=Grouping.choices, required=False)
    placement = forms.CharField(label=Grouping.PLACEMENT.label, max_length=32, required=False)
    version = forms.IntegerField(label=Grouping.VERSION.label, required=False)
    policy = forms.IntegerField(label=Grouping.POLICY.label, required=False)
    arm = forms.CharField(label=Grouping.ARM.label, max_length=32, required=False)
    bundle = forms.IntegerField(label=gettext_lazy("Number of a bundle"), min_value=1, required=False)
    anchor = forms.CharField(label=gettext_lazy("Key of a product"), max_length=64, required=False)
    order = forms.ChoiceField(label=gettext_lazy("Most first"), choices=Order.choices, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            cleaned["period"] = self._period(cleaned)
        return cleaned

    def _period(self, cleaned: Mapping[str, Any]) -> Period | None:
        first, last = cleaned["first"], cleaned["last"] or last_day()
        if first is None:
            return Period.of_days(int(cleaned["days"] or DEFAULT_DAYS), last=last)
        period = Period(first, last)
        if period.day_count < 1:
            self.add_error("last", _("The last day, %(last)s, is before the first one.") % {"last": last})
        elif period.day_count > LONGEST_DAYS:
            told = _("The period has %(found)d days; ask for at most %(most)d.")
            self.add_error("last", told % {"found": period.day_count, "most": LONGEST_DAYS})
        return period

    @property
    def selection(self) -> Selection:
        """What a valid form asks about."""
        only = {}
        for name in FILTERS:
            value = self.cleaned_data[name]
            if value not in {None, ""}:
                only[str(name)] = "" if name in WORDS and value == NONE else value
        return Selection(period=self.cleaned_data["period"], only=only)

    @property
    def grouping(self) -> Grouping | None:
        asked = self.cleaned_data["by"]
        return Grouping(asked) if asked else None

    @property
    def most_first(self) -> Order:
        return Order(self.cleaned_data["order"] or Order.IMPRESSIONS)
