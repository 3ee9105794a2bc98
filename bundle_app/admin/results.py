"""Results: how bundles do, in numbers with their intervals, pictures with tables beside them, and a file of it all.

It takes the place of a list of daily figures, whose rows say nothing to anybody one by one. All that is asked stands in
the address, so that a page can be sent to a colleague.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from bundle_app import cells
from bundle_app.admin import result_charts
from bundle_app.admin.measures import Measure, Told, between, measures, signed, told
from bundle_app.figures.adding import Line, Report, folded
from bundle_app.figures.naming import name, names
from bundle_app.figures.selection import COLUMNS, DEFAULT_DAYS, FILTERS, NONE, WORDS, Grouping, Selection, SelectionForm
from bundle_app.models import DailyFigure, Event, ModelVersion

if TYPE_CHECKING:
    ResultsAdminBase = admin.ModelAdmin[DailyFigure]
else:
    ResultsAdminBase = admin.ModelAdmin

LINES_A_PAGE = 50
DRAWN_COUNT = 12
LONGEST_BY_DAY = 92
"""Longer periods are drawn week by week: a day's noise would hide what they tell."""
LINES_A_CHUNK = 1000
LISTED = (Grouping.PLACEMENT, Grouping.VERSION, Grouping.POLICY, Grouping.ARM)
"""Filters whose few values are offered in a list."""
DEFAULT_GROUPING, DEFAULT_MEASURE = Grouping.BUNDLE, "ctr"


class ResultsForm(SelectionForm):
    """The same as a form to be seen: with lists of what there is."""

    measure = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in ("first", "last"):
            self.fields[field].widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")

    def offer(self, found: Sequence[tuple[Any, ...]]) -> None:
        """Fill the lists with the values of LISTED that there are, and the one that is asked for."""
        for by, values in zip(LISTED, zip(*found, strict=True) if found else [()] * len(LISTED), strict=True):
            words = {self._word(by, value): told for value, told in names(by, sorted(set(values))).items()}
            asked = str(self.data.get(by, ""))
            choices = [("", _("All")), *words.items(), *([(asked, asked)] if asked and asked not in words else [])]
            self.fields[by].widget = forms.Select(choices=choices)

    @staticmethod
    def _word(by: Grouping, value: Any) -> str:
        return NONE if by in WORDS and value == "" else str(value)


class Page:
    """What one address shows."""

    def __init__(self, request: HttpRequest, form: ResultsForm) -> None:
        self.request, self.form = request, form
        self.selection: Selection = form.selection
        self.report = Report(self.selection)
        self.by = form.grouping or DEFAULT_GROUPING

    @cached_property
    def measures(self) -> list[Measure]:
        return measures(self.report.currencies)

    @cached_property
    def measure(self) -> Measure:
        by_name = {measure.name: measure for measure in self.measures}
        return by_name.get(self.request.GET.get("measure", ""), by_name[DEFAULT_MEASURE])

    def address(self, **changes: Any) -> str:
        """This page with something else asked for; None takes it out."""
        asked = self.request.GET.copy()
        for key, value in {"page": None, **changes}.items():
            asked.pop(key, None)
            if value is not None:
                asked[key] = value
        return f"?{asked.urlencode()}"

    def context(self) -> dict[str, Any]:
        if not self._is_there_anything:
            return {"is_empty": True}
        return {
            "is_empty": False,
            "period": self.selection.period,
            "cards": [(measure, told(measure, self.report.totals)) for measure in self.measures],
            **self._exploration(),
            "measure": self.measure,
            "tabs": [
                (each.label, self.address(measure=each.name, page=self.request.GET.get("page")), each == self.measure)
                for each in self.measures
            ],
            "csv_address": f"csv/{self.address(measure=None)}",
            "orders_unknown": self.report.totals.now.orders is None and bool(self.report.totals.now.purchases),
            **self._over_time(),
            **self._groups(),
        }

    @property
    def _is_there_anything(self) -> bool:
        totals = self.report.totals
        return any(figures.impressions or figures.purchases for figures in (totals.now, totals.before))

    def _exploration(self) -> dict[str, Any]:
        price = self.report.exploration
        if price is None:
            return {}
        lost, low, high = (
            signed(number, decimal_count=0).lstrip("+") for number in (price.lost_clicks, price.low, price.high)
        )
        return {
            "exploration": price,
            "exploration_clicks": lost,
            "exploration_interval": between(low, high),
            "exploration_ratio": f"{signed(100 * price.lost_ratio, decimal_count=1).lstrip('+')}%",
        }

    def _over_time(self) -> dict[str, Any]:
        days = self.report.days
        is_by_week = len(days) > LONGEST_BY_DAY
        lines = folded(days, size=7) if is_by_week else days
        marks = [self.measure.mark(line, label=name(Grouping.DAY, line.key)) for line in lines]
        return {
            "is_by_week": is_by_week,
            "curve": result_charts.over_time(marks, title=self._title(_("over time")), unit=self._unit),
            "moments": [
                (date_format(line.key, "SHORT_DATE_FORMAT"), told(self.measure, line)) for line in reversed(lines)
            ],
        }

    def _groups(self) -> dict[str, Any]:
        asked = self.request.GET.get("page", "1")
        number = int(asked) if asked.isdecimal() and len(asked) < 6 else 1
        order = self.form.most_first
        start = max(number - 1, 0) * LINES_A_PAGE
        lines, count = self.report.groups(self.by, order=order, start=start, count=LINES_A_PAGE)
        called = names(self.by, [line.key for line in lines])
        marks = [self.measure.mark(line, label=called[line.key]) for line in lines[:DRAWN_COUNT]]
        # All that is asked for is the page's numbers and links; the lines stand here already.
        page = Paginator(range(count), LINES_A_PAGE).get_page(number)
        return {
            "grouping": self.by,
            "bars": result_charts.side_by_side(marks, title=self._title(self.by.label), unit=self._unit),
            "lines": [
                {"name": called[line.key], "address": self._narrowed(line), "cells": self._cells(line)}
                for line in lines
            ],
            "drawn_count": len(marks) if len(marks) < count else 0,
            "pages": page,
            "earlier": self.address(page=page.previous_page_number()) if page.has_previous() else "",
            "later": self.address(page=page.next_page_number()) if page.has_next() else "",
        }

    def _cells(self, line: Line) -> list[tuple[Told, bool]]:
        return [(told(measure, line), measure == self.measure) for measure in self.measures]

    def _narrowed(self, line: Line) -> str:
        """The same for one group alone: empty where there is no filter for it."""
        if self.by is Grouping.DAY:
            return self.address(first=line.key.isoformat(), last=line.key.isoformat(), by=DEFAULT_GROUPING)
        if self.by not in FILTERS:
            return ""
        value = NONE if self.by in WORDS and line.key == "" else line.key
        return self.address(**{str(self.by): value, "by": Grouping.DAY})

    def _title(self, what: object) -> str:
        return f"{self.measure.label} · {what}"

    @property
    def _unit(self) -> str:
        return "%" if self.measure.form == "rate" else ""


@admin.register(DailyFigure)
class ResultsAdmin(ResultsAdminBase):
    class Media:
        css: ClassVar = {"all": ["bundle_app/admin/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DailyFigure | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DailyFigure | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.results_view), name="bundle_app_dailyfigure_changelist"),
            path("csv/", view(self.csv_view), name="bundle_app_dailyfigure_csv"),
        ]

    def results_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ResultsForm(_asked(request))
        form.offer([])
        context: dict[str, Any] = {}
        if form.is_valid():
            context = Page(request, form).context()
            context["missing"] = missing() if context["is_empty"] else ""
            rows = DailyFigure.objects.filter(Selection(period=form.selection.period).rows())
            form.offer(list(rows.values_list(*(COLUMNS[by] for by in LISTED)).order_by().distinct()))
        return TemplateResponse(
            request,
            "admin/bundle_app/results.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Results"),
                "opts": self.opts,
                "media": self.media,
                "form": form,
                **context,
            },
        )

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """All groups of what is asked for, not only those of a page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ResultsForm(_asked(request))
        if not form.is_valid():
            return HttpResponseRedirect(
                f"{reverse('admin:bundle_app_dailyfigure_changelist')}?{request.GET.urlencode()}"
            )
        page = Page(request, form)
        text = StringIO()
        csv.writer(text).writerows([cells.written(cell) for cell in row] for row in csv_rows(page))
        period = page.selection.period
        response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
        filename = f"results-{period.first.isoformat()}-{period.last.isoformat()}-{page.by}.csv"
        response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        return response


def _asked(request: HttpRequest) -> QueryDict:
    """What the address says, and what is meant where it says nothing."""
    asked = request.GET.copy()
    for key, value in {"days": str(DEFAULT_DAYS), "by": DEFAULT_GROUPING}.items():
        asked.setdefault(key, value)
    return asked


COUNTS = ("impressions", "clicks", "adds", "dismissals", "surplus", "purchases", "explored_impressions", "orders")
RATES = ("ctr", "add_rate", "conversion", "attach_rate")
MONEY = ("revenue", "margin", "discount")


def csv_rows(page: Page) -> Iterator[list[Any]]:
    """Names of columns, which are the same in every language, then a row a group. Rates are shares, from 0 to 1."""
    currencies = page.report.currencies
    yield [
        *(str(page.by), "name"),
        *COUNTS,
        *(f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high")),
        *(f"{amount}_{currency}" for currency in currencies for amount in MONEY),
        *(f"{count}_before" for count in COUNTS),
        *(f"{amount}_{currency}_before" for currency in currencies for amount in MONEY),
    ]
    start = 0
    while True:
        lines, count = page.report.groups(page.by, order=page.form.most_first, start=start, count=LINES_A_CHUNK)
        called = names(page.by, [line.key for line in lines])
        for line in lines:
            yield [line.key, called[line.key], *_csv_cells(line, currencies)]
        start += LINES_A_CHUNK
        if start >= count:
            return


def _csv_cells(line: Line, currencies: Sequence[str]) -> Iterator[Any]:
    yield from (getattr(line.now, name) for name in COUNTS)
    for rate in RATES:
        found = getattr(line.now, rate)
        for number in (found.value, found.low, found.high) if found else (None, None, None):
            yield None if number is None else round(number, 6)
    for figures in (line.now, line.before):
        if figures is line.before:
            yield from (getattr(figures, name) for name in COUNTS)
        for currency in currencies:
            amounts = figures.amounts.get(currency)
            yield from (getattr(amounts, name) if amounts else None for name in MONEY)


def missing() -> str:
    """Why there is nothing to show, and what to do about it."""
    if DailyFigure.objects.exists():
        return _("Nothing was seen or sold in this period that fits the filters. Ask for a longer one, or for less.")
    if Event.objects.exists():
        return _(
            "Visitors have seen bundles, but their days are not counted yet. The task bundle_app.aggregate does that "
            "every night; manage.py bundles_aggregate does it now."
        )
    if not ModelVersion.objects.live().exists():
        return _(
            "No bundle has been shown yet, as no model is live. Train one: the button is above the list of bundles."
        )
    tag = "{% bundle_widget product %}"
    return _("No bundle has been seen yet. Put the widget on your product pages: %(tag)s") % {"tag": tag}
