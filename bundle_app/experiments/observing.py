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
from functools import cache
from itertools import groupby
from operator import itemgetter
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


@dataclass(slots=True)
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
    observed = Observations(days=days, crossed_count=sum(visitor.has_crossed for visitor in visitors))
    if not days:
        return observed
    entry = timedelta(days=experiment.window_days - 1)
    for letter in letters:
        own = [visitor for visitor in visitors if visitor.letter == letter]
        observed.entered[letter] = _by_day([(visitor.counted_on - entry - first).days for visitor in own], days)
        counted = [visitor for visitor in own if visitor.counted_on <= days[-1]]
        for metric, moments in _moments(counted, days).items():
            observed.moments.setdefault(metric, {})[letter] = moments
    return observed


def _visitors(experiment: Experiment, *, end: datetime, letters: list[str]) -> Iterator[Visitor]:
    sales = _sales(experiment, end=end)
    rows = (
        _within(Event.objects.all(), "shown_at", experiment, end)
        .exclude(subject="")
        .values_list("subject", "arm", "day")
        .annotate(
            first_at=Min("shown_at"),
            seen=Count("showing", distinct=True),
            clicks=Count("pk", filter=Q(kind=Event.Kind.CLICK, is_rewarded=True)),
            adds=Count("pk", filter=Q(kind=Event.Kind.ADD, is_rewarded=True)),
        )
        .order_by("subject", "first_at")
    )
    letter_of = cache(lambda words: dict(arms_in(words))[experiment.pk])
    for subject, of_subject in groupby(rows.iterator(chunk_size=CHUNK), key=itemgetter(0)):
        own = list(of_subject)
        arms = [letter_of(words) for _subject, words, *_others in own]
        if arms[0] not in letters:
            continue
        last_day = own[0][2] + timedelta(days=experiment.window_days - 1)
        visitor = Visitor(arms[0], last_day, has_crossed=len(set(arms)) > 1)
        for _subject, _words, day, _first_at, seen, clicks, adds in own:
            if day <= last_day:
                visitor.seen += seen
                visitor.clicks += clicks
                visitor.adds += adds
        for day, sold, revenue, margin in sales.get(subject, ()):
            if day <= last_day:
                visitor.sold += float(sold)
                visitor.revenue += float(revenue or 0)
                visitor.margin += float(margin or 0)
        yield visitor


def _sales(experiment: Experiment, *, end: datetime) -> dict[str, list[tuple[Any, ...]]]:
    """(day, share, revenue, margin) by visitor: whoever reported anything of the showing that a sale is credited to."""
    reporter = Event.objects.filter(showing=OuterRef("showing")).exclude(subject="").order_by("pk")
    in_currency = Q(currency=conf.load().currency)
    rows = (
        _within(Purchase.objects.all(), "ordered_at", experiment, end)
        .annotate(subject=Subquery(reporter.values("subject")[:1]))
        .values_list("subject", "day")
        .annotate(sold=Sum("share"), paid=Sum("revenue", filter=in_currency), earned=Sum("margin", filter=in_currency))
        .order_by()
    )
    by_subject = defaultdict(list)
    for subject, *sale in rows.iterator(chunk_size=CHUNK):
        by_subject[subject].append(tuple(sale))
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


def _moments(visitors: list[Visitor], days: list[date]) -> dict[Metric, list[Moments]]:
    """Of each figure, of the visitors counted by each day."""
    indices = [(visitor.counted_on - days[0]).days for visitor in visitors]
    table = np.array(
        [(each.seen, each.clicks, each.adds, each.sold, each.revenue, each.margin) for each in visitors], dtype=float
    )
    seen, clicks, adds, sold, revenue, margin = table.reshape(-1, 6).T
    one = np.ones_like(seen)
    pairs = {
        Metric.CLICK_RATE: (clicks, seen),
        Metric.ADD_RATE: (adds, seen),
        Metric.CONVERSION: ((sold > 0).astype(float), one),
        Metric.REVENUE: (revenue, one),
        Metric.MARGIN: (margin, one),
    }
    moments = {}
    for metric, (y, x) in pairs.items():
        weights = (one, x, y, x * x, x * y, y * y)
        sums = [np.bincount(indices, weights=each, minlength=len(days)).cumsum() for each in weights]
        moments[metric] = [Moments(*map(float, row)) for row in zip(*sums, strict=True)]
    return moments
