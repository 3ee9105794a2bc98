"""Counts what was observed into rows, a row per arm and day, so that a page reads these and not the events.

An experiment is always counted whole and anew, from the events, so counting it twice changes nothing. It is counted
when a day on which it ran was counted since, which is so whenever something of that day has changed: a report that came
late, a refund, a person who was forgotten. What is unusual: once the events of one of its days are deleted, it is never
counted again, and its figures stay what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bundle_app.events.days import day_of
from bundle_app.experiments.observing import Observations, observe
from bundle_app.experiments.sequential import Moments
from bundle_app.models import Arm, ArmDay, CountedDay, Experiment
from bundle_app.models.experiment import Metric


def count(*, now: datetime | None = None) -> int:
    """Count all experiments that need it, after the days were counted; return how many that were."""
    moment = now or timezone.now()
    found = [each for each in Experiment.objects.exclude(state=Experiment.State.DRAFT) if _is_due(each, now=moment)]
    for experiment in found:
        count_one(experiment, now=moment)
    return len(found)


def count_one(experiment: Experiment, *, now: datetime) -> None:
    """Write its rows anew, in one transaction. Of two who count at once, whoever began later is right."""
    arms = list(experiment.arms.order_by("key"))
    observed = observe(experiment, [arm.key for arm in arms], at=now)
    rows = [
        ArmDay(
            arm=arm,
            day=day,
            entered_count=observed.entered[arm.key][number],
            sums={metric: _written(moments[arm.key][number]) for metric, moments in observed.moments.items()},
        )
        for arm in arms
        for number, day in enumerate(observed.days)
    ]
    with transaction.atomic():
        known = Experiment.objects.select_for_update().get(pk=experiment.pk)
        if known.counted_at is not None and known.counted_at > now:
            return
        ArmDay.objects.filter(arm__in=arms).delete()
        ArmDay.objects.bulk_create(rows, batch_size=1000)
        known.counted_at, known.crossed_count = now, observed.crossed_count
        known.save(update_fields=["counted_at", "crossed_count"])


def counted(experiment: Experiment, arms: Sequence[Arm]) -> Observations:
    """What was observed by the last count: one query. `experiment` is read before, and says when that was."""
    rows = list(ArmDay.objects.filter(arm__in=arms).order_by("day"))
    by_arm = {arm.key: [row for row in rows if row.arm_id == arm.pk] for arm in arms}
    found = Observations(days=sorted({row.day for row in rows}), crossed_count=experiment.crossed_count)
    if found.days:
        found.entered = {key: [row.entered_count for row in own] for key, own in by_arm.items()}
        found.moments = {
            metric: {key: [Moments(*map(float, row.sums[metric])) for row in own] for key, own in by_arm.items()}
            for metric in Metric
        }
    return found


def _written(moments: Moments) -> list[float]:
    return [moments.n, moments.x, moments.y, moments.xx, moments.xy, moments.yy]


def _is_due(experiment: Experiment, *, now: datetime) -> bool:
    if experiment.started_at is None:
        return False
    first, last = day_of(experiment.started_at), day_of(experiment.stopped_at or now)
    days = CountedDay.objects.filter(day__gte=first, day__lte=last)
    if days.filter(is_closed=True).exists():
        return False
    if experiment.counted_at is None:
        return True
    return days.filter(Q(counted_at=None) | Q(counted_at__gt=experiment.counted_at)).exists()
