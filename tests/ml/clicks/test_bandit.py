from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_ml.clicks import bandit
from bundle_ml.clicks.bandit import BanditSettings, Beliefs, Plan, Values
from bundle_ml.clicks.counts import Counts
from bundle_ml.clicks.truth import EMPTY
from bundle_ml.errors import DataError, SettingsError

BELIEFS = Beliefs(weights=(0.0,), intercept=float(np.log(0.1)), place_bias=(1.0, 0.5), arm_strength=4.0)


def _values(rows: object) -> Values:
    mean = np.atleast_2d(np.asarray(rows, np.float64))
    return Values(mean, mean / 4)


def _plan(rows: object, *, slot_count: int = 3, **changes: float) -> Plan:
    values = _values(rows)
    return bandit.plan(values, values.mean_RH > 0, slot_count, replace(BanditSettings(), **changes))


def _counts(shown: float, reward: float, *, buyers: tuple[float, float] | None = None, sales: float = 0.0) -> Counts:
    """One arm in one context, all in the first of two places."""
    cells = [np.asarray([[[each, 0.0]]]) for each in (shown, reward, *(buyers or (shown, reward)), sales)]
    return Counts(*cells)


def _mean(counts: Counts, *, beliefs: Beliefs = BELIEFS) -> float:
    return float(
        bandit.value(counts, np.zeros((1, 1, 1)), np.zeros(1, np.int64), beliefs, BanditSettings()).mean_RH[0, 0]
    )


def test_a_new_arm_is_worth_what_its_features_promise_and_an_old_one_what_it_earned() -> None:
    assert _mean(_counts(0, 0)) == pytest.approx(0.1)
    assert _mean(_counts(100, 20)) == pytest.approx(0.1 * (4 + 20) / (4 + 10))
    assert _mean(_counts(1e6, 3e5)) == pytest.approx(0.3, rel=1e-3)


def test_an_impression_counts_as_much_as_its_place_is_looked_at() -> None:
    second = Counts(*(np.asarray([[[0.0, each]]]) for each in (100.0, 20.0, 100.0, 20.0, 0.0)))

    assert _mean(second) == pytest.approx(0.1 * (4 + 20) / (4 + 5))


def test_clicks_of_strangers_move_a_value_no_further_than_known_buyers_allow() -> None:
    honest = _counts(1000, 100, buyers=(300, 30))
    attacked = honest + _counts(500, 500, buyers=(0, 0))
    buyers = 0.1 * (4 + 30) / (4 + 30)

    assert _mean(honest) == pytest.approx(0.1)
    assert _mean(attacked) <= buyers * (1 + BanditSettings().trust_deviations / np.sqrt(34)) + 1e-9
    assert _mean(_counts(1500, 600, buyers=(0, 0))) > 0.3, "a shop that knows no buyer believes everybody"


def test_what_others_buy_is_believed_as_known_buyers_clicks_are() -> None:
    """Others buy a tenth as often as buyers click: 1,000 showings to them tell as much as 100, whatever is clicked."""
    usual = Counts(*(np.asarray([[[each]], [[each]]]) for each in (2000.0, 100.0, 1000.0, 50.0, 5.0)))
    bought = Counts(*(np.asarray([[[each]], [[0.0]]]) for each in (0.0, 0.0, 0.0, 0.0, 5.0)))

    shown, rewards = usual.vouched()
    more_shown, more_rewards = (usual + bought).vouched()

    assert shown.ravel() == pytest.approx([1100, 1100])
    assert rewards.ravel() == pytest.approx([55, 55])
    assert more_shown.ravel() == pytest.approx([1150, 1150]), "others now buy three twentieths as often"
    assert more_rewards.ravel() == pytest.approx([60, 55])


def test_what_bots_click_changes_nothing_of_what_is_vouched_for() -> None:
    honest = _counts(1000, 100, buyers=(300, 30), sales=14)
    clicked = Counts(*(np.asarray([[[each, 0.0]]]) for each in (0.0, 400.0, 0.0, 0.0, 0.0)))

    for one, other in zip((honest + clicked).vouched(), honest.vouched(), strict=True):
        assert (one == other).all()


def test_an_arm_that_was_never_shown_is_worth_what_its_core_says() -> None:
    beliefs = replace(BELIEFS, arm_strength=10.0, core_ratio=0.5)
    shown, reward = (np.asarray([[[each, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]]) for each in (1000.0, 200.0))
    counts = Counts(shown, reward, shown, reward, 0 * shown)

    values = bandit.value(counts, np.zeros((3, 1, 1)), np.array([0, 0, 1]), beliefs, BanditSettings())

    known, kin, stranger = values.mean_RH[:, 0].tolist()
    assert stranger == pytest.approx(0.1)
    assert 0.13 < kin < 0.16 < known < 0.2
    assert values.deviation_RH[2, 0] == pytest.approx(0.1 / np.sqrt(10)), "as if there were no cores"


def test_the_fit_finds_how_much_those_of_a_core_have_in_common() -> None:
    random = np.random.default_rng(3)
    core_of_R = np.arange(4000) // 4
    ratios = random.gamma(8.0, 1 / 8.0, 1000)[core_of_R] * random.gamma(24.0, 1 / 24.0, 4000)
    shown = np.full((4000, 1, 1), 600.0)
    rewards = random.poisson(shown * 0.05 * ratios[:, None, None]).astype(float)

    beliefs = bandit.fit(Counts(shown, rewards, shown, rewards, 0 * shown), np.zeros((4000, 1, 1)), core_of_R)

    assert beliefs is not None
    assert beliefs.arm_strength == pytest.approx(6, rel=0.15)
    assert beliefs.core_ratio == pytest.approx(0.75, abs=0.08)


def test_a_day_at_once_equals_click_by_click_and_servers_can_be_added_up() -> None:
    random = np.random.default_rng(0)
    shape = (6, 2, 3)
    arms, contexts, places = (random.integers(size, size=400) for size in shape)
    rewards, is_buyer = (random.random(400) < 0.3).astype(float), random.random(400) < 0.4
    is_sale = (rewards > 0) & (random.random(400) < 0.3)

    def counted(rows: slice) -> Counts:
        return Counts.of(
            arms[rows],
            contexts[rows],
            places[rows],
            rewards[rows],
            is_buyer[rows],
            is_sale_N=is_sale[rows],
            shape=shape,
        )

    at_once = counted(slice(None))
    one_by_one = sum((counted(slice(row, row + 1)) for row in range(400)), Counts.none(*shape))
    features, one_core = random.standard_normal((6, 2, 1)), np.zeros(6, np.int64)

    assert (one_by_one.reward_RHK == at_once.reward_RHK).all()
    assert (one_by_one.buyers_shown_RHK == at_once.buyers_shown_RHK).all()
    assert bandit.fit(one_by_one, features, one_core) == bandit.fit(at_once, features, one_core)


def test_the_fit_finds_what_rewards_were_made_with() -> None:
    random = np.random.default_rng(1)
    arm_count = 2000
    features = random.standard_normal((arm_count, 1, 2))
    ratios = random.gamma(5.0, 1 / 5.0, arm_count)
    rates = np.exp(features @ np.array([0.5, -0.3]) - 3)[:, 0] * ratios
    shown = random.integers(50, 400, (arm_count, 1, 3)).astype(float)
    rewards = random.poisson(shown * rates[:, None, None] * np.array([1.0, 0.6, 0.3])).astype(float)

    beliefs = bandit.fit(Counts(shown, rewards, shown, rewards, 0 * shown), features, np.arange(arm_count))

    assert beliefs is not None
    assert beliefs.weights == pytest.approx((0.5, -0.3), abs=0.05)
    assert beliefs.intercept == pytest.approx(-3, abs=0.05)
    assert beliefs.place_bias == pytest.approx((1, 0.6, 0.3), abs=0.03)
    assert beliefs.arm_strength == pytest.approx(5, rel=0.25)


def test_places_are_told_from_what_stands_in_them() -> None:
    """Good arms stand first nine times in ten. Without the arms' own values the bias would be taken for .17."""
    random = np.random.default_rng(2)
    rates = np.repeat([0.2, 0.05], 300)
    shown = np.where(np.repeat([True, False], 300)[:, None], [900.0, 100.0], [100.0, 900.0])[:, None, :]
    rewards = random.poisson(shown * rates[:, None, None] * np.array([1.0, 0.5])).astype(float)

    beliefs = bandit.fit(Counts(shown, rewards, shown, rewards, 0 * shown), np.zeros((600, 1, 1)), np.arange(600))

    assert beliefs is not None
    assert beliefs.place_bias[1] == pytest.approx(0.5, abs=0.1)


def test_without_a_reward_there_is_nothing_to_fit() -> None:
    assert bandit.fit(Counts.none(3, 2, 2), np.zeros((3, 2, 1)), np.arange(3)) is None


def test_beliefs_are_plain_numbers() -> None:
    assert Beliefs.from_json(json.loads(json.dumps(BELIEFS.to_json()))) == BELIEFS
    with pytest.raises(DataError, match="These beliefs cannot be read: .* Fit them again"):
        Beliefs.from_json({"weights": [1.0]})


@settings(max_examples=60, deadline=None)
@given(
    means=st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.03, 0.05, 0.08]), min_size=1, max_size=6),
    slot_count=st.integers(1, 4),
    ratio=st.sampled_from([0.0, 0.05, 0.3]),
    seed=st.integers(0, 100),
)
def test_propensities_are_the_shares_in_which_pages_are_filled(
    means: list[float], slot_count: int, ratio: float, seed: int
) -> None:
    """Every outcome is enumerated: explores or not, who is drawn, which place."""
    plan = _plan(means, slot_count=slot_count, exploration_ratio=ratio)
    best, weights, explores = plan.best_NK[0], plan.draw_weights_NC[0], float(plan.explores_N[0])
    filled = int((best != EMPTY).sum())
    expected = np.zeros((len(means), slot_count))
    for place in range(filled):
        expected[best[place], place] += 1 - explores if weights.sum() else 1
    for drawn in np.flatnonzero(weights).tolist():
        for place in range(filled):
            page = best.copy()
            page[page == drawn] = page[place]
            page[place] = drawn
            for at in range(filled):
                expected[page[at], at] += explores * weights[drawn] / filled

    found = plan.propensities()[0]

    assert found == pytest.approx(expected)
    assert found.sum(axis=0) == pytest.approx((np.arange(slot_count) < filled).astype(float))
    many = plan.take(np.zeros(20_000, np.int64)).draw(np.random.default_rng(seed))
    for column in range(len(means)):
        assert (many == column).mean(axis=0) == pytest.approx(found[column], abs=0.02)


def test_exploration_keeps_to_its_share_of_impressions() -> None:
    plan = _plan([0.05, 0.05, 0.04, 0.04, 0.03, 0.03], exploration_ratio=0.1).take(np.zeros(50_000, np.int64))

    columns = plan.draw(np.random.default_rng(0))

    assert (columns != plan.best_NK).mean() == pytest.approx(0.1, abs=0.003)


def test_what_may_not_be_shown_never_is_and_what_is_too_poor_is_never_drawn() -> None:
    values = _values([0.05, 0.04, 0.03, 0.014, 0.05])
    eligible = np.array([[True, True, True, True, False]])

    plan = bandit.plan(values, eligible, 2, BanditSettings(exploration_ratio=1.0, floor_ratio=0.3))
    shown = np.unique(plan.take(np.zeros(2000, np.int64)).draw(np.random.default_rng(0)))

    assert shown.tolist() == [0, 1, 2]


def test_a_page_with_too_few_candidates_ends_in_empty_places() -> None:
    plan = _plan([0.02, 0.0], slot_count=3)

    assert plan.best_NK.tolist() == [[0, EMPTY, EMPTY]]
    assert plan.draw(np.random.default_rng(0)).tolist() == [[0, EMPTY, EMPTY]]
    assert _plan([0.0, 0.0]).draw(np.random.default_rng(0)).tolist() == [[EMPTY] * 3]


def test_without_exploration_the_best_is_certain() -> None:
    plan = _plan([0.01, 0.03, 0.02], exploration_ratio=0.0)

    assert plan.draw(np.random.default_rng(0)).tolist() == [[1, 2, 0]]
    assert plan.propensities()[0, 1].tolist() == [1, 0, 0]


def test_wrong_inputs_say_so() -> None:
    counts = Counts.none(2, 1, 2)

    with pytest.raises(DataError, match=r"The features have the shape \(3, 1, 1\); expected \(2, 1, 'features'\)"):
        bandit.fit(counts, np.zeros((3, 1, 1)), np.arange(2))
    with pytest.raises(DataError, match="There are 2 features and 2 places; expected 1 and 2, as when the beliefs"):
        bandit.value(counts, np.zeros((2, 1, 2)), np.arange(2), BELIEFS, BanditSettings())
    with pytest.raises(DataError, match="There are 3 cores; expected 2, one for every arm that is counted"):
        bandit.fit(counts, np.zeros((2, 1, 1)), np.arange(3))
    with pytest.raises(SettingsError, match="exploration_ratio is 2; expected 0 to 1"):
        BanditSettings(exploration_ratio=2)
    with pytest.raises(SettingsError, match="optimism is inf; expected a finite number of 0 or more"):
        BanditSettings(optimism=float("inf"))
