"""The experiments of the generated year: who is in which arm, and what is decided, is said by the app itself.

A merchandiser of this shop starts one, lets it run as long as was planned, reads what the app makes of it, and promotes
the arm that is better or stops. Nothing is decided beforehand: what is put into the year is how often each look of the
widget is clicked (`example_shop.generate.visitors.TRIALS`), and the app finds it, or does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model

from bundle_app.events import aggregation
from bundle_app.events.days import bounds
from bundle_app.events.subjects import pseudonyms
from bundle_app.experiments import counting, deciding
from bundle_app.experiments.results import Verdict, results
from bundle_app.experiments.running import arms_in_force, treatment
from bundle_app.models import Arm, Experiment, Guardrail
from bundle_app.models.experiment import Metric
from example_shop.generate.visitors import VISITOR_COUNT, ShopPage, Trial, Year

OFFICE_HOURS_BEGIN = timedelta(hours=6)
"""When something is started or decided: before the first visitor of a generated day comes."""


@lru_cache(maxsize=2 * VISITOR_COUNT)
def pseudonym(visitor: int) -> str:
    return pseudonyms(f"generated visitor {visitor}")[0]


class Trials:
    """Those of a year. A shop that has experiments of its own gets none."""

    def __init__(self, planned: Sequence[Trial]) -> None:
        self.planned = [] if Experiment.objects.exists() else planned
        self.by = get_user_model()._default_manager.filter(is_superuser=True).order_by("pk").first()
        self._running: dict[str, Experiment] = {}
        self._arms: list[Arm] = []

    def look(self, visitor: int, page: ShopPage, at: datetime) -> tuple[str, str]:
        """What the app shows a visitor: the words of the arms, and the template."""
        begun = [arm for arm in self._arms if arm.experiment.started_at and arm.experiment.started_at <= at]
        treated = treatment(begun, subject=pseudonym(visitor), placement=page.placement, is_drawn=True)
        return treated.words, treated.template

    def morning(self, day: date, year: Year) -> None:
        """Start and decide what is due on a day."""
        now = bounds(day)[0] + OFFICE_HOURS_BEGIN
        for trial in self.planned:
            is_running = trial.name in self._running
            if is_running and trial.ends is not None and year.past(day) >= trial.ends:
                self._decide(self._running.pop(trial.name), now=now)
            elif not is_running and trial.begins <= year.past(day) < (trial.ends or 1):
                self._running[trial.name] = self._start(trial, now=now)

    def _start(self, trial: Trial, *, now: datetime) -> Experiment:
        experiment = Experiment.objects.create(
            name=trial.name,
            salt=trial.name,
            kind=Experiment.Kind.TEMPLATE,
            metric=Metric.CLICK_RATE,
            planned_count=trial.planned_count,
        )
        Arm.objects.create(experiment=experiment, name="As it stands", is_control=True)
        Arm.objects.create(experiment=experiment, name=trial.arm, template=trial.template)
        if trial.ends is None:
            Guardrail.objects.create(experiment=experiment, metric=Metric.CONVERSION, tolerated_loss_percent=20)
        started = deciding.start(experiment.pk, by=self.by, reason="A generated experiment.", now=now)
        self._arms = arms_in_force()
        return started

    def _decide(self, experiment: Experiment, *, now: datetime) -> None:
        aggregation.aggregate(now=now)
        counting.count_one(experiment, now=now)
        found = results(experiment)
        decided: dict[str, Any] = {"by": self.by, "reason": found.recommendation, "now": now}
        if found.verdict == Verdict.BETTER and found.best is not None:
            deciding.promote(found.best.pk, **decided)
        else:
            deciding.stop(experiment.pk, **decided)
        self._arms = arms_in_force()
