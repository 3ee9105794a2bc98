"""Daily figures by the hand of a test."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bundle_app.figures.period import Period
from bundle_app.models import DailyFigure

LAST = date(2026, 3, 14)
WEEK = Period.of_days(7, last=LAST)


def shown(*, day: date = LAST, impressions: int = 100, **fields: Any) -> DailyFigure:
    """What was seen of bundle 1 beside A, and what became of it."""
    given = {"bundle_id": 1, "anchor_key": "A", "placement": "product", "slot": 1, **fields}
    return DailyFigure.objects.create(day=day, impressions=impressions, **given)


def sold(purchases: int | str, *, day: date = LAST, revenue: int | str = 0, **fields: Any) -> DailyFigure:
    """Sales of bundle 1 beside A; revenue in EUR."""
    given = {"bundle_id": 1, "anchor_key": "A", "placement": "product", "slot": 1, "currency": "EUR", **fields}
    return DailyFigure.objects.create(day=day, purchases=Decimal(purchases), revenue=Decimal(revenue), **given)


def days_ago(count: int) -> date:
    return LAST - timedelta(days=count)
