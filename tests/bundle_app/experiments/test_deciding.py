"""Starting, stopping and promoting: what is refused and why, what becomes the shop's, and what is written down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from bundle_app import publishing
from bundle_app.exceptions import CannotPromote, CannotPublish, CannotStart
from bundle_app.experiments import deciding
from bundle_app.models import Arm, Decision, Experiment, Guardrail, ModelVersion, PolicyVersion
from tests.bundle_app.experiments.worlds import arms, counted, crowd, day, experiment, known_policy, run
from tests.bundle_app.tutorial_shop import TUTORIAL, version

pytestmark = pytest.mark.django_db

TEMPLATE = "bundle_app/widget.html"


@pytest.fixture(autouse=True)
def shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


@pytest.fixture
def boss() -> User:
    return User.objects.create_user("boss")


def start(of: Experiment, boss: User) -> Experiment:
    return deciding.start(of.pk, by=boss, reason="because")


def refused(of: Experiment, boss: User) -> str:
    with pytest.raises(CannotStart) as caught:
        start(of, boss)
    of.refresh_from_db()
    assert of.state == "draft"
    return str(caught.value)


def log() -> list[tuple[str, str, str, dict[str, Any], str]]:
    return [
        (entry.actor, entry.action, entry.subject, entry.changes, entry.reason)
        for entry in Decision.objects.order_by("pk")
    ]


class TestStarting:
    def test_it_runs_from_now_on_and_is_written_down(self, boss: User) -> None:
        made = experiment()
        arms(made, TEMPLATE)
        started = start(made, boss)
        assert (started.state, started.stopped_at) == ("running", None)
        assert started.started_at is not None
        assert log() == [("boss", "started", made.name, {"state": ["draft", "running"]}, "because")]

    def test_a_control_without_a_version_is_pinned_to_the_live_one(self, boss: User) -> None:
        live, other = version(), version(live=False)
        made = experiment("model")
        control, _other = arms(made, other)
        start(made, boss)
        control.refresh_from_db()
        assert control.model_version == live

    def test_without_a_live_version_there_is_nothing_to_compare_with(self, boss: User) -> None:
        made = experiment("model")
        arms(made, version(live=False))
        assert refused(made, boss).startswith("No model version is live, so there is nothing to compare with.")

    def test_an_arm_that_is_live_is_no_other_way(self, boss: User) -> None:
        made = experiment("model")
        arms(made, version())
        assert refused(made, boss) == "An arm is the version that is live, as the control is. Choose another one."

    def test_everything_that_is_wrong_is_said_at_once(self, boss: User) -> None:
        made = experiment(metric="revenue")
        Guardrail.objects.create(experiment=made, metric="revenue")
        Arm.objects.create(experiment=made, name="Alone")
        assert refused(made, boss) == (
            "An experiment has 2 to 8 arms; this one has 1. Say of exactly one arm that it is the control. "
            "The figure that decides cannot be a guardrail, too. "
            "“Alone” changes nothing. Say what is different in it."
        )

    def test_an_arm_says_what_the_experiment_is_about_and_nothing_else(self, boss: User) -> None:
        made = experiment()
        arms(made, TEMPLATE)
        Arm.objects.create(experiment=made, name="Elsewhere", placement="cart")
        assert refused(made, boss) == (
            "“Elsewhere” changes something that the experiment is not about. "
            "“Elsewhere” changes nothing. Say what is different in it."
        )

    def test_two_arms_are_two(self, boss: User) -> None:
        made = experiment()
        arms(made, TEMPLATE, TEMPLATE)
        assert refused(made, boss) == "Two arms are the same."

    def test_a_template_exists(self, boss: User) -> None:
        made = experiment()
        arms(made, "no/such.html")
        assert refused(made, boss) == "“Other way 1”: there is no template “no/such.html”."

    def test_a_version_has_scores(self, boss: User) -> None:
        version()
        pruned = version(live=False)
        ModelVersion.objects.filter(pk=pruned.pk).update(state="pruned")
        made = experiment("model")
        arms(made, pruned)
        assert refused(made, boss) == f"“Other way 1”: Model {pruned.pk} is Pruned, so it has no scores to show."

    def test_places_differ_and_all_arms_name_one(self, boss: User) -> None:
        made = experiment("place")
        arms(made, "above", "")
        assert refused(made, boss) == "“Other way 1” changes nothing. Say what is different in it."

    @pytest.mark.parametrize(("running", "new"), [("", ""), ("", "cart"), ("cart", ""), ("cart", "cart")])
    def test_two_about_the_same_at_the_same_place_do_not_run_together(self, boss: User, running: str, new: str) -> None:
        first, second = experiment(placement=running), experiment(placement=new)
        for made in (first, second):
            arms(made, TEMPLATE)
        start(first, boss)
        assert refused(second, boss) == (
            f"“{first.name}” is running, and is about the same at the same place. Stop it first."
        )
        deciding.stop(first.pk, by=boss)
        start(second, boss)

    def test_at_different_places_or_about_different_things_they_do(self, boss: User) -> None:
        for made in (experiment(placement="cart"), experiment(placement="home")):
            arms(made, TEMPLATE)
            start(made, boss)
        about_places = experiment("place")
        arms(about_places, "above", "below")
        start(about_places, boss)
        assert Experiment.objects.running().count() == 3

    def test_it_is_started_once(self, boss: User) -> None:
        made = experiment()
        arms(made, TEMPLATE)
        start(made, boss)
        with pytest.raises(CannotStart, match="This experiment was started before. Write another one."):
            start(made, boss)

    def test_one_that_does_not_exist_is_not_started(self, boss: User) -> None:
        with pytest.raises(CannotStart, match="There is no experiment 0."):
            deciding.start(0, by=boss)


class TestStopping:
    def test_everybody_sees_the_shop_as_it_stands_and_a_second_stop_does_nothing(self, boss: User) -> None:
        made = experiment()
        arms(made, TEMPLATE)
        start(made, boss)
        first = deciding.stop(made.pk, by=boss, reason="enough")
        second = deciding.stop(made.pk, by=boss)
        assert first.stopped_at == second.stopped_at
        assert not Experiment.objects.in_force().exists()
        assert log()[1:] == [("boss", "stopped", made.name, {"state": ["running", "stopped"]}, "enough")]

    def test_what_never_ran_is_not_stopped(self, boss: User) -> None:
        with pytest.raises(CannotStart, match="This experiment was never started. Delete it if it is not needed."):
            deciding.stop(experiment().pk, by=boss)


class TestPromoting:
    def test_a_model_version_is_published_and_can_be_rolled_back(self, boss: User) -> None:
        live, other = version(), version(live=False)
        made = experiment("model")
        arm = arms(made, other)[1]
        start(made, boss)
        found = deciding.promote(arm.pk, by=boss, reason="better")
        assert ModelVersion.objects.live().get() == other
        assert (found.state, found.decided_arm, found.is_in_effect) == ("promoted", arm, False)
        assert not Experiment.objects.in_force().exists()
        assert log()[-1] == (
            "boss",
            "promoted",
            made.name,
            {"state": ["running", "promoted"], "decided_arm": [None, str(arm)]},
            "better",
        )
        publishing.roll_back()
        assert ModelVersion.objects.live().get() == live

    def test_promoting_once_more_after_being_killed_between_the_two_steps_ends_well(self, boss: User) -> None:
        version()
        other = version(live=False)
        made = experiment("model")
        arm = arms(made, other)[1]
        start(made, boss)
        publishing.go_live(other.pk)
        assert deciding.promote(arm.pk, by=boss).state == "promoted"
        assert deciding.promote(arm.pk, by=boss).state == "promoted", "and a third time changes nothing"
        assert len(log()) == 2

    def test_a_template_is_in_effect_until_it_is_withdrawn(self, boss: User) -> None:
        made = experiment()
        arm = arms(made, TEMPLATE)[1]
        start(made, boss)
        deciding.stop(made.pk, by=boss)
        deciding.promote(arm.pk, by=boss)
        assert list(Experiment.objects.in_force()) == [made]
        deciding.withdraw(made.pk, by=boss, reason="the shop's own template has it now")
        assert not Experiment.objects.in_force().exists()
        deciding.withdraw(made.pk, by=boss)
        assert [action for _who, action, *_others in log()] == ["started", "stopped", "promoted", "withdrawn"]

    def test_the_next_one_promoted_takes_its_place(self, boss: User) -> None:
        first, second = experiment(), experiment()
        for made in (first, second):
            arm = arms(made, TEMPLATE)[1]
            start(made, boss)
            deciding.promote(arm.pk, by=boss)
        assert list(Experiment.objects.in_force()) == [second]
        first.refresh_from_db()
        assert (first.state, first.is_in_effect) == ("promoted", False)

    def test_the_control_is_what_the_shop_does_already(self, boss: User) -> None:
        made = experiment()
        control = arms(made, TEMPLATE)[0]
        start(made, boss)
        with pytest.raises(CannotPromote, match="The control is the shop as it stands. Stop the experiment instead."):
            deciding.promote(control.pk, by=boss)

    def test_a_control_s_place_is_promoted_because_without_it_there_are_two(self, boss: User) -> None:
        made = experiment("place")
        control = arms(made, "above", "below")[0]
        start(made, boss)
        assert deciding.promote(control.pk, by=boss).is_in_effect

    def test_a_split_that_is_off_blocks_it(self, boss: User) -> None:
        made = experiment(window_days=1)
        control, other = arms(made, TEMPLATE)
        run(made)
        crowd(control, 300, buying=0)
        crowd(other, 100, buying=100)
        counted(made)
        with pytest.raises(CannotPromote, match="The split of the visitors is not what was asked for"):
            deciding.promote(other.pk, by=boss)
        assert Experiment.objects.get().state == "running"

    def test_what_never_ran_is_not_promoted(self, boss: User) -> None:
        arm = arms(experiment(), TEMPLATE)[1]
        with pytest.raises(CannotPromote, match="is Draft; an arm is promoted while it runs, or after it was stopped."):
            deciding.promote(arm.pk, by=boss)

    def test_a_version_that_was_pruned_meanwhile_is_not(self, boss: User) -> None:
        live, other = version(), version(live=False)
        made = experiment("model")
        arm = arms(made, other)[1]
        start(made, boss)
        ModelVersion.objects.filter(pk=other.pk).update(state="pruned")
        with pytest.raises(CannotPublish, match="was pruned: its scores and files are gone."):
            deciding.promote(arm.pk, by=boss)
        assert ModelVersion.objects.live().get() == live
        assert Experiment.objects.get().state == "running"


@pytest.mark.django_db(transaction=True)
def test_of_those_who_start_experiments_about_the_same_at_once_one_has_it() -> None:
    made = [experiment(placement=place) for place in ("", "cart", "cart", "home")]
    for each in made:
        arms(each, TEMPLATE)
    barrier = Barrier(len(made))

    def tried(number: int) -> bool:
        try:
            barrier.wait(10)
            deciding.start(number, by=None)
        except CannotStart:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(made)) as pool:
        outcomes = dict(zip(made, pool.map(tried, [each.pk for each in made]), strict=True))

    started = {each.placement for each, is_started in outcomes.items() if is_started}
    assert started in ({""}, {"cart", "home"})
    assert sum(outcomes.values()) == len(started)
    assert Experiment.objects.running().count() == len(started)


class TestPolicies:
    def test_one_that_is_still_known_is_tried_and_promoted_and_so_goes_live(self, boss: User) -> None:
        live, tried = known_policy("live", live_at=day(0)), known_policy()
        made = experiment("policy")
        arm = arms(made, tried)[1]
        start(made, boss)

        found = deciding.promote(arm.pk, by=boss, reason="better")

        assert (found.state, found.decided_arm, found.is_in_effect) == ("promoted", arm, False)
        assert list(PolicyVersion.objects.live()) == [tried]
        live.refresh_from_db()
        assert (live.state, live.qualities.exists()) == ("replaced", True)
        assert log()[1:] == [
            (
                "boss",
                "promoted",
                made.name,
                {"state": ["running", "promoted"], "decided_arm": [None, str(arm)]},
                "better",
            ),
            ("boss", "activated", str(tried), {"state": ["refused", "live"]}, "better"),
        ]
        tried.qualities.all().delete()
        assert deciding.promote(arm.pk, by=boss).state == "promoted", "and a second time changes nothing"

    def test_promoted_it_takes_the_place_of_an_order_that_everybody_has(self, boss: User) -> None:
        known_policy("live", live_at=day(0))
        everywhere = experiment("policy")
        order = arms(everywhere, "model")[1]
        start(everywhere, boss)
        deciding.promote(order.pk, by=boss)
        made = experiment("policy", placement="home")
        arm = arms(made, known_policy())[1]
        start(made, boss)
        deciding.promote(arm.pk, by=boss)
        assert not Experiment.objects.filter(is_in_effect=True).exists()
        assert PolicyVersion.objects.live().get() == arm.policy_version

    def test_what_is_forgotten_is_neither_started_nor_promoted(self, boss: User) -> None:
        forgotten = known_policy()
        made = experiment("policy")
        arm = arms(made, forgotten)[1]
        forgotten.qualities.all().delete()
        told = f"“Other way 1”: what Policy {forgotten.pk} knew of single bundles is deleted. Choose a newer one."
        assert refused(made, boss) == told
        run(made)
        with pytest.raises(CannotPromote, match=f"What Policy {forgotten.pk} knew of single bundles is deleted."):
            deciding.promote(arm.pk, by=boss)

    def test_an_arm_that_is_what_is_live_is_no_other_way(self, boss: User) -> None:
        told = "“Other way 1” is what is live now, as an arm that names nothing is. Choose another one."
        made = experiment("policy")
        arms(made, "model")
        assert refused(made, boss) == told, "without a live policy the model's own order is everybody's"
        other = experiment("policy")
        arms(other, known_policy("live", live_at=day(0)))
        assert refused(other, boss) == told

    def test_an_arm_names_a_policy_or_the_models_order_and_not_both(self, boss: User) -> None:
        made = experiment("policy")
        with pytest.raises(IntegrityError), transaction.atomic():
            Arm.objects.create(experiment=made, name="Both", order="model", policy_version=known_policy())

    def test_two_arms_may_be_two_policies(self, boss: User) -> None:
        made = experiment("policy")
        arms(made, known_policy(), known_policy(), "model")
        known_policy("live", live_at=day(0))
        assert start(made, boss).state == "running"


def test_what_is_decided_at_another_time_is_written_down_at_that_time(boss: User) -> None:
    made = experiment()
    _control, other = arms(made, TEMPLATE)
    deciding.start(made.pk, by=boss, now=day(0))
    deciding.promote(other.pk, by=boss, now=day(5))
    deciding.withdraw(made.pk, by=boss, now=day(6))
    made.refresh_from_db()
    assert (made.started_at, made.stopped_at) == (day(0), day(5))
    told = Decision.objects.order_by("pk").values_list("action", "at")
    assert list(told) == [("started", day(0)), ("promoted", day(5)), ("withdrawn", day(6))]
