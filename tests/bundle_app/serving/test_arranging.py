"""Which candidates stand where: the policy's choice, within what merchandisers and rules allow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils import timezone

from bundle_app import serving
from bundle_app.events import tokens
from bundle_app.models import ArmQuality, PolicyVersion
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, products, score, version

pytestmark = pytest.mark.django_db
BELIEFS = {
    "weights": [0.0, 0.0],
    "intercept": -3.0,
    "place_bias": [1.0, 0.8],
    "arm_strength": 10.0,
}
PAGES = 120


@pytest.fixture
def goods(settings: Any) -> list[Any]:
    settings.BUNDLE_APP = TUTORIAL
    return products(6)


@pytest.fixture
def request_of_nobody() -> Any:
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    request.user = AnonymousUser()
    return request


def explore(settings: Any, **values: float) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EXPLORATION_RATIO": 0.5, **values}


def live_policy() -> PolicyVersion:
    now = timezone.now()
    return PolicyVersion.objects.create(
        state="live", live_at=now, beliefs=BELIEFS, rewards={}, learned_from=now, learned_until=now, impressions=1
    )


def three_beside(anchor: Any, others: list[Any]) -> list[Any]:
    live = version()
    made = [bundle([anchor, other]) for other in others[:3]]
    for rank, each in enumerate(made, 1):
        score(each, live, anchor=anchor, rank=rank, score=0.5)
    return made


def firsts(anchor: Any, request: Any, *, limit: int = 1) -> Counter[int]:
    key = str(anchor.pk)
    shown = (serving.bundles_for([key], request=request, limit=limit, placement="product") for _ in range(PAGES))
    return Counter(offers[0].bundle.pk for offers in shown)


def test_a_policy_puts_first_what_did_better_than_its_score_promised(goods: list[Any], request_of_nobody: Any) -> None:
    made = three_beside(goods[0], goods[1:])
    policy = live_policy()
    ArmQuality.objects.create(policy=policy, anchor_key=str(goods[0].pk), bundle=made[2], quality=3.0, evidence=50.0)
    ArmQuality.objects.create(policy=policy, anchor_key=str(goods[1].pk), bundle=made[1], quality=9.0, evidence=50.0)

    offers = serving.bundles_for([str(goods[0].pk)], request=request_of_nobody, limit=3, placement="product")

    assert [offer.bundle for offer in offers] == [made[2], made[0], made[1]]
    showing = tokens.read_kept(offers[0].impression)
    assert (showing.policy_id, showing.propensity, showing.slot) == (policy.pk, 1.0, 1)


def test_without_a_policy_the_models_order_stands(goods: list[Any], request_of_nobody: Any) -> None:
    made = three_beside(goods[0], goods[1:])

    assert firsts(goods[0], request_of_nobody) == {made[0].pk: PAGES}


def test_so_much_is_explored_as_the_setting_says_and_the_token_says_how_likely_it_was(
    goods: list[Any], request_of_nobody: Any, settings: Any
) -> None:
    made = three_beside(goods[0], goods[1:])
    explore(settings)

    seen: Counter[tuple[int, float]] = Counter()
    for _ in range(PAGES):
        (offer,) = serving.bundles_for([str(goods[0].pk)], request=request_of_nobody, placement="product")
        seen[offer.bundle.pk, tokens.read_kept(offer.impression).propensity] += 1

    propensities = dict(seen.keys())
    assert set(propensities) == {each.pk for each in made}
    assert sum(propensities.values()) == pytest.approx(1)
    for (_, propensity), count in seen.items():
        assert count / PAGES == pytest.approx(propensity, abs=5 * (propensity * (1 - propensity) / PAGES) ** 0.5)
    assert 1 - propensities[made[0].pk] <= 0.5


def test_what_is_far_below_the_best_is_never_explored(goods: list[Any], request_of_nobody: Any, settings: Any) -> None:
    made = three_beside(goods[0], goods[1:])
    policy = live_policy()
    ArmQuality.objects.create(policy=policy, anchor_key=str(goods[0].pk), bundle=made[1], quality=0.1, evidence=50.0)
    explore(settings, EXPLORATION_FLOOR_RATIO=0.5)

    assert set(firsts(goods[0], request_of_nobody)) == {made[0].pk, made[2].pk}


@pytest.mark.parametrize("status", ["draft", "review", "paused", "rejected"])
def test_what_a_merchandiser_has_not_activated_is_never_explored(
    goods: list[Any], request_of_nobody: Any, settings: Any, status: str
) -> None:
    made = three_beside(goods[0], goods[1:])
    type(made[1]).objects.filter(pk=made[1].pk).update(status=status)
    explore(settings)

    assert set(firsts(goods[0], request_of_nobody)) == {made[0].pk, made[2].pk}


def test_what_is_pinned_or_made_by_hand_keeps_its_place(
    goods: list[Any], request_of_nobody: Any, settings: Any
) -> None:
    made = three_beside(goods[0], goods[1:])
    type(made[2]).objects.filter(pk=made[2].pk).update(pinned=True)
    by_hand = bundle([goods[0], goods[4]], source="manual")
    explore(settings)

    assert firsts(goods[0], request_of_nobody, limit=2) == {made[2].pk: PAGES}
    shown = serving.bundles_for([str(goods[0].pk)], request=request_of_nobody, limit=2, placement="product")
    assert shown[1].bundle == by_hand
    assert tokens.read_kept(shown[1].impression).propensity == 1.0


def test_beside_what_is_pinned_nothing_is_explored_and_the_pin_is_not_said_to_be_the_policys(
    goods: list[Any], request_of_nobody: Any, settings: Any
) -> None:
    made = three_beside(goods[0], goods[1:])
    type(made[2]).objects.filter(pk=made[2].pk).update(pinned=True)
    policy = live_policy()
    explore(settings)

    shown = [
        serving.bundles_for([str(goods[0].pk)], request=request_of_nobody, limit=2, placement="product")
        for _ in range(PAGES)
    ]

    assert {tuple(offer.bundle.pk for offer in offers) for offers in shown} == {(made[2].pk, made[0].pk)}
    pinned, ranked = (tokens.read_kept(offer.impression) for offer in shown[0])
    assert (pinned.policy_id, pinned.propensity) == (0, 1.0)
    assert (ranked.policy_id, ranked.propensity) == (policy.pk, 1.0)


def test_the_whole_shops_bundles_after_a_products_own_are_not_explored(
    goods: list[Any], request_of_nobody: Any, settings: Any
) -> None:
    made = three_beside(goods[0], goods[1:])
    for rank, pair in enumerate(([goods[4], goods[5]], [goods[3], goods[5]]), 1):
        score(bundle(pair), made[0].scores.get().model_version, rank=rank, score=0.5)
    explore(settings)

    shown = [
        serving.bundles_for([str(goods[0].pk)], request=request_of_nobody, limit=5, placement="product")
        for _ in range(PAGES)
    ]

    assert len({tuple(offer.bundle.pk for offer in offers[:3]) for offers in shown}) > 1
    assert len({tuple(offer.bundle.pk for offer in offers[3:]) for offers in shown}) == 1
    assert {tokens.read_kept(offer.impression).propensity for offers in shown for offer in offers[3:]} == {1.0}


def test_where_nobody_looks_nothing_is_explored(goods: list[Any], settings: Any) -> None:
    made = three_beside(goods[0], goods[1:])
    explore(settings)

    assert firsts(goods[0], None) == {made[0].pk: PAGES}
