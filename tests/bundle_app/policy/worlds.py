"""A shop whose answer is known: beside each product three bundles, and how often each is clicked is set by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import prefetch_related_objects

from bundle_app import engine
from bundle_app.models import Bundle, Event
from bundle_app.policy.worth import by_order
from tests.bundle_app.tutorial_shop import bundle, products, score, version

NIGHT = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
ANCHORS, EACH = 8, 3
EXPLORATION, FLOOR = 0.6, 0.3

Chances = Callable[[int], float]
"""Place in the model's order, from 0 → probability of a click."""


def second_is_best(place: int) -> float:
    return 0.3 if place == 1 else 0.05


def order_is_right(place: int) -> float:
    return 0.2 if place == 0 else 0.15


def shop() -> list[list[Bundle]]:
    """Each product's bundles in the live model's order."""
    live = version()
    goods = products(ANCHORS + EACH)
    made = [[bundle([anchor, part]) for part in goods[ANCHORS:]] for anchor in goods[:ANCHORS]]
    for anchor, bundles in zip(goods, made, strict=False):
        for rank, each in enumerate(bundles, 1):
            score(each, live, anchor=anchor, rank=rank, score=0.6)
    for bundles in made:
        prefetch_related_objects(bundles, "parts")
    return made


def log(
    shown: Sequence[Sequence[Bundle]],
    count: int,
    chances: Chances,
    *,
    before: datetime = NIGHT,
    days: int = 28,
    seed: int = 0,
    policy_id: int = 0,
    clicker: str | None = None,
) -> None:
    """Pages of the last days with one place each, in the model's order, explored; and who clicked.

    A `clicker` is one visitor who did all of it.
    """
    chance = random.Random(seed)
    worths = by_order(EACH)
    rows = []
    for number in range(count):
        bundles = shown[chance.randrange(len(shown))]
        (place,) = engine.arrange(
            [worth.mean for worth in worths],
            [worth.deviation for worth in worths],
            place_count=1,
            exploration_ratio=EXPLORATION,
            floor_ratio=FLOOR,
            seed=seed * 1_000_000 + number,
        )
        at = before - timedelta(minutes=5 + chance.random() * days * 24 * 60)
        kinds = ["impression", "click"] if chance.random() < chances(place.candidate) else ["impression"]
        made = bundles[place.candidate]
        rows += [
            Event(
                showing=seed * 1_000_000 + number,
                kind=kind,
                bundle=made,
                anchor_key=next(part.item_key for part in made.parts.all()),
                placement="product",
                slot=1,
                policy_id=policy_id,
                propensity=place.propensity,
                subject=clicker or f"visitor {number % 500}",
                shown_at=at,
                occurred_at=at,
                received_at=at,
            )
            for kind in kinds
        ]
    Event.objects.bulk_create(rows, batch_size=2000)
