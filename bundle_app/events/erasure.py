"""Takes a person out of the events. What is left is figures of days, which tell of nobody."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from bundle_app.events.days import mark_changed
from bundle_app.events.subjects import pseudonyms
from bundle_app.models import Event


@transaction.atomic
def forget(subject: str) -> int:
    """Delete all events of whom the shop knows by this word (`ShopAdapter.subject`); return how many there were.

    Their days are counted anew, and what they bought is no longer credited to what they clicked. A visitor who was not
    logged in is known by a session's key, which the shop does not keep: such events lead to nobody once it is gone.
    """
    events = Event.objects.filter(subject__in=pseudonyms(subject))
    days = events.annotate(day=TruncDate("shown_at", tzinfo=timezone.get_default_timezone())).values_list(
        "day", flat=True
    )
    mark_changed(set(days.order_by().distinct()))
    return events.delete()[0]
