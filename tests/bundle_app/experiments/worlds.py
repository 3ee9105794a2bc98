"""Builders for tests of experiments: an experiment with its arms, and visitors who saw, clicked, added and bought."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from bundle_app.experiments import counting
from bundle_app.models import Arm, ArmQuality, Event, Experiment, PolicyVersion, Purchase
from tests.bundle_app.tutorial_shop import bundle, products

START = datetime(2026, 3, 2, tzinfo=UTC)
_numbers: Iterator[int] = count(1)


def experiment(kind: str = "template", **fields: Any) -> Experiment:
    """A draft."""
    number = next(_numbers)
    given = {
        "name": f"Experiment {number}",
        "salt": f"salt {number}",
        "metric": "conversion",
        "window_days": 2,
        **fields,
    }
    return Experiment.objects.create(kind=kind, **given)


def arms(of: Experiment, *changes: Any, weights: tuple[int, ...] = ()) -> list[Arm]:
    """A control, then an arm for each change; at places the control stands at the first."""
    field = Experiment.FIELDS_OF[Experiment.Kind(of.kind)][0]
    named = [{"policy_version" if isinstance(change, PolicyVersion) else field: change} for change in changes]
    fields = named if of.kind == "place" else [{}, *named]
    return [
        Arm.objects.create(
            experiment=of,
            name="Control" if position == 0 else f"Other way {position}",
            is_control=position == 0,
            weight=weights[position] if weights else 1,
            **each,
        )
        for position, each in enumerate(fields)
    ]


def policy(state: str = "refused", **fields: Any) -> PolicyVersion:
    """A policy that knows nothing of single bundles."""
    beliefs = {"weights": [0.0, 0.0], "intercept": -3.0, "place_bias": [1.0], "arm_strength": 10.0}
    learned = {"learned_from": START, "learned_until": START, "impressions": 1}
    return PolicyVersion.objects.create(state=state, **{"beliefs": beliefs, "rewards": {}, **learned, **fields})


def known_policy(state: str = "refused", **fields: Any) -> PolicyVersion:
    made = policy(state, **fields)
    ArmQuality.objects.create(policy=made, bundle_id=bundle(products(2)).pk, quality=1.0, evidence=1.0)
    return made


def run(of: Experiment, *, at: datetime = START) -> Experiment:
    """As if somebody had started it then."""
    of.state, of.started_at = Experiment.State.RUNNING, at
    of.save(update_fields=["state", "started_at"])
    return of


def counted(of: Experiment, *, at: datetime | None = None) -> Experiment:
    """With its figures counted, as they are every night."""
    counting.count_one(of, now=at or timezone.now())
    of.refresh_from_db()
    return of


def day(number: int, *, hour: int = 12) -> datetime:
    """A time of day, so many days after the start."""
    return START + timedelta(days=number, hours=hour)


def event(who: str, words: str, at: datetime, kind: str = "impression", **fields: Any) -> Event:
    """One event, not yet written; a showing of its own unless said otherwise."""
    given = {"showing": next(_numbers), "bundle_id": 1, "placement": "product", "slot": 1, **fields}
    return Event(subject=who, arm=words, kind=kind, shown_at=at, occurred_at=at, received_at=at, **given)


def purchase(of: Event, *, at: datetime, revenue: str = "40", **fields: Any) -> Purchase:
    """A sale credited to what an event is about."""
    given = {"order_key": f"order {next(_numbers)}", "share": 1, "discount": 0, "currency": "USD", **fields}
    return Purchase(
        showing=of.showing, bundle_id=1, slot=1, arm=of.arm, revenue=Decimal(revenue), ordered_at=at, **given
    )


def crowd(arm: Arm, visitor_count: int, *, buying: int, clicking: int = 0, on: int = 0, revenue: str = "40") -> None:
    """Visitors who each see one bundle on a day; the first so many buy one, and the first so many click."""
    seen = [event(f"{arm.word} {on} {number}", arm.word, day(on)) for number in range(visitor_count)]
    clicks = [event(each.subject, arm.word, day(on), "click", showing=each.showing) for each in seen[:clicking]]
    Event.objects.bulk_create([*seen, *clicks])
    Purchase.objects.bulk_create(purchase(each, at=day(on, hour=13), revenue=revenue) for each in seen[:buying])
