"""What the experiments in force make of a page for whoever is looking at it: one query, and a pure function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from bundle_app.experiments.assignment import assigned
from bundle_app.models import Arm, Experiment
from bundle_app.models.experiment import JOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What a place is to be like. `words` are those of the visitor's arms, for the tokens of what is shown there.

    `policy_id` is the policy's that is followed, None for the live one.
    """

    words: str = ""
    version_id: int | None = None
    follows_policy: bool = True
    policy_id: int | None = None
    template: str = ""
    discount_percent: Decimal | None = None
    is_hidden: bool = False


AS_IT_STANDS = Treatment()


def arms_in_force() -> list[Arm]:
    """All arms of the experiments in force, each with its experiment: one query."""
    arms = Arm.objects.filter(experiment__in=Experiment.objects.in_force()).select_related("experiment")
    return list(arms.order_by("experiment_id", "key"))


def treatment(arms: Iterable[Arm], *, subject: str, placement: str, is_drawn: bool) -> Treatment:
    """For a visitor, by pseudonym, at a place of the shop.

    `is_drawn` says whether the widget's template will be used: where the shop draws the offers itself, an experiment
    about templates changes nothing, and is not said to have.
    """
    found = AS_IT_STANDS
    by_experiment = [(one, list(own)) for one, own in groupby(arms, key=lambda arm: arm.experiment)]
    # What everybody has comes first, the nearer place last; what the visitor's arm changes goes over it.
    for experiment, own in sorted(by_experiment, key=lambda pair: (not pair[0].is_in_effect, pair[0].placement != "")):
        if not _is_about(experiment, own, placement=placement, is_drawn=is_drawn):
            continue
        arm = _arm_of(experiment, own, subject)
        if arm is not None:
            found = _changed(found, arm, placement)
            if not experiment.is_in_effect:
                found = replace(found, words=JOINT.join(filter(None, [found.words, arm.word])))
        elif experiment.kind == Experiment.Kind.PLACE:  # Whoever takes no part sees bundles where the control has them.
            found = _changed(found, next(one for one in own if one.is_control), placement)
    return found


def _is_about(experiment: Experiment, arms: Iterable[Arm], *, placement: str, is_drawn: bool) -> bool:
    if experiment.kind == Experiment.Kind.PLACE:
        return placement in {arm.placement for arm in arms}
    if experiment.kind == Experiment.Kind.TEMPLATE and not is_drawn:
        return False
    return experiment.placement in {"", placement}


def _arm_of(experiment: Experiment, arms: list[Arm], subject: str) -> Arm | None:
    if experiment.is_in_effect:
        return next(arm for arm in arms if arm.pk == experiment.decided_arm_id)
    position = assigned(
        experiment.salt, subject, [arm.weight for arm in arms], traffic_percent=experiment.traffic_percent
    )
    return None if position is None else arms[position]


def _changed(found: Treatment, arm: Arm, placement: str) -> Treatment:
    match arm.experiment.kind:
        case Experiment.Kind.MODEL:
            return replace(found, version_id=arm.model_version_id or found.version_id)
        case Experiment.Kind.POLICY:
            if arm.policy_version_id is not None:
                return replace(found, follows_policy=True, policy_id=arm.policy_version_id)
            return replace(found, follows_policy=False) if arm.order == Arm.Order.MODEL else found
        case Experiment.Kind.TEMPLATE:
            return replace(found, template=arm.template or found.template)
        case Experiment.Kind.DISCOUNT:
            percent = found.discount_percent if arm.discount_percent is None else arm.discount_percent
            return replace(found, discount_percent=percent)
        case _:
            return replace(found, is_hidden=arm.placement != placement)
