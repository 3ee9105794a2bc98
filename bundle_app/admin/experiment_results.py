"""How an experiment stands, as its page shows it: rows for the tables, and the picture of the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bundle_app import charts, conf, explain
from bundle_app.admin.presentation import badge, grouped, rounded
from bundle_app.experiments.results import SPLIT_ALPHA, ArmResult, GuardrailResult, Results, Verdict
from bundle_app.experiments.sequential import Interval
from bundle_app.models import Experiment
from bundle_app.models.experiment import Metric

MONEY = frozenset({Metric.REVENUE, Metric.MARGIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    label: str
    is_best: bool
    share: str
    entered: str
    counted: str
    value: str
    difference: str
    interval: str
    others: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailRow:
    figure: str
    arm: str
    tolerated: str
    margin: str
    interval: str
    state: SafeString


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an arm's difference came about: the picture, and the days beside it, the latest first."""

    label: str
    picture: SafeString
    days: Sequence[tuple[date, str, str]]


def panel(found: Results) -> dict[str, Any]:
    """What the template needs."""
    metric = Metric(found.experiment.metric)
    return {
        "results": found,
        "ended": ended(found.experiment),
        "verdict": badge(found.verdict, verdict_label(found.verdict)),
        "metric_label": metric.label,
        "other_labels": [other.label for other in Metric if other != metric],
        "arm_rows": [_arm_row(each, found, metric) for each in found.arms],
        "guardrail_rows": [_guardrail_row(each) for each in found.guardrails],
        "ways": [_way(each, metric) for each in found.arms if each.difference is not None],
        "counted": grouped(found.counted_count),
        "planned": grouped(found.experiment.planned_count),
        "crossed": grouped(found.crossed_count) if found.crossed_count else "",
        "split": _split(found),
        "until": found.days[-1] if found.days else None,
        "counted_at": found.experiment.counted_at,
    }


def ended(experiment: Experiment) -> str:
    """What was made of it, once it is over; empty before."""
    match experiment.state:
        case Experiment.State.PROMOTED:
            return _("“%(arm)s” was promoted.") % {"arm": experiment.decided_arm}
        case Experiment.State.STOPPED:
            return _("It was stopped, and no arm was promoted.")
        case _:
            return ""


def verdict_label(verdict: Verdict) -> str:
    match verdict:
        case Verdict.NOT_YET:
            return _("Not yet known")
        case Verdict.BETTER:
            return _("An arm is better")
        case Verdict.NONE_BETTER:
            return _("No arm is better")
        case Verdict.GUARDRAIL_HURT:
            return _("A guardrail is hurt")
        case Verdict.SPLIT_IS_OFF:
            return _("The split is off")


def figure(value: float, metric: Metric) -> str:
    """A figure as it is written: a percentage, or money per visitor."""
    if metric in MONEY:
        return explain.money(Decimal(str(round(value, 6))), conf.load().currency)
    return _("%(percent)s %%") % {"percent": rounded(100 * value, decimal_count=2)}


def change(value: float, metric: Metric) -> str:
    """A difference of two figures, with its sign: percentage points, or money per visitor."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    if metric in MONEY:
        return sign + explain.money(Decimal(str(round(abs(value), 6))), conf.load().currency)
    return sign + rounded(abs(100 * value), decimal_count=2)


def bounds(interval: Interval, metric: Metric) -> str:
    if not interval.is_known:
        return _("too few visitors yet")
    return f"{change(interval.low, metric)} … {change(interval.high, metric)}"


def _arm_row(each: ArmResult, found: Results, metric: Metric) -> ArmRow:
    weights = sum(result.arm.weight for result in found.arms)
    return ArmRow(
        label=str(each.arm),
        is_best=found.best == each.arm,
        share=f"{each.arm.weight / weights:.0%}",
        entered=grouped(each.entered_count),
        counted=grouped(each.counted_count),
        value=figure(each.values[metric], metric),
        difference=_("control") if each.arm.is_control else _difference(each.difference, metric),
        interval="" if each.difference is None else bounds(each.difference, metric),
        others=[figure(value, other) for other, value in each.values.items() if other != metric],
    )


def _difference(interval: Interval | None, metric: Metric) -> str:
    return "–" if interval is None else change(interval.estimate, metric)


def _guardrail_row(each: GuardrailResult) -> GuardrailRow:
    metric = Metric(each.guardrail.metric)
    if each.is_hurt:
        state = badge("failed", _("Hurt"))
    elif each.is_spared:
        state = badge("succeeded", _("Spared"))
    else:
        state = badge("running", _("Not yet known"))
    return GuardrailRow(
        figure=str(metric.label),
        arm=str(each.arm),
        tolerated=_("%(percent)s %%")
        % {"percent": "−" + rounded(float(each.guardrail.tolerated_loss_percent), decimal_count=1)},
        margin=change(each.margin.estimate, metric),
        interval=bounds(each.margin, metric),
        state=state,
    )


def _way(each: ArmResult, metric: Metric) -> Way:
    factor = 1 if metric in MONEY else 100
    known = [(day, interval.scaled(factor)) for day, interval in each.by_day if interval.is_known]
    return Way(
        label=str(each.arm),
        picture=charts.interval_band(
            [(day, interval.low, interval.estimate, interval.high) for day, interval in known],
            name=_("Difference in money per visitor") if metric in MONEY else _("Difference in percentage points"),
            day_label=lambda day: date_format(day, "MONTH_DAY_FORMAT"),
        ),
        days=[
            (day, change(interval.estimate, metric), bounds(interval, metric))
            for day, interval in reversed(each.by_day)
            if interval.is_known
        ],
    )


def _split(found: Results) -> str:
    if found.is_split_off:
        return _(
            "The split of the visitors is not what was asked for: chance alone does this in less than 1 of 100 runs."
        )
    if found.split_evidence * SPLIT_ALPHA > 0.1:
        return _("The split of the visitors is a little odd, but may be chance.")
    return _("The split of the visitors is what was asked for.")
