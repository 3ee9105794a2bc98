"""Experiments in admin: writing one, what may be done with it when and by whom, and how it stands."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from bundle_app.admin.experiment_results import change, figure
from bundle_app.models import Decision, Event, Experiment, Guardrail, ModelVersion
from bundle_app.models.experiment import Metric
from tests.bundle_app.admin.conftest import Tags, text_of
from tests.bundle_app.experiments.worlds import arms, counted, crowd, day, event, experiment, known_policy, policy, run
from tests.bundle_app.tutorial_shop import version

LIST, ADD = "admin:bundle_app_experiment_changelist", "admin:bundle_app_experiment_add"
PAGE, START = "admin:bundle_app_experiment_change", "admin:bundle_app_experiment_start"
STOP, WITHDRAW = "admin:bundle_app_experiment_stop", "admin:bundle_app_experiment_withdraw"
PROMOTE = "admin:bundle_app_experiment_promote"
TEMPLATE = "bundle_app/widget.html"


@pytest.fixture
def draft() -> Experiment:
    made = experiment(name="Compact widget")
    arms(made, TEMPLATE)
    return made


@pytest.fixture
def running(draft: Experiment) -> Experiment:
    return run(draft)


def filled(**fields: Any) -> dict[str, Any]:
    """The form of a new experiment with two arms and a guardrail."""
    return {
        "name": "Compact widget",
        "kind": "template",
        "placement": "product",
        "metric": "click_rate",
        "window_days": "3",
        "planned_count": "5000",
        "traffic_percent": "100",
        "reason": "The widget is tall.",
        "arms-TOTAL_FORMS": "2",
        "arms-INITIAL_FORMS": "0",
        "arms-0-name": "As it is",
        "arms-0-weight": "1",
        "arms-0-is_control": "on",
        "arms-1-name": "Compact",
        "arms-1-weight": "2",
        "arms-1-template": TEMPLATE,
        "guardrails-TOTAL_FORMS": "1",
        "guardrails-INITIAL_FORMS": "0",
        "guardrails-0-metric": "revenue",
        "guardrails-0-tolerated_loss_percent": "5",
        **fields,
    }


class TestWriting:
    def test_a_form_makes_an_experiment_with_arms_and_guardrails_and_it_is_written_down(self, page: Client) -> None:
        answer = page.post(reverse(ADD), filled())
        assert answer.status_code == 302, Tags(answer.content.decode()).text
        made = Experiment.objects.get()
        assert (made.state, made.placement, made.planned_count) == ("draft", "product", 5000)
        assert [(arm.key, arm.name, arm.weight, arm.is_control) for arm in made.arms.all()] == [
            ("a", "As it is", 1, True),
            ("b", "Compact", 2, False),
        ]
        assert [str(guardrail) for guardrail in made.guardrails.all()] == ["Revenue from bundles per visitor −5.0 %"]
        entry = Decision.objects.get()
        assert (entry.action, entry.subject, entry.reason) == ("created", "Compact widget", "The widget is tall.")
        assert entry.changes["arms"] == ["", f"A · As it is (1), B · Compact (2): {TEMPLATE}"]

    def test_its_page_tells_what_was_decided_and_what_is_missing_before_it_can_start(self, page: Client) -> None:
        page.post(reverse(ADD), filled(**{"arms-1-template": "no/such.html"}))
        shown = text_of(page.get(reverse(PAGE, args=[Experiment.objects.get().pk])))
        assert "Before it can be started “Compact”: there is no template “no/such.html”." in shown
        assert "Arms: – → A · As it is (1), B · Compact (2): no/such.html" in shown
        assert "How it stands" not in shown

    def test_what_the_database_would_refuse_is_said_in_the_form(self, page: Client) -> None:
        shown = text_of(page.post(reverse(ADD), filled(**{"arms-0-template": "x.html", "arms-0-placement": "cart"})))
        assert "An arm changes one thing. Empty the other fields." in shown
        shown = text_of(page.post(reverse(ADD), filled(kind="place")))
        assert "Where the arms differ in the place, they name the places; and a price is the same everywhere." in shown
        assert not Experiment.objects.exists()

    def test_only_versions_that_can_be_shown_are_offered(self, page: Client) -> None:
        fit, pruned = version(live=False), version(live=False)
        ModelVersion.objects.filter(pk=pruned.pk).update(state="pruned")
        shown = text_of(page.get(reverse(ADD)))
        assert f"Model {fit.pk}" in shown
        assert f"Model {pruned.pk}" not in shown

    def test_a_draft_is_deleted_and_a_started_one_is_not(self, page: Client, draft: Experiment) -> None:
        started = run(experiment(placement="cart"))
        delete = "admin:bundle_app_experiment_delete"
        assert page.post(reverse(delete, args=[started.pk]), {"post": "yes"}).status_code == 403
        assert page.post(reverse(delete, args=[draft.pk]), {"post": "yes"}).status_code == 302
        assert list(Experiment.objects.all()) == [started]
        assert Decision.objects.get().action == "deleted"

    def test_once_started_there_is_nothing_to_edit(self, page: Client, running: Experiment) -> None:
        html = page.get(reverse(PAGE, args=[running.pk])).content.decode()
        assert not [
            field
            for field in Tags(html).named("input")
            if field.get("name", "").startswith(("arms-0-n", "arms-0-w", "name"))
        ]
        assert page.post(reverse(PAGE, args=[running.pk]), filled()).status_code == 403


class TestWhatChangesTheShop:
    def test_starting_asks_first_and_says_why_it_was_started(self, page: Client, draft: Experiment, boss: User) -> None:
        address = reverse(START, args=[draft.pk])
        assert address in page.get(reverse(PAGE, args=[draft.pk])).content.decode()
        asked = text_of(page.get(address))
        assert "From this moment visitors are divided among the arms" in asked
        assert Experiment.objects.get().state == "draft", "asking changes nothing"
        done = text_of(page.post(address, {"reason": "It is time."}, follow=True))
        assert "Done: Start “Compact widget”." in done
        assert Experiment.objects.get().state == "running"
        entry = Decision.objects.get()
        assert (entry.actor, entry.action, entry.reason) == ("boss", "started", "It is time.")

    def test_what_cannot_be_started_says_why(self, page: Client) -> None:
        made = experiment()
        for ask in (page.get, page.post):
            told = text_of(ask(reverse(START, args=[made.pk]), follow=True))
            assert (
                "An experiment has 2 to 8 arms; this one has 0. Say of exactly one arm that it is the control." in told
            )
        assert Experiment.objects.get().state == "draft"

    def test_a_running_one_is_stopped(self, page: Client, running: Experiment) -> None:
        page.post(reverse(STOP, args=[running.pk]), {"reason": "Enough."})
        assert Experiment.objects.get().state == "stopped"
        shown = text_of(page.get(reverse(LIST)))
        assert "Compact widget Stopped Template of the widget" in shown

    def test_an_arm_is_promoted_with_how_it_stands_before_the_eyes_and_withdrawn(
        self, page: Client, running: Experiment
    ) -> None:
        arm = running.arms.get(key="b")
        asked = text_of(page.get(reverse(PROMOTE, args=[arm.pk])))
        assert "How it stands: Not yet known. Let it run." in asked
        page.post(reverse(PROMOTE, args=[arm.pk]))
        assert "In effect" in text_of(page.get(reverse(LIST)))
        page.post(reverse(WITHDRAW, args=[running.pk]))
        assert [entry.action for entry in Decision.objects.order_by("pk")] == ["promoted", "withdrawn"]
        assert not Experiment.objects.in_force().exists()

    def test_where_the_split_is_off_nothing_is_promoted_nor_asked(self, page: Client, running: Experiment) -> None:
        control, other = running.arms.all()
        crowd(control, 300, buying=0)
        crowd(other, 100, buying=50)
        counted(running)
        told = text_of(page.get(reverse(PROMOTE, args=[other.pk]), follow=True))
        assert "The split of the visitors is not what was asked for, so nothing follows from the figures." in told
        page.post(reverse(PROMOTE, args=[other.pk]))
        assert Experiment.objects.get().state == "running"

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_may_not_gets_403_and_sees_no_button(self, staff: Any, draft: Experiment, method: str) -> None:
        clerk = staff("view_experiment", "change_experiment")
        arm = draft.arms.get(key="b")
        for address in (
            reverse(START, args=[draft.pk]),
            reverse(STOP, args=[draft.pk]),
            reverse(WITHDRAW, args=[draft.pk]),
            reverse(PROMOTE, args=[arm.pk]),
        ):
            assert getattr(clerk, method)(address).status_code == 403
            assert address not in clerk.get(reverse(PAGE, args=[draft.pk])).content.decode()
        assert Experiment.objects.get().state == "draft"

    def test_whoever_promotes_a_version_must_be_allowed_to_publish(self, staff: Any) -> None:
        version()
        made = experiment("model")
        arm = arms(made, version(live=False))[1]
        run(made)
        clerk = staff("view_experiment", "promote_experiment")
        assert clerk.post(reverse(PROMOTE, args=[arm.pk])).status_code == 403
        assert reverse(PROMOTE, args=[arm.pk]) not in clerk.get(reverse(PAGE, args=[made.pk])).content.decode()

    def test_whoever_promotes_a_policy_must_be_allowed_to_publish(self, staff: Any) -> None:
        made = experiment("policy")
        order, named = arms(made, "model", known_policy())[1:]
        run(made)
        clerk = staff("view_experiment", "promote_experiment")
        assert clerk.post(reverse(PROMOTE, args=[named.pk])).status_code == 403
        html = clerk.get(reverse(PAGE, args=[made.pk])).content.decode()
        assert reverse(PROMOTE, args=[named.pk]) not in html
        assert reverse(PROMOTE, args=[order.pk]) in html

    def test_policies_that_are_still_known_are_offered(self, page: Client) -> None:
        kept, forgotten = known_policy(), policy()
        html = page.get(reverse(ADD)).content.decode()
        assert f'<option value="{kept.pk}">Policy {kept.pk}</option>' in html
        assert f'<option value="{forgotten.pk}">Policy {forgotten.pk}</option>' not in html

    def test_whoever_may_only_look_sees_how_it_stands(self, staff: Any, running: Experiment) -> None:
        clerk = staff("view_experiment")
        shown = text_of(clerk.get(reverse(PAGE, args=[running.pk])))
        assert "How it stands Not yet known Not yet known. Let it run." in shown
        assert "Other way 1" in shown


class TestHowItStands:
    def test_figures_intervals_guardrails_and_the_picture(self, page: Client) -> None:
        made = experiment(metric="conversion", window_days=1)
        control, other = arms(made, TEMPLATE)
        Guardrail.objects.create(experiment=made, metric="revenue", tolerated_loss_percent=50)
        run(made)
        for number in range(3):
            crowd(control, 400, buying=60, on=number)
            crowd(other, 400, buying=120, on=number)
        counted(made, at=day(9))

        html = page.get(reverse(PAGE, args=[made.pk])).content.decode()
        shown = Tags(html).text

        assert "An arm is better “Other way 1” is better than the control. It can be promoted." in shown
        assert "2,400 visitors are counted, up to March 9, 2026; 20,000 were planned." in shown
        assert "As of March 11, 2026, noon" in shown
        assert "The split of the visitors is what was asked for." in shown
        assert "A · Control 15.00 % control 50% 1,200 1,200" in shown
        assert "B · Other way 1 30.00 % +15.00" in shown
        assert "$6.00" in shown
        assert "Revenue from bundles per visitor B · Other way 1 −50.0 % +$9.00" in shown
        assert "Spared" in shown
        assert html.count('class="bundle-band"') == 1
        assert "March 2, 2026 +15.00" in shown

    def test_before_anything_is_known_there_is_no_picture(self, page: Client, running: Experiment) -> None:
        html = page.get(reverse(PAGE, args=[running.pk])).content.decode()
        assert "bundle-chart" not in html
        assert "Nothing was counted yet. Figures come with the nightly count." in html

    def test_it_is_told_in_chinese_too(self, page: Client, running: Experiment) -> None:
        shown = text_of(page.get(reverse(PAGE, args=[running.pk]), headers={"accept-language": "zh-hans"}))
        assert "当前情况 尚无定论 尚无定论。请让实验继续运行。" in shown
        assert "访客的分流比例与设定相符。" in shown

    def test_visitors_who_saw_two_arms_are_told_of(self, page: Client, running: Experiment) -> None:
        Event.objects.bulk_create([event("anna", f"{running.pk}{letter}", day(0)) for letter in "ab"])
        counted(running)
        assert "1 visitor saw more than one arm, and counts in the first." in text_of(
            page.get(reverse(PAGE, args=[running.pk]))
        )


def test_figures_are_percentages_or_money() -> None:
    assert figure(0.0321, Metric.CLICK_RATE) == "3.21 %"
    assert figure(1.5, Metric.REVENUE) == "$1.50"
    assert [change(value, Metric.CLICK_RATE) for value in (0.0042, -0.001, 0.0)] == ["+0.42", "−0.10", "±0.00"]
    assert change(-1.5, Metric.MARGIN) == "−$1.50"
