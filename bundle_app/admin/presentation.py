"""Small things that several screens show alike: a number, a badge, an age, a duration, a progress bar."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from bundle_app.models import TrainingRun


def grouped(number: int) -> str:
    """A whole number with the language's separators: 18,204."""
    return number_format(number, force_grouping=True)


def rounded(number: float, *, decimal_count: int) -> str:
    """A number as the language writes it, rounded. Django's own `number_format` cuts off instead.

    >>> rounded(0.0837, decimal_count=3), rounded(1234.56, decimal_count=0)
    ('0.084', '1,235')
    """
    return number_format(Decimal(f"{number:.{decimal_count}f}"), decimal_pos=decimal_count, force_grouping=True)


def badge(value: str, label: str) -> SafeString:
    """A state, in a word and a colour; the colour comes from the style sheet by the state's value."""
    return format_html('<span class="bundle-badge bundle-badge-{}">{}</span>', value, label)


def age(moment: datetime) -> str:
    """How long ago, in one unit: "3 days ago"."""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


def duration(length: timedelta) -> str:
    """A length of time as a person says it.

    >>> duration(timedelta(seconds=192)), duration(timedelta(seconds=8)), duration(timedelta(hours=2, minutes=5))
    ('3 min 12 s', '8 s', '2 h 5 min')
    """
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    if seconds < 3600:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // 60, "seconds": seconds % 60}
    return _("%(hours)d h %(minutes)d min") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}


def run_duration(run: TrainingRun, *, at: datetime | None = None) -> str:
    """How long a run has taken, up to now if it goes on; empty before it starts."""
    if run.started_at is None:
        return ""
    return duration((run.finished_at or at or timezone.now()) - run.started_at)


def progress_bar(run: TrainingRun) -> SafeString:
    """A progress element with its number in words beside it."""
    return format_html(
        '<progress class="bundle-progress" max="1" value="{}" aria-label="{}"></progress> '
        '<span class="bundle-percent">{}%</span>',
        f"{run.progress:.3f}",
        _("Progress"),
        int(run.progress * 100),
    )
