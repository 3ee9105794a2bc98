"""What the visitors of an experiment did, each of them once, out of the events and the credited sales.

A visitor enters on the day of the first sight of a bundle in the experiment, in the arm of that sight, and stays in it
whatever is seen later: whoever logs in on another device may see two. All that they do from that day on, for
`window_days` days, counts, and they are counted when the last of these days is over, if the experiment ran that long,
and what was shown on it can be reported no more.

Clicks and adds that a visitor is not believed (`Event.is_rewarded`) do not count. Money counts in the shop's currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from bundle_app import conf
from bundle_app.events.days import day_of
from bundle_app.experiments.sequential import Moments
from bundle_app.models import Event, Experiment, Purchase
from bundle_app.models.experiment import Metric, arms_in

CHUNK = 5_000


@dataclass(slots=True, kw_only=True)
class Visitor:
    """`counted_on` is the last of the days that count."""

    letter: str
    counted_on: date
    has_crossed: bool = False
    seen: int = 0
    clicks: int = 0
    adds: int = 0
    sold: float = 0.0
    revenue: float = 0.0
    margin: float = 0.0


@dataclass(slots=True, kw_only=True)
class Observations:
    """`days` are those on whose evening there is something to look at; what is by letter has a value for each of them.

    `entered` are the visitors who came up to that day, `moments` are of those who are counted by then.
    """

    days: list[date] = field(default_factory=list)
    entered: dict[str, list[int]] = field(default_factory=dict)
    moments: dict[Metric, dict[str, list[Moments]]] = field(default_factory=dict)
    crossed_count: int = 0


def observe(experiment: Experiment, letters: list[str], *, at: datetime) -> Observations:
    """All that is known by `at`, of the arms with these letters: two queries."""
    if experiment.started_at is None:
        return Observations()
    settled = at - timedelta(hours=conf.load().showing_hours)
    end = min(settled, experiment.stopped_at or settled)
    visitors = list(_visitors(experiment, end=end, letters=letters))
    first, last = day_of(experiment.started_at), day_of(end)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    if not days:
        return Observations(crossed_count=sum(visitor.has_crossed for visitor in visitors))
    counted = [visitor for visitor in visitors if visitor.counted_on <= days[-1]]
    entry = timedelta(days=experiment.window_days - 1)
    return Observations(
        days=days,
        entered={
            letter: _by_day(
                [(each.counted_on - entry - first).days for each in visitors if each.letter == letter], days
            )
            for letter in letters
        },
        moments={
            metric: {
                letter: _moments([each for each in counted if each.letter == letter], metric, days)
                for letter in letters
            }
            for metric in Metric
        },
        crossed_count=sum(visitor.has_crossed for visitor in visitors),
    )


def _visitors(experiment: Experiment, *, end: datetime, letters: list[str]) -> Iterator[Visitor]:
    sales = _sales(experiment, end=end)
    rows = (
        _within(Event.objects.all(), "shown_at", experiment, end)
        .exclude(subject="")
        .values("subject", "day", "arm")
        .annotate(
            first_at=Min("shown_at"),
            seen=Count("showing", distinct=True),
            clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK, is_rewarded=True)),
            adds=Count("pk", filter=Q(kind=Event.Kind.ADD, is_rewarded=True)),
        )
        .order_by("subject", "first_at")
    )
    for subject, of_subject in groupby(rows.iterator(chunk_size=CHUNK), key=lambda row: row["subject"]):
        own = list(of_subject)
        arms = [dict(arms_in(row["arm"]))[experiment.pk] for row in own]
        if arms[0] not in letters:
            continue
        last_day = own[0]["day"] + timedelta(days=experiment.window_days - 1)
        visitor = Visitor(letter=arms[0], counted_on=last_day, has_crossed=len(set(arms)) > 1)
        for row in own:
            if row["day"] <= last_day:
                visitor.seen += row["seen"]
                visitor.clicks += row["clicks"]
                visitor.adds += row["adds"]
        for sale in sales.get(subject, ()):
            if sale["day"] <= last_day:
                visitor.sold += float(sale["sold"])
                visitor.revenue += float(sale["revenue"] or 0)
                visitor.margin += float(sale["margin"] or 0)
        yield visitor


def _sales(experiment: Experiment, *, end: datetime) -> dict[str, list[dict[str, Any]]]:
    """By visitor: whoever reported anything of the showing that a sale is credited to."""
    reporter = Event.objects.filter(showing=OuterRef("showing")).exclude(subject="").order_by("pk")
    in_currency = Q(currency=conf.load().currency)
    rows = (
        _within(Purchase.objects.all(), "ordered_at", experiment, end)
        .annotate(subject=Subquery(reporter.values("subject")[:1]))
        .values("subject", "day")
        .annotate(
            sold=Sum("share"), revenue=Sum("revenue", filter=in_currency), margin=Sum("margin", filter=in_currency)
        )
        .order_by()
    )
    by_subject = defaultdict(list)
    for row in rows.iterator(chunk_size=CHUNK):
        by_subject[row["subject"]].append(row)
    return by_subject


def _within(rows: QuerySet[Any], moment: str, experiment: Experiment, end: datetime) -> QuerySet[Any]:
    """Those of this experiment, while it ran, with their `day`."""
    ours = rf"(^|\+){experiment.pk}[a-z](\+|$)"
    limits = {f"{moment}__gte": experiment.started_at, f"{moment}__lt": end}
    day = TruncDate(moment, tzinfo=timezone.get_default_timezone())
    ours_by_day: QuerySet[Any] = rows.filter(arm__regex=ours, **limits).annotate(day=day)
    return ours_by_day


def _by_day(numbers: list[int], days: list[date]) -> list[int]:
    """How many of the numbers of days have come by each day."""
    counts = np.bincount([number for number in numbers if number < len(days)], minlength=len(days))
    return [int(count) for count in counts.cumsum()]


def _moments(visitors: list[Visitor], metric: Metric, days: list[date]) -> list[Moments]:
    """Of the visitors counted by each day."""
    indices = [(visitor.counted_on - days[0]).days for visitor in visitors]
    pairs = np.array([_pair(visitor, metric) for visitor in visitors], dtype=float).reshape(-1, 2)
    y, x = pairs[:, 0], pairs[:, 1]
    sums = [
        np.bincount(indices, weights=weights, minlength=len(days)).cumsum()
        for weights in (np.ones_like(x), x, y, x * x, x * y, y * y)
    ]
    return [Moments(*map(float, row)) for row in zip(*sums, strict=True)]


def _pair(visitor: Visitor, metric: Metric) -> tuple[float, float]:
    """Numerator and denominator; see `Moments`."""
    match metric:
        case Metric.CLICK_RATE:
            return visitor.clicks, visitor.seen
        case Metric.ADD_RATE:
            return visitor.adds, visitor.seen
        case Metric.CONVERSION:
            return float(visitor.sold > 0), 1
        case Metric.REVENUE:
            return visitor.revenue, 1
        case Metric.MARGIN:
            return visitor.margin, 1
