"""Start, stop and promote, each with who and why in the log of decisions.

All rows of experiments are locked in one order, so that of two people who start experiments about the same thing one
is refused. What an arm changes becomes the shop's by promotion: a model version is published, a policy goes live; the
model's own order, a template, a place or a discount is in effect for everybody until it is withdrawn, or another is
promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import publishing
from bundle_app.exceptions import CannotPromote, CannotStart
from bundle_app.experiments.results import results
from bundle_app.models import Arm, Decision, Entry, Experiment, ModelVersion, PolicyVersion
from bundle_app.models.experiment import MOST_ARMS
from bundle_app.policy import learning
from bundle_app.shop import get_adapter

Action, Kind, State = Decision.Action, Experiment.Kind, Experiment.State
FIT_TO_SHOW = (ModelVersion.State.LIVE, ModelVersion.State.READY)


def start(experiment_id: int, *, by: Any, reason: str = "", now: datetime | None = None) -> Experiment:
    """From now on visitors are divided among the arms.

    Where the arms are model versions, a control without one is the version that is live now, and stays that one.

    Raises:
        CannotStart: something is missing, or another experiment is in its way; the message says all of it.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        experiment, others = _locked(experiment_id)
        arms = list(experiment.arms.order_by("key"))
        found = [*obstacles(experiment, arms), *_in_the_way(experiment, others)]
        if found:
            raise CannotStart(" ".join(found))
        if experiment.kind == Kind.MODEL:
            _pin(next(arm for arm in arms if arm.is_control))
        if experiment.kind == Kind.POLICY:
            _refuse_what_is_live(arms)
        _move(experiment, Action.STARTED, moment, by=by, reason=reason, state=State.RUNNING, started_at=moment)
    return experiment


def stop(experiment_id: int, *, by: Any, reason: str = "", now: datetime | None = None) -> Experiment:
    """From now on everybody sees the shop as it stands. Stopping what is stopped does nothing.

    Raises:
        CannotStart: it was never started.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        experiment, _others = _locked(experiment_id)
        if experiment.state == State.DRAFT:
            raise CannotStart(_("This experiment was never started. Delete it if it is not needed."))
        if experiment.state == State.RUNNING:
            _move(experiment, Action.STOPPED, moment, by=by, reason=reason, state=State.STOPPED, stopped_at=moment)
    return experiment


def promote(arm_id: int, *, by: Any, reason: str = "", now: datetime | None = None) -> Experiment:
    """Make what an arm changes the shop's own; the experiment ends. Promoting the same arm again does nothing.

    A version is published first: whoever is killed between finds the experiment running, and promotes once more.

    Raises:
        CannotPromote: the split was not what was asked for, the arm is the shop as it stands, or another was promoted.
        CannotPublish: the arm's model version was pruned.
        PolicyForgotten: what the arm's policy knew is deleted.
    """
    moment = now or timezone.now()
    arm = Arm.objects.select_related("experiment").get(pk=arm_id)
    found = refusal(arm)
    if found:
        raise CannotPromote(found)
    if arm.experiment.kind == Kind.MODEL and arm.model_version_id is not None:
        publishing.go_live(arm.model_version_id)
    with transaction.atomic():
        experiment, others = _locked(arm.experiment_id)
        if experiment.state == State.PROMOTED:
            return experiment
        if experiment.kind != Kind.MODEL:
            # A policy goes live everywhere, so it takes the place of an order that everybody has, too.
            places = {experiment.placement, "" if arm.goes_live else experiment.placement}
            for other in others:
                if other.is_in_effect and other.kind == experiment.kind and other.placement in places:
                    _withdraw(other, moment, by=by, reason=reason)
        _move(
            experiment,
            Action.PROMOTED,
            moment,
            by=by,
            reason=reason,
            state=State.PROMOTED,
            decided_arm=arm,
            stopped_at=experiment.stopped_at or moment,
            is_in_effect=not arm.goes_live,
        )
        if arm.policy_version_id is not None:
            learning.make_live(arm.policy_version_id, now=moment, by=by, reason=reason)
    return experiment


def withdraw(experiment_id: int, *, by: Any, reason: str = "", now: datetime | None = None) -> Experiment:
    """Take back what was promoted: everybody sees again what the shop's own pages say."""
    with transaction.atomic():
        experiment, _others = _locked(experiment_id)
        if experiment.is_in_effect:
            _withdraw(experiment, now or timezone.now(), by=by, reason=reason)
    return experiment


def obstacles(experiment: Experiment, arms: Sequence[Arm]) -> list[str]:
    """Why an experiment cannot be started as it is written, a sentence each; empty if it can."""
    if experiment.state != State.DRAFT:
        return [_("This experiment was started before. Write another one.")]
    controls = [arm for arm in arms if arm.is_control]
    found = []
    if not 2 <= len(arms) <= MOST_ARMS:
        found.append(
            _("An experiment has 2 to %(most)d arms; this one has %(count)d.") % {"count": len(arms), "most": MOST_ARMS}
        )
    if len(controls) != 1:
        found.append(_("Say of exactly one arm that it is the control."))
    if any(guardrail.metric == experiment.metric for guardrail in experiment.guardrails.all()):
        found.append(_("The figure that decides cannot be a guardrail, too."))
    if experiment.kind == Kind.DISCOUNT and not get_adapter().keeps_impressions:
        found.append(
            _(
                "The shop's cart does not keep by which showing a bundle came into it, so it could not hold an arm's "
                "price. See “Experiments about prices” in the documentation."
            )
        )
    for arm in arms:
        found += _obstacles_of(arm, experiment.kind)
    told = [arm.change for arm in arms if arm.change]
    if len(set(told)) < len(told):
        found.append(_("Two arms are the same."))
    return found


def refusal(arm: Arm) -> str:
    """Why an arm cannot be promoted; empty if it can."""
    experiment = arm.experiment
    if experiment.state not in {State.RUNNING, State.STOPPED} and experiment.decided_arm_id != arm.pk:
        return _("“%(name)s” is %(state)s; an arm is promoted while it runs, or after it was stopped.") % {
            "name": experiment,
            "state": experiment.get_state_display(),
        }
    if arm.is_control and experiment.kind != Kind.PLACE:
        return _("The control is the shop as it stands. Stop the experiment instead.")
    if results(experiment).is_split_off:
        return _("The split of the visitors is not what was asked for, so nothing follows from the figures.")
    is_over = experiment.state == State.PROMOTED
    if arm.policy_version is not None and not is_over and not _is_known(arm.policy_version):
        return _("What %(policy)s knew of single bundles is deleted.") % {"policy": arm.policy_version}
    return ""


def _obstacles_of(arm: Arm, kind: str) -> list[str]:
    others = [name for of, names in Experiment.FIELDS_OF.items() if of != kind for name in names]
    found = []
    if any(getattr(arm, name) not in {None, ""} for name in others):
        found.append(_("“%(arm)s” changes something that the experiment is not about.") % {"arm": arm.name})
    if not arm.change and (not arm.is_control or kind == Kind.PLACE):
        found.append(_("“%(arm)s” changes nothing. Say what is different in it.") % {"arm": arm.name})
    if arm.model_version is not None and arm.model_version.state not in FIT_TO_SHOW:
        found.append(
            _("“%(arm)s”: %(version)s is %(state)s, so it has no scores to show.")
            % {"arm": arm.name, "version": arm.model_version, "state": arm.model_version.get_state_display()}
        )
    if arm.policy_version is not None and not _is_known(arm.policy_version):
        found.append(
            _("“%(arm)s”: what %(policy)s knew of single bundles is deleted. Choose a newer one.")
            % {"arm": arm.name, "policy": arm.policy_version}
        )
    if arm.template and not _exists(arm.template):
        found.append(_("“%(arm)s”: there is no template “%(template)s”.") % {"arm": arm.name, "template": arm.template})
    return found


def _is_known(policy: PolicyVersion) -> bool:
    return PolicyVersion.objects.known().filter(pk=policy.pk).exists()


def _exists(template: str) -> bool:
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return False
    return True


def _in_the_way(experiment: Experiment, others: Sequence[Experiment]) -> list[str]:
    return [
        _("“%(name)s” is running, and is about the same at the same place. Stop it first.") % {"name": other}
        for other in others
        if other.state == State.RUNNING
        and other.kind == experiment.kind
        and (other.placement == experiment.placement or not (other.placement and experiment.placement))
    ]


def _pin(control: Arm) -> None:
    if control.model_version_id is None:
        live = ModelVersion.objects.live().first()
        if live is None:
            raise CannotStart(_("No model version is live, so there is nothing to compare with. Publish one first."))
        if Arm.objects.filter(experiment=control.experiment_id, model_version=live).exists():
            raise CannotStart(_("An arm is the version that is live, as the control is. Choose another one."))
        control.model_version = live
        control.save()


def _refuse_what_is_live(arms: Sequence[Arm]) -> None:
    """An arm that names nothing follows whichever policy is live; today no other arm may be that one."""
    live = PolicyVersion.objects.live().first()
    for arm in arms:
        is_live = arm.order == Arm.Order.MODEL if live is None else arm.policy_version_id == live.pk
        if is_live and any(not other.change for other in arms):
            raise CannotStart(
                _("“%(arm)s” is what is live now, as an arm that names nothing is. Choose another one.")
                % {"arm": arm.name}
            )


def _locked(experiment_id: int) -> tuple[Experiment, list[Experiment]]:
    """This one, and all others."""
    everything = list(Experiment.objects.select_for_update().order_by("pk"))
    chosen = next((each for each in everything if each.pk == experiment_id), None)
    if chosen is None:
        raise CannotStart(_("There is no experiment %(number)s.") % {"number": experiment_id})
    return chosen, [each for each in everything if each.pk != experiment_id]


def _withdraw(experiment: Experiment, now: datetime, *, by: Any, reason: str) -> None:
    _move(experiment, Action.WITHDRAWN, now, by=by, reason=reason, is_in_effect=False)


def _move(
    experiment: Experiment, action: Decision.Action, now: datetime, *, by: Any, reason: str, **changes: Any
) -> None:
    told = {
        name: (_plain(getattr(experiment, name)), _plain(value))
        for name, value in changes.items()
        if name in {"state", "decided_arm", "is_in_effect"} and getattr(experiment, name) != value
    }
    for name, value in changes.items():
        setattr(experiment, name, value)
    experiment.save(update_fields=list(changes))
    Decision.objects.record([Entry(subject=experiment, action=action, changes=told)], by=by, reason=reason, now=now)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value)
