"""A policy learned from a log, judged by the days that did not teach it, watched, and taken back."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, close_old_connections, transaction
from django.test import RequestFactory

from bundle_app import engine, serving
from bundle_app.exceptions import PolicyForgotten
from bundle_app.models import Bundle, Decision, Event, Experiment, ModelVersion, PolicyVersion, Purchase
from bundle_app.policy import learning
from tests.bundle_app.experiments.worlds import arms, experiment
from tests.bundle_app.policy.worlds import EXPLORATION, NIGHT, log, order_is_right, second_is_best, shop
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, products, score

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def exploring(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "EXPLORATION_RATIO": EXPLORATION, "REWARDS": {"click": 1}}


@pytest.fixture
def made() -> list[list[Bundle]]:
    return shop()


def live_number() -> int | None:
    return PolicyVersion.objects.live().values_list("pk", flat=True).first()


def first_shown(anchor: Bundle, settings: Any) -> Bundle:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EXPLORATION_RATIO": 0}
    key = anchor.parts.all()[0].item_key
    return serving.bundles_for([key], request=RequestFactory().get("/"), placement="product")[0].bundle


def test_what_is_clicked_more_comes_first_once_the_gate_is_convinced(made: list[list[Bundle]], settings: Any) -> None:
    log(made, 4000, second_is_best)
    assert first_shown(made[0][0], settings) == made[0][0]
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EXPLORATION_RATIO": EXPLORATION}

    policy = learning.learn(now=NIGHT)

    assert policy is not None
    policy.refresh_from_db()
    assert (policy.state, policy.decision["code"]) == ("live", "better")
    assert policy.decision["numbers"]["lead_low"] > 0
    assert policy.promised["low"] < policy.promised["mean"] < policy.promised["high"]
    assert [first_shown(row[0], settings) for row in made] == [row[1] for row in made]
    entry = Decision.objects.about(policy).get()
    assert (entry.action, entry.changes, entry.actor) == ("activated", {"state": ["learned", "live"]}, "")


def test_where_the_order_is_right_it_stays_and_the_row_says_why(made: list[list[Bundle]], settings: Any) -> None:
    log(made, 4000, order_is_right)

    policy = learning.learn(now=NIGHT)

    assert policy is not None
    policy.refresh_from_db()
    assert policy.state == "refused"
    assert policy.decision["code"] in {"not_better_beyond_chance", "worse_beyond_chance"}
    assert live_number() is None
    assert first_shown(made[0][0], settings) == made[0][0]


def test_a_short_log_convinces_nobody(made: list[list[Bundle]]) -> None:
    log(made, 150, second_is_best)

    policy = learning.learn(now=NIGHT)

    assert policy is not None
    policy.refresh_from_db()
    assert (policy.state, policy.decision["code"]) == ("refused", "too_little_log")


def test_the_days_that_judge_did_not_teach(made: list[list[Bundle]]) -> None:
    log(made, 500, second_is_best, days=13)

    assert learning.learn(now=NIGHT) is None
    assert not PolicyVersion.objects.exists()


def test_without_a_click_or_a_model_there_is_nothing_to_learn(made: list[list[Bundle]]) -> None:
    log(made, 100, lambda _place: 0.0)
    assert learning.learn(now=NIGHT) is None
    ModelVersion.objects.update(state="ready")
    assert learning.learn(now=NIGHT) is None


def test_clicks_beyond_what_a_visitor_is_believed_teach_nothing(made: list[list[Bundle]]) -> None:
    log(made, 400, second_is_best)
    Event.objects.filter(kind="click").update(is_rewarded=False)

    assert learning.learn(now=NIGHT) is None


def test_a_sale_is_worth_what_the_settings_say(made: list[list[Bundle]], settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "REWARDS": {"purchase": 1}}
    log(made, 4000, lambda _place: 0.0)
    bought = Event.objects.filter(bundle__in=[row[1] for row in made], showing__lt=2400).order_by("pk")
    Purchase.objects.bulk_create(
        Purchase(
            showing=event.showing, order_key=f"order {event.showing}", bundle_id=event.bundle_id, slot=1, share=1,
            anchor_key=event.anchor_key, placement="product", propensity=event.propensity, currency="EUR",
            revenue=10, discount=1, ordered_at=event.occurred_at,
        )
        for event in bought
    )  # fmt: skip

    policy = learning.learn(now=NIGHT)

    assert policy is not None
    qualities = dict(policy.qualities.values_list("bundle_id", "quality"))
    assert all(qualities[row[1].pk] > 1 > qualities[row[0].pk] for row in made)


def test_sales_to_strangers_are_told_from_those_to_known_buyers(made: list[list[Bundle]]) -> None:
    def sale(event: Event, *, at: datetime) -> Purchase:
        return Purchase(
            showing=event.showing, order_key=f"order {event.showing}", bundle_id=event.bundle_id, slot=1, share=1,
            anchor_key=event.anchor_key, placement="product", propensity=event.propensity, currency="EUR",
            revenue=10, discount=1, ordered_at=at,
        )  # fmt: skip

    log(made, 1, second_is_best, before=NIGHT - timedelta(days=30), days=1, seed=1, clicker="a buyer")
    log(made, 1, second_is_best, seed=2, clicker="a buyer")
    log(made, 3, second_is_best, seed=3)
    earlier, by_buyer, *by_strangers = Event.objects.filter(kind="impression").order_by("showing")
    Purchase.objects.bulk_create(
        [sale(earlier, at=NIGHT - timedelta(days=29)), *(sale(each, at=NIGHT) for each in (by_buyer, *by_strangers))]
    )
    arms, window = learning._arms(), learning.Window(NIGHT - timedelta(days=28), NIGHT + timedelta(days=1))

    cells = list(learning._cells(window, arms, {"click": 0.0, "add": 0.0, "purchase": 5.0}))

    assert sum(cell.buyers_reward for cell in cells) == 5
    assert sum(cell.others_sales for cell in cells) == 3
    assert sum(cell.reward for cell in cells) == 20


@pytest.mark.usefixtures("made")
def test_bundles_that_begin_alike_have_one_core() -> None:
    live, (one, other, third) = ModelVersion.objects.get(), products(3)
    pair, triple, stranger = bundle([one, other]), bundle([one, other, third]), bundle([one, third])
    for rank, each in enumerate((pair, triple, stranger), 1):
        score(each, live, anchor=one, rank=rank)
    score(pair, live, anchor=other)

    arms = learning._arms()

    core_of = {place: arms.cores[number] for place, number in arms.number_of.items()}
    assert core_of[str(one.pk), pair.pk] == core_of[str(one.pk), triple.pk] == core_of[str(other.pk), pair.pk]
    assert core_of[str(one.pk), stranger.pk] != core_of[str(one.pk), pair.pk]


def test_a_policy_that_earns_less_than_promised_is_taken_back_by_itself(
    made: list[list[Bundle]], settings: Any
) -> None:
    log(made, 4000, second_is_best)
    policy = learning.learn(now=NIGHT)
    assert policy is not None
    assert live_number() == policy.pk
    after = NIGHT + timedelta(days=10)
    log(made, 3000, lambda _place: 0.02, before=after, days=9, seed=1, policy_id=policy.pk)

    assert learning.watch(now=after) == policy

    policy.refresh_from_db()
    assert (policy.state, policy.watched["code"]) == ("rolled_back", "below_promise")
    assert live_number() is None
    assert first_shown(made[0][0], settings) == made[0][0]
    assert Decision.objects.about(policy).filter(action="withdrawn").exists()


def test_what_was_not_left_to_chance_is_neither_judged_by_nor_watched(made: list[list[Bundle]]) -> None:
    """A list of fifty in REST, a page with something pinned, a cart: their places and clicks do not count."""
    log(made, 4000, second_is_best)
    promised = learning.learn(now=NIGHT)
    assert promised is not None
    after = NIGHT + timedelta(days=10)
    log(made, 2000, lambda _place: 0.29, before=after, days=9, seed=1, policy_id=promised.pk)
    learning.watch(now=after)
    promised.refresh_from_db()
    watched = promised.watched
    log(made, 3000, lambda _place: 0.0, before=after, days=9, seed=2, policy_id=promised.pk)
    fixed = Event.objects.filter(showing__gte=2_000_000)
    fixed.filter(showing__lt=2_001_500).update(propensity=1.0, slot=50)
    fixed.filter(showing__gte=2_001_500).update(placement="cart")
    arms, window = learning._arms(), learning.Window(NIGHT, after)

    impressions = list(learning._impressions(window, arms, {"click": 1.0, "add": 0.0, "purchase": 0.0}))

    assert len(impressions) == 2000
    assert {each.place_count for each in impressions} == {1}
    assert learning.watch(now=after) is None
    promised.refresh_from_db()
    assert promised.watched == watched


def test_a_promise_is_kept_in_the_rewards_in_which_it_was_given(made: list[list[Bundle]], settings: Any) -> None:
    log(made, 4000, second_is_best)
    policy = learning.learn(now=NIGHT)
    assert policy is not None
    after = NIGHT + timedelta(days=10)
    log(made, 3000, lambda _place: 0.29, before=after, days=9, seed=1, policy_id=policy.pk)
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "REWARDS": {"purchase": 1}}

    assert learning.watch(now=after) is None
    assert live_number() == policy.pk


def test_a_policy_judged_against_one_that_is_live_no_more_waits_for_another_night(
    made: list[list[Bundle]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log(made, 4000, second_is_best)
    judge = engine.judge_policy

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(engine, "judge_policy", judge)
        learning.learn(now=NIGHT)  # another night, meanwhile
        return judge(*args, **kwargs)

    monkeypatch.setattr(engine, "judge_policy", overtaken)

    slow = learning.learn(now=NIGHT)

    assert slow is not None
    assert (slow.state, slow.decision["code"]) == ("refused", "overtaken")
    assert PolicyVersion.objects.live().exclude(pk=slow.pk).count() == 1


def test_a_policy_that_keeps_its_promise_stays(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    policy = learning.learn(now=NIGHT)
    assert policy is not None
    after = NIGHT + timedelta(days=10)
    log(made, 3000, lambda _place: 0.29, before=after, days=9, seed=1, policy_id=policy.pk)

    assert learning.watch(now=after) is None

    policy.refresh_from_db()
    assert (policy.state, policy.watched["code"]) == ("live", "within_promise")


def test_the_policy_before_comes_back_when_its_successor_is_taken_back(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    first = learning.learn(now=NIGHT)
    second = learning.learn(now=NIGHT)
    assert first is not None
    assert second is not None
    with transaction.atomic():
        first, second = PolicyVersion.objects.for_update().order_by("pk")
        learning._go_live(second, first, now=NIGHT + timedelta(days=1))
        second.save()

    assert learning.take_back(second, now=NIGHT + timedelta(days=2), by=None, reason="It sells socks.") == first

    assert live_number() == first.pk
    assert PolicyVersion.objects.get(pk=second.pk).state == "rolled_back"
    assert Decision.objects.about(second).get().reason == "It sells socks."


def test_what_is_known_of_single_bundles_is_kept_as_long_as_it_may_be_shown(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    nights = [learning.learn(now=NIGHT) for _ in range(3)]

    states = list(PolicyVersion.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["live", "refused", "refused"]
    assert known() == {nights[0], nights[2]}, "the live one, and the latest, which an experiment may try"


def test_what_an_experiment_names_is_kept_until_it_is_over(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    learning.learn(now=NIGHT)
    tried = learning.learn(now=NIGHT)
    trial = experiment("policy")
    arms(trial, tried)
    latest = learning.learn(now=NIGHT)
    assert tried in known()
    assert latest in known()

    Experiment.objects.filter(pk=trial.pk).update(state="stopped", started_at=NIGHT, stopped_at=NIGHT)
    learning.learn(now=NIGHT)
    assert tried not in known()


def test_somebody_may_make_a_refused_policy_live_and_the_one_before_comes_back(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    former, refused = learning.learn(now=NIGHT), learning.learn(now=NIGHT)
    assert former is not None
    assert refused is not None
    later = NIGHT + timedelta(days=1)

    assert learning.make_live(refused.pk, now=later, by=None, reason="It won.") == refused
    assert learning.make_live(refused.pk, now=later, by=None, reason="Again."), "and once more changes nothing"

    assert live_number() == refused.pk
    entry = Decision.objects.about(refused).get()
    assert (entry.action, entry.reason, entry.changes) == ("activated", "It won.", {"state": ["refused", "live"]})
    live = PolicyVersion.objects.get(pk=refused.pk)
    assert learning.take_back(live, now=later + timedelta(days=1), by=None, reason="") == former
    assert known() == {former}


def test_a_policy_whose_qualities_are_gone_does_not_go_live(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    old = learning.learn(now=NIGHT)
    assert old is not None
    PolicyVersion.objects.update(state="refused")
    old.qualities.all().delete()
    with pytest.raises(PolicyForgotten, match="What this policy knew of single bundles is deleted"):
        learning.make_live(old.pk, now=NIGHT, by=None, reason="")
    assert live_number() is None


def known() -> set[PolicyVersion | None]:
    return set(PolicyVersion.objects.known())


def test_the_database_knows_one_live_policy(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    learning.learn(now=NIGHT)
    other = learning.learn(now=NIGHT)
    assert other is not None

    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.filter(pk=other.pk).update(state="live", live_at=NIGHT)


@pytest.mark.django_db(transaction=True)
def test_two_nights_at_once_leave_one_policy_live(made: list[list[Bundle]]) -> None:
    log(made, 4000, second_is_best)
    errors: list[BaseException] = []

    def night() -> None:
        try:
            learning.learn(now=NIGHT)
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        finally:
            close_old_connections()

    threads = [threading.Thread(target=night) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert PolicyVersion.objects.live().count() == 1
    assert set(PolicyVersion.objects.values_list("state", flat=True)) <= {"live", "refused", "replaced"}
