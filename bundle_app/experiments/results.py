"""How an experiment stands: figures by arm, differences from the control with intervals, and what to make of it.

What is recommended follows from four questions, in this order. Was the split of visitors what was asked for? If not,
nothing else means anything. Has a guardrail been hurt? Is an arm better than the control, and known to spare the
guardrails? Have the planned visitors come? All intervals hold at all times together; where there are several arms, each
comparison is made at its part of the 5 percent (Bonferroni), and so is each guardrail's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext as _

from bundle_app.experiments.counting import counted
from bundle_app.experiments.observing import Observations
from bundle_app.experiments.sequential import Interval, Moments, difference, split_evidence
from bundle_app.models import Arm, Experiment, Guardrail
from bundle_app.models.experiment import Metric

ALPHA = 0.05
"""How often, at most, some comparison may be wrong, over the whole life of an experiment."""

SPLIT_ALPHA = 0.01
LEAST_COUNT = 100
"""Visitors of each arm before there are intervals: they are asymptotic."""


class Verdict(StrEnum):
    NOT_YET = "not_yet"
    BETTER = "better"
    NONE_BETTER = "none_better"
    GUARDRAIL_HURT = "guardrail_hurt"
    SPLIT_IS_OFF = "split_is_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """`difference` is that of the deciding figure from the control's, None for the control; `by_day` is how it came."""

    arm: Arm
    entered_count: int
    counted_count: int
    values: Mapping[Metric, float]
    difference: Interval | None = None
    by_day: Sequence[tuple[date, Interval]] = ()

    @property
    def is_better(self) -> bool:
        return self.difference is not None and self.difference.low > 0

    @property
    def is_worse(self) -> bool:
        return self.difference is not None and self.difference.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailResult:
    """`margin` is how far an arm's figure is above the least that is tolerated."""

    guardrail: Guardrail
    arm: Arm
    margin: Interval

    @property
    def is_hurt(self) -> bool:
        return self.margin.high < 0

    @property
    def is_spared(self) -> bool:
        return self.margin.low >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """`split_evidence` is the strongest that there ever was against the split that was asked for; see SPLIT_ALPHA."""

    experiment: Experiment
    arms: Sequence[ArmResult]
    guardrails: Sequence[GuardrailResult] = ()
    split_evidence: float = 1.0
    crossed_count: int = 0
    verdict: Verdict = Verdict.NOT_YET
    best: Arm | None = None
    recommendation: str = ""
    days: Sequence[date] = field(default_factory=list)

    @property
    def is_split_off(self) -> bool:
        return self.split_evidence >= 1 / SPLIT_ALPHA

    @property
    def counted_count(self) -> int:
        return sum(result.counted_count for result in self.arms)


def results(experiment: Experiment) -> Results:
    """How it stands by the last count (`experiment.counted_at`): three queries."""
    arms = list(experiment.arms.order_by("key"))
    guardrails = list(experiment.guardrails.all())
    return judge(experiment, arms, guardrails, counted(experiment, arms))


def judge(
    experiment: Experiment, arms: Sequence[Arm], guardrails: Sequence[Guardrail], observed: Observations
) -> Results:
    """Pure: what was observed, in figures and words."""
    metric = Metric(experiment.metric)
    pairs = _pairs(experiment, arms)
    by_day = {
        pair.arm.pk: [
            (day, pair.interval(observed.moments[metric], number, alpha=ALPHA / len(pairs)))
            for number, day in enumerate(observed.days)
        ]
        for pair in pairs
    }
    found = Results(
        experiment=experiment,
        days=observed.days,
        crossed_count=observed.crossed_count,
        split_evidence=max(
            (_split_evidence(observed, arms, number) for number in range(len(observed.days))), default=1.0
        ),
        arms=[
            ArmResult(
                arm=arm,
                entered_count=observed.entered[arm.key][-1] if observed.days else 0,
                counted_count=int(_last(observed, metric, arm).n),
                values={each: _last(observed, each, arm).value for each in Metric},
                difference=by_day[arm.pk][-1][1] if by_day.get(arm.pk) else None,
                by_day=by_day.get(arm.pk, ()),
            )
            for arm in arms
        ],
        guardrails=[
            GuardrailResult(
                guardrail=guardrail,
                arm=pair.arm,
                margin=_guarded(observed, guardrail, pair, alpha=ALPHA / len(pairs) / len(guardrails)),
            )
            for guardrail in guardrails
            for pair in pairs
            if observed.days
        ],
    )
    verdict, best, told = _verdict(found)
    return replace(found, verdict=verdict, best=best, recommendation=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """An arm and the control; `planned_count` of the experiment's planned visitors are theirs."""

    arm: Arm
    control: Arm
    planned_count: float

    def interval(
        self, moments: Mapping[str, Sequence[Moments]], number: int, *, alpha: float, control_factor: float = 1.0
    ) -> Interval:
        """Of the difference on the evening of a day, by its number; -1 is the last."""
        return difference(
            moments[self.arm.key][number],
            moments[self.control.key][number],
            alpha=alpha,
            planned_count=self.planned_count,
            least_count=LEAST_COUNT,
            control_factor=control_factor,
        )


def _pairs(experiment: Experiment, arms: Sequence[Arm]) -> list[_Pair]:
    control = next(arm for arm in arms if arm.is_control)
    a_weight = experiment.planned_count / sum(arm.weight for arm in arms)
    return [
        _Pair(arm=arm, control=control, planned_count=a_weight * (arm.weight + control.weight))
        for arm in arms
        if arm is not control
    ]


def _last(observed: Observations, metric: Metric, arm: Arm) -> Moments:
    return observed.moments[metric][arm.key][-1] if observed.days else Moments()


def _split_evidence(observed: Observations, arms: Sequence[Arm], number: int) -> float:
    return split_evidence([observed.entered[arm.key][number] for arm in arms], [arm.weight for arm in arms])


def _guarded(observed: Observations, guardrail: Guardrail, pair: _Pair, *, alpha: float) -> Interval:
    """Of the arm's figure less the least that is tolerated of the control's, whose own error counts, too."""
    metric = Metric(guardrail.metric)
    loss = float(guardrail.tolerated_loss_percent) / 100
    is_negative = _last(observed, metric, pair.control).value < 0
    factor = 1 + loss if is_negative else 1 - loss
    return pair.interval(observed.moments[metric], -1, alpha=alpha, control_factor=factor)


def _verdict(found: Results) -> tuple[Verdict, Arm | None, str]:
    if found.is_split_off:
        return (
            Verdict.SPLIT_IS_OFF,
            None,
            _(
                "Stop: the split of the visitors is not what was asked for. Something keeps those of an arm from being "
                "seen or counted, so the figures cannot be compared. Find it, and start a new experiment."
            ),
        )
    hurt = next((each for each in found.guardrails if each.is_hurt), None)
    if hurt is not None:
        return (
            Verdict.GUARDRAIL_HURT,
            None,
            _("Stop: “%(arm)s” costs more of “%(figure)s” than is tolerated.")
            % {"arm": hurt.arm.name, "figure": hurt.guardrail.get_metric_display()},
        )
    better = sorted((each for each in found.arms if each.is_better), key=_gain, reverse=True)
    open_for = {each.arm.pk for each in found.guardrails if not each.is_spared}
    sure = [each for each in better if each.arm.pk not in open_for]
    if sure:
        told = _("“%(arm)s” is better than the control. It can be promoted.") % {"arm": sure[0].arm.name}
        return Verdict.BETTER, sure[0].arm, told
    treated = [each for each in found.arms if each.difference is not None]
    if treated and all(each.is_worse for each in treated):
        return Verdict.NONE_BETTER, None, _("No arm is better: the control is better than every other. Stop.")
    if found.counted_count >= found.experiment.planned_count:
        return (
            Verdict.NONE_BETTER,
            None,
            _("No arm is better, as far as the planned number of visitors can tell. Stop, and keep what is simpler."),
        )
    if better:
        told = _("Not yet known: “%(arm)s” is better, but it may still cost more of a guardrail than is tolerated.")
        return Verdict.NOT_YET, None, told % {"arm": better[0].arm.name}
    return Verdict.NOT_YET, None, _("Not yet known. Let it run.")


def _gain(result: ArmResult) -> float:
    return result.difference.estimate if result.difference is not None else 0.0
