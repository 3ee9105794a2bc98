"""Adds events and credited sales up by day, and deletes those that are old.

A day is always counted whole and anew, so counting it twice changes nothing. Counted are the days that something was
marked to have changed on (`days.mark_changed`), and the last ones, whose showings may still be reported. A day's events
are deleted only after the day was counted once more and closed, in one transaction; it is never counted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from bundle_app import conf
from bundle_app.events.days import bounds, day_of, mark_changed
from bundle_app.models import CountedDay, DailyFigure, Event, Purchase
from bundle_app.models.event import ShowingFields

BATCH_SIZE = 5000
IN_FLIGHT = timedelta(hours=1)
"""How long after an event was received its transaction may end; by far."""
KEYS = (*(field.attname for field in ShowingFields._meta.get_fields() if field.concrete), "is_explored")
EVEN = 0.5
"""What is chosen with a smaller propensity was tried out: something else may have been more likely, and of two choices
for one place at most one is more likely than this."""
KIND = Event.Kind


def aggregate(*, now: datetime | None = None) -> int:
    """Count all days that need it; return how many that were. Each is a transaction."""
    moment = now or timezone.now()
    days = sorted(_uncounted(moment))
    mark_changed(days)  # What a run that is killed leaves out is the next one's.
    for day in days:
        _count(day, now=moment, close=False)
    return len(days)


def prune(*, now: datetime | None = None) -> int:
    """Delete events and credited sales older than `EVENT_DAYS`, day by day and in batches; return how many."""
    moment = now or timezone.now()
    horizon = day_of(moment - timedelta(days=conf.load().event_days))
    pruned = 0
    while (day := _oldest_day()) is not None and day < horizon:
        _count(day, now=moment, close=True)
        _begin, end = bounds(day)
        pruned += _delete(Event.objects.filter(shown_at__lt=end))
        pruned += _delete(Purchase.objects.filter(ordered_at__lt=end))
    return pruned


def _uncounted(now: datetime) -> set[date]:
    """Days that changed, and all from the first that may have been reported of since the last count."""
    changed = set(CountedDay.objects.filter(counted_at=None, is_closed=False).values_list("day", flat=True))
    last = CountedDay.objects.aggregate(at=Max("counted_at"))["at"]
    first = _oldest_day() if last is None else day_of(last - timedelta(hours=conf.load().showing_hours) - IN_FLIGHT)
    while first is not None and first <= day_of(now):
        changed.add(first)
        first += timedelta(days=1)
    return changed


def _oldest_day() -> date | None:
    moments = [
        Event.objects.aggregate(at=Min("shown_at"))["at"],
        Purchase.objects.aggregate(at=Min("ordered_at"))["at"],
    ]
    return min((day_of(moment) for moment in moments if moment is not None), default=None)


@transaction.atomic
def _count(day: date, *, now: datetime, close: bool) -> None:
    """Write a day's figures anew. Its row is locked first: what changes the day meanwhile marks it afterwards."""
    CountedDay.objects.get_or_create(day=day)
    counted = CountedDay.objects.select_for_update().get(day=day)
    if counted.is_closed:
        return
    DailyFigure.objects.filter(day=day).delete()
    DailyFigure.objects.bulk_create(_figures(day), batch_size=BATCH_SIZE)
    CountedDay.objects.filter(day=day).update(counted_at=now, is_closed=close)


def _figures(day: date) -> Iterator[DailyFigure]:
    begin, end = bounds(day)
    events = _explored(Event.objects.filter(shown_at__gte=begin, shown_at__lt=end).order_by())
    seen = events.values(*KEYS).annotate(
        impressions=Count("showing", distinct=True),
        clicks=_rewarded(KIND.CLICK),
        adds=_rewarded(KIND.ADD),
        dismissals=_rewarded(KIND.DISMISS),
        surplus=Count("pk", filter=Q(is_rewarded=False)),
    )
    sales = _explored(Purchase.objects.filter(ordered_at__gte=begin, ordered_at__lt=end).order_by())
    sold = sales.values(*KEYS, "currency").annotate(
        purchases=Sum("share"),
        all_revenue=Sum("revenue"),
        all_discount=Sum("discount"),
        all_margin=Sum("margin"),
    )
    for row in seen.iterator(chunk_size=BATCH_SIZE):
        yield DailyFigure(day=day, **row)
    for row in sold.iterator(chunk_size=BATCH_SIZE):
        amounts = {name: row.pop(f"all_{name}") for name in ("revenue", "discount", "margin")}
        yield DailyFigure(day=day, **row, **amounts)


def _explored(rows: QuerySet[Any]) -> QuerySet[Any]:
    explored: QuerySet[Any] = rows.annotate(is_explored=Q(propensity__lt=EVEN))
    return explored


def _rewarded(kind: str) -> Count:
    return Count("pk", filter=Q(kind=kind, is_rewarded=True))


def _delete(rows: QuerySet[Any]) -> int:
    """Delete in short transactions, so that no lock is held for long and nothing is lost if it ends halfway."""
    deleted = 0
    while numbers := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]):
        deleted += rows.model._default_manager.filter(pk__in=numbers).delete()[0]
    return deleted
