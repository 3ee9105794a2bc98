"""The shop's days, and which of them have changed since their figures were counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from bundle_app.models import CountedDay


def day_of(moment: datetime) -> date:
    """The shop's day, by TIME_ZONE, whatever zone a process has made its own."""
    return timezone.localdate(moment, timezone.get_default_timezone())


def bounds(day: date) -> tuple[datetime, datetime]:
    """When a day begins, and when the next one does: 23 or 25 hours later where clocks are changed."""
    zone = timezone.get_default_timezone()
    return tuple(  # type: ignore[return-value]
        timezone.make_aware(datetime.combine(one, time.min), zone) for one in (day, day + timedelta(days=1))
    )


def mark_changed(days: Iterable[date]) -> None:
    """Have the figures of these days counted anew, in the transaction that changes what they are counted from.

    A day that is closed stays closed: what it was counted from is gone.
    """
    CountedDay.objects.bulk_create(
        [CountedDay(day=day, counted_at=None) for day in sorted(days)],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["counted_at"],
    )
