"""Adds daily figures up: a few queries for a whole selection, whatever the number of bundles, days and groups.

Counts and sales stand in rows of their own (see `DailyFigure`), so groups are ordered and cut into pages by counts,
and the money of a page's groups is asked for after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from math import sqrt
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, Value

from bundle_app.figures.period import Period
from bundle_app.figures.rates import Z95, Rate, rate
from bundle_app.figures.selection import COLUMNS, Grouping, Order, Selection
from bundle_app.models import DailyFigure, OrderCount

COUNTS = ("impressions", "clicks", "adds", "dismissals", "surplus", "purchases")
MONEY = ("revenue", "discount", "margin")
EXPLORED = "explored_impressions"
ALL = "all"
"""Key of the one group of everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Of sales in one currency, after discounts and refunds. `margin` is of those whose costs are known."""

    revenue: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    margin: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What became of some showings. `orders` are all of the shop in the time, None where they were not counted."""

    impressions: int = 0
    clicks: int = 0
    adds: int = 0
    dismissals: int = 0
    surplus: int = 0
    purchases: Decimal = Decimal(0)
    explored_impressions: int = 0
    orders: int | None = None
    amounts: Mapping[str, Amounts] = field(default_factory=dict)

    @property
    def ctr(self) -> Rate | None:
        """Showings that were clicked, of those that were seen."""
        return rate(self.clicks, self.impressions)

    @property
    def add_rate(self) -> Rate | None:
        """Showings whose bundle was put into the cart, of those that were seen."""
        return rate(self.adds, self.impressions)

    @property
    def conversion(self) -> Rate | None:
        """Sales credited to showings, of the showings that were seen. A sale counts on the day of its order."""
        return rate(float(self.purchases), self.impressions)

    @property
    def attach_rate(self) -> Rate | None:
        """Orders that a showing is credited with, of all orders of the shop in the time."""
        return None if self.orders is None else rate(float(self.purchases), self.orders)

    @property
    def explored_ratio(self) -> Rate | None:
        """Showings of what was tried out though something else was more likely, of those that were seen."""
        return rate(self.explored_impressions, self.impressions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Figures of one group, now and in the period before. `key` is its value in the column that groups."""

    key: Any
    now: Figures
    before: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationPrice:
    """Clicks that trying things out has cost, by an estimate with its 95 % interval; below 0 it has gained some."""

    impressions: int
    lost_clicks: float
    low: float
    high: float
    lost_ratio: float
    """Of the clicks that there would have been."""


class Report:
    """Figures of one selection. What is asked for twice is added up once."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    @cached_property
    def totals(self) -> Line:
        """Two queries, beside those for orders."""
        (line,) = self._lines(self._rows(), None, [ALL])
        return line

    def groups(
        self, by: Grouping, *, order: Order = Order.IMPRESSIONS, start: int = 0, count: int = 50
    ) -> tuple[list[Line], int]:
        """Some of the groups, most first, days in their order; and how many groups there are in all."""
        if by is Grouping.DAY:
            days = self.selection.period.days()
            return self.days[start : start + count], len(days)
        column = COLUMNS[by]
        ordered = _counted(self._rows().values(column), self._times).order_by(f"-now_{order}", column)
        keys = list(ordered.values_list(column, flat=True)[start : start + count])
        group_count = ordered.values(column).count()
        return self._lines(self._rows().filter(**{f"{column}__in": keys}), column, keys), group_count

    @cached_property
    def days(self) -> list[Line]:
        """Each day of the period, also those on which nothing was; the period before it day by day beside it."""
        found = _figures(self._rows(), "day", {"day": Q()})
        orders = dict(OrderCount.objects.filter(**_within("day", self._both)).values_list("day", "count"))
        shift = timedelta(days=self.selection.period.day_count)

        def of(day: date) -> Figures:
            return Figures(**found.get(day, {}).get("day", {}), orders=orders.get(day))

        return [Line(key=day, now=of(day), before=of(day - shift)) for day in self.selection.period.days()]

    @cached_property
    def exploration(self) -> ExplorationPrice | None:
        """None where nothing was tried out beside something else.

        Within each policy, place and position s, what was tried out (x) is held against all else (g):

            lost = Σ_s n_x (p_g - p_x)      Var = Σ_s n_x² (p_g(1-p_g)/n_g + p_x(1-p_x)/n_x)

        where n are showings and p their click-through rates: a stratified difference of means.
        """
        strata = ("policy_id", "placement", "slot")
        rows = self._rows().filter(self._times["now"]).values(*strata, "is_explored")
        counted: defaultdict[Hashable, dict[bool, tuple[int, int]]] = defaultdict(dict)
        for row in rows.annotate(n=Sum("impressions"), k=Sum("clicks")).order_by():
            counted[tuple(row[name] for name in strata)][row["is_explored"]] = (row["n"], row["k"])
        tried_count, lost, variance = 0, 0.0, 0.0
        for found in counted.values():
            (n_x, k_x), (n_g, k_g) = found.get(True, (0, 0)), found.get(False, (0, 0))
            if n_x and n_g:
                p_x, p_g = k_x / n_x, k_g / n_g
                tried_count += n_x
                lost += n_x * (p_g - p_x)
                variance += n_x**2 * (p_g * (1 - p_g) / n_g + p_x * (1 - p_x) / n_x)
        if not tried_count:
            return None
        half, clicks = Z95 * sqrt(variance), self.totals.now.clicks
        return ExplorationPrice(
            impressions=tried_count,
            lost_clicks=lost,
            low=lost - half,
            high=lost + half,
            lost_ratio=lost / (clicks + lost) if clicks + lost > 0 else 0.0,
        )

    @property
    def currencies(self) -> list[str]:
        return sorted(self.totals.now.amounts.keys() | self.totals.before.amounts.keys())

    # How it is asked

    @property
    def _both(self) -> Period:
        return Period(self.selection.period.before.first, self.selection.period.last)

    @property
    def _times(self) -> dict[str, Q]:
        first = self.selection.period.first
        return {"now": Q(day__gte=first), "before": Q(day__lt=first)}

    @cached_property
    def _orders(self) -> dict[str, int | None]:
        return {"now": _order_count(self.selection.period), "before": _order_count(self.selection.period.before)}

    def _rows(self) -> QuerySet[Any]:
        return DailyFigure.objects.filter(self.selection.rows()).order_by()

    def _lines(self, rows: QuerySet[Any], column: str | None, keys: Sequence[Any]) -> list[Line]:
        found = _figures(rows, column, self._times)

        def of(key: Any, time: str) -> Figures:
            return Figures(**found.get(key, {}).get(time, {}), orders=self._orders[time])

        return [Line(key=key, now=of(key, "now"), before=of(key, "before")) for key in keys]


def _figures(rows: QuerySet[Any], column: str | None, times: Mapping[str, Q]) -> dict[Any, dict[str, dict[str, Any]]]:
    """The fields of `Figures` by group and time: one query for counts, one for money."""
    group = F(column) if column else Value(ALL)
    found: defaultdict[Any, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in _counted(rows.values(group=group), times):
        for time in times:
            counts = {name: row[f"{time}_{name}"] for name in (*COUNTS, EXPLORED)}
            found[row["group"]][time] = {**counts, "amounts": {}}
    sums = {f"{time}_{name}": Sum(name, filter=q) for time, q in times.items() for name in MONEY}
    for row in rows.exclude(currency="").values("currency", group=group).annotate(**sums):
        for time in times:
            money = {name: row[f"{time}_{name}"] for name in MONEY}
            if money["revenue"] is not None:
                found[row["group"]][time]["amounts"][row["currency"]] = Amounts(**money)
    return found


def _counted(rows: QuerySet[Any], times: Mapping[str, Q]) -> QuerySet[Any]:
    counted: QuerySet[Any] = rows.annotate(**_count_sums(times))
    return counted


def _count_sums(times: Mapping[str, Q]) -> dict[str, Sum]:
    sums = {f"{time}_{name}": Sum(name, filter=q, default=0) for time, q in times.items() for name in COUNTS}
    explored = {
        f"{time}_{EXPLORED}": Sum("impressions", filter=q & Q(is_explored=True), default=0) for time, q in times.items()
    }
    return sums | explored


def _order_count(period: Period) -> int | None:
    """All orders of the shop; None if none were counted, or not on all days of which sales are known."""
    counted = OrderCount.objects.filter(**_within("day", period))
    found: int | None = counted.aggregate(found=Sum("count"))["found"]
    sold = DailyFigure.objects.filter(**_within("day", period), purchases__gt=0)
    return None if found is None or sold.exclude(day__in=counted.values("day")).exists() else found


def _within(column: str, period: Period) -> dict[str, Any]:
    return {f"{column}__gte": period.first, f"{column}__lte": period.last}


def folded(lines: Iterable[Line], *, size: int) -> list[Line]:
    """Days added up to weeks or whatever has `size` days, keyed by their first day; the first may have fewer."""
    several = list(lines)
    rest = len(several) % size
    starts = [*([0] if rest else []), *range(rest, len(several), size)]
    return [_sum(several[start:end]) for start, end in pairwise([*starts, len(several)])]


def _sum(lines: Sequence[Line]) -> Line:
    now, before = ([getattr(line, time) for line in lines] for time in ("now", "before"))
    return Line(key=lines[0].key, now=_added(now), before=_added(before))


def _added(several: Sequence[Figures]) -> Figures:
    counts: dict[str, Any] = {name: sum(getattr(one, name) for one in several) for name in (*COUNTS, EXPLORED)}
    orders = [one.orders for one in several if one.orders is not None]
    currencies = sorted({currency for one in several for currency in one.amounts})
    amounts = {
        currency: Amounts(
            revenue=sum((one.amounts[currency].revenue for one in several if currency in one.amounts), Decimal(0)),
            discount=sum((one.amounts[currency].discount for one in several if currency in one.amounts), Decimal(0)),
            margin=_margin(one.amounts[currency].margin for one in several if currency in one.amounts),
        )
        for currency in currencies
    }
    return Figures(**counts, orders=sum(orders) if len(orders) == len(several) else None, amounts=amounts)


def _margin(margins: Iterable[Decimal | None]) -> Decimal | None:
    known = [margin for margin in margins if margin is not None]
    return sum(known, Decimal(0)) if known else None
