"""An experiment as the database sees it, and that it stays what it was when it was started."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from bundle_app.exceptions import ExperimentFrozen
from bundle_app.models import Arm, Experiment, Guardrail
from tests.bundle_app.experiments.worlds import START, arms, experiment, run
from tests.bundle_app.tutorial_shop import version

pytestmark = pytest.mark.django_db


def refused(act: Any) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    return str(caught.value)


def test_one_experiment_runs_for_a_kind_and_place() -> None:
    run(experiment("template", placement="cart"))
    for free in (experiment("template", placement="home"), experiment("model", placement="cart")):
        run(free)
    assert "experiment_one_running_for_a_kind_and_place" in refused(
        lambda: run(experiment("template", placement="cart"))
    )


def test_one_promoted_arm_is_in_effect_for_a_kind_and_place() -> None:
    for made in (experiment("template"), experiment("template")):
        arm = arms(made, "other.html")[1]
        fields = {"state": "promoted", "started_at": START, "stopped_at": START, "decided_arm": arm}
        Experiment.objects.filter(pk=made.pk).update(**fields)
    first, second = Experiment.objects.all()
    Experiment.objects.filter(pk=first.pk).update(is_in_effect=True)
    assert "experiment_one_in_effect" in refused(
        lambda: Experiment.objects.filter(pk=second.pk).update(is_in_effect=True)
    )


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("experiment_numbers_in_range", {"window_days": 0}),
        ("experiment_numbers_in_range", {"planned_count": 999}),
        ("experiment_numbers_in_range", {"traffic_percent": 101}),
        ("experiment_about_places_or_prices_is_about_all", {"kind": "place", "placement": "cart"}),
        ("experiment_times_fit_its_state", {"state": "running"}),
        ("experiment_times_fit_its_state", {"state": "draft", "started_at": START}),
        ("experiment_times_fit_its_state", {"state": "stopped", "started_at": START}),
        (
            "experiment_promoted_has_an_arm",
            {"state": "promoted", "started_at": START, "stopped_at": START},
        ),
        ("experiment_in_effect_is_promoted", {"is_in_effect": True}),
    ],
)
def test_what_makes_no_sense_is_refused(constraint: str, fields: dict[str, Any]) -> None:
    assert constraint in refused(lambda: experiment(**fields))


def test_an_arm_changes_one_thing_and_one_is_the_control() -> None:
    made = experiment()
    arms(made, "other.html")
    assert "arm_one_control_an_experiment" in refused(
        lambda: Arm.objects.create(experiment=made, name="Another control", is_control=True)
    )
    assert "arm_weight_in_range" in refused(lambda: Arm.objects.create(experiment=made, name="None", weight=0))
    for two in (
        {"template": "a.html", "placement": "cart"},
        {"template": "a.html", "model_version": version(live=False)},
        {"placement": "cart", "model_version": version(live=False)},
    ):
        assert "arm_changes_one_thing" in refused(
            lambda fields=two: Arm.objects.create(experiment=made, name="Both", **fields)
        )


def test_arms_get_letters_and_their_words_name_the_experiment() -> None:
    made = experiment()
    found = arms(made, "b.html", "c.html")
    assert [arm.key for arm in found] == ["a", "b", "c"]
    assert [arm.word for arm in found] == [f"{made.pk}a", f"{made.pk}b", f"{made.pk}c"]
    found[1].delete()
    assert Arm.objects.create(experiment=made, name="Late").key == "b"
    assert str(found[2]) == "C · Other way 2"


def test_two_experiments_never_share_a_salt() -> None:
    salts = {Experiment(name=str(number)).salt for number in range(50)}
    assert len(salts) == 50
    assert all(len(salt) == 16 for salt in salts)


def test_once_started_nothing_that_the_figures_rest_on_changes() -> None:
    made = experiment()
    _control, other = arms(made, "other.html")
    guardrail = Guardrail.objects.create(experiment=made, metric="revenue")
    run(made)
    made.metric = "margin"
    other.weight = 9
    guardrail.tolerated_loss_percent = 50
    for act in (made.save, other.save, other.delete, guardrail.save, guardrail.delete, lambda: arms(made, "new.html")):
        with pytest.raises(ExperimentFrozen, match="does not change any more. Stop it and write another one."):
            act()
    made.refresh_from_db()
    assert (made.metric, made.arms.get(key="b").weight) == ("conversion", 1)


def test_a_draft_changes() -> None:
    made = experiment()
    made.metric = "margin"
    made.save()
    assert Experiment.objects.get().metric == "margin"
    assert str(made) == made.name
