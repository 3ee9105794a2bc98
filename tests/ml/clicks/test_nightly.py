"""A shop's night, on shops whose answer is known: what each arm is worth is set by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks import bandit
from bundle_ml.clicks.bandit import BanditSettings, Beliefs
from bundle_ml.clicks.counts import Counts
from bundle_ml.clicks.gate import Code, GateSettings
from bundle_ml.clicks.nightly import PLACE_COUNT, Arms, Log, Policy, judge, learn, order_values
from bundle_ml.clicks.truth import Reals

ANCHORS, COLUMNS = 60, 5
ALONE = np.arange(ANCHORS * COLUMNS)
"""Every arm a core of its own."""
SETTINGS = BanditSettings(exploration_ratio=0.2)
GATE = GateSettings(least_effective_count=200)


def arms() -> Arms:
    """Five bundles beside each of sixty products; their only feature is the logarithm of their rank."""
    anchors_R = np.repeat(np.arange(ANCHORS), COLUMNS)
    return Arms(anchors_R, np.log(np.tile(np.arange(1, COLUMNS + 1), ANCHORS))[:, None])


def worth(random: np.random.Generator, *, order_is_right: bool) -> Reals:
    """Chances of a click: all alike but the first, a little better; or one of the five, five times as good."""
    best_A = np.zeros(ANCHORS, np.int64) if order_is_right else random.integers(COLUMNS, size=ANCHORS)
    chances_AC = np.full((ANCHORS, COLUMNS), 0.15 if order_is_right else 0.04)
    chances_AC[np.arange(ANCHORS), best_A] = 0.2
    return chances_AC.ravel()


def logged(policy: Policy | None, chances_R: Reals, count: int, random: np.random.Generator) -> Log:
    """Pages with one place, shown by a policy, or in the supervised order where there is none."""
    shop = arms()
    pages_N = random.integers(ANCHORS, size=count)
    table_NC = shop.table_AC[pages_N]
    if policy is None:
        fixed = order_values(COLUMNS)
        shape = (len(table_NC), COLUMNS)
        values = bandit.Values(*(np.broadcast_to(each[:, 0], shape) for each in (fixed.mean_RH, fixed.deviation_RH)))
    else:
        values = policy.values(shop).at(table_NC, np.zeros(count, np.int64))
    plan = bandit.plan(values, table_NC >= 0, 1, SETTINGS)
    columns_N = plan.draw(random)[:, 0]
    arms_N = table_NC[np.arange(count), columns_N]
    propensities_N = plan.propensities()[np.arange(count), columns_N, 0]
    rewards_N = (random.random(count) < chances_R[arms_N]).astype(np.float64)
    zeros, ones = np.zeros(count, np.int64), np.ones(count, np.int64)
    return Log(arms_N, zeros, ones, rewards_N, propensities_N, np.arange(count))


def counted(log: Log) -> Counts:
    everybody = np.ones(len(log.arms_N), np.bool_)
    shape = (ANCHORS * COLUMNS, 1, PLACE_COUNT)
    return Counts.of(
        log.arms_N, np.zeros_like(log.arms_N), log.places_N, log.rewards_N, everybody, is_sale_N=~everybody, shape=shape
    )


def earned(policy: Policy | None, chances_R: Reals) -> float:
    random = np.random.default_rng(99)
    log = logged(policy, chances_R, 20_000, random)
    return float(chances_R[log.arms_N].mean())


def test_what_clicks_show_overrules_the_supervised_order_and_goes_live() -> None:
    random = np.random.default_rng(1)
    chances_R = worth(random, order_is_right=False)

    learned = learn(arms(), ALONE, counted(logged(None, chances_R, 20_000, random)), SETTINGS)
    assert learned is not None
    decision, promised = judge(
        arms(), logged(None, chances_R, 20_000, random), learned, None, settings=SETTINGS, gate_settings=GATE
    )

    assert decision.code is Code.BETTER
    assert earned(learned, chances_R) > 1.5 * earned(None, chances_R)
    assert promised.low < earned(learned, chances_R) < promised.high


def test_where_the_order_is_right_there_is_nothing_to_win_and_it_stays() -> None:
    random = np.random.default_rng(2)
    chances_R = worth(random, order_is_right=True)

    learned = learn(arms(), ALONE, counted(logged(None, chances_R, 20_000, random)), SETTINGS)
    assert learned is not None
    decision, _ = judge(
        arms(), logged(None, chances_R, 20_000, random), learned, None, settings=SETTINGS, gate_settings=GATE
    )

    assert not decision.goes_live


def test_a_policy_from_a_short_log_does_not_replace_one_from_a_long_one() -> None:
    random = np.random.default_rng(3)
    chances_R = worth(random, order_is_right=False)
    good = learn(arms(), ALONE, counted(logged(None, chances_R, 40_000, random)), SETTINGS)
    hasty = learn(arms(), ALONE, counted(logged(None, chances_R, 300, random)), SETTINGS)
    assert good is not None
    assert hasty is not None

    decision, _ = judge(
        arms(), logged(good, chances_R, 20_000, random), hasty, good, settings=SETTINGS, gate_settings=GATE
    )

    assert decision.code in {Code.WORSE_BEYOND_CHANCE, Code.TOO_LITTLE_LOG}


def test_a_policy_is_no_better_than_itself() -> None:
    random = np.random.default_rng(4)
    chances_R = worth(random, order_is_right=False)
    learned = learn(arms(), ALONE, counted(logged(None, chances_R, 20_000, random)), SETTINGS)
    assert learned is not None

    decision, _ = judge(
        arms(), logged(learned, chances_R, 5_000, random), learned, learned, settings=SETTINGS, gate_settings=GATE
    )

    assert decision.code is Code.NOT_BETTER_BEYOND_CHANCE
    assert decision.numbers["lead"] == pytest.approx(0)


def test_without_a_reward_there_is_nothing_to_learn() -> None:
    assert learn(arms(), ALONE, Counts.none(ANCHORS * COLUMNS, 1, PLACE_COUNT), SETTINGS) is None


def test_what_is_stored_of_an_arm_says_what_it_is_worth() -> None:
    """Mean and deviation come out again as `bandit.value` gave them."""
    random = np.random.default_rng(5)
    counts = counted(logged(None, worth(random, order_is_right=False), 20_000, random))
    learned = learn(arms(), ALONE, counts, SETTINGS)
    assert learned is not None

    values = bandit.value(counts, arms().features_RF[:, None, :], ALONE, learned.beliefs, SETTINGS)

    np.testing.assert_allclose(learned.values(arms()).mean_RH, values.mean_RH)
    np.testing.assert_allclose(learned.values(arms()).deviation_RH, values.deviation_RH)


def test_a_lead_that_rests_on_what_was_never_shown_is_none() -> None:
    """The log shows the first two bundles alone; the policy swears by the last one."""
    random = np.random.default_rng(6)
    shop, count = arms(), 20_000
    places_N = random.integers(2, size=count)
    arms_N = random.integers(ANCHORS, size=count) * COLUMNS + places_N
    zeros, ones = np.zeros(count, np.int64), np.ones(count, np.int64)
    rewards_N = (random.random(count) < 0.1).astype(np.float64)
    log = Log(arms_N, zeros, ones, rewards_N, np.full(count, 0.5), np.arange(count))
    beliefs = Beliefs(weights=(0.0,), intercept=float(np.log(0.1)), place_bias=(1.0,), arm_strength=10.0)
    quality_R = np.where(shop.columns_R == COLUMNS - 1, 5.0, 1.0)
    dreamer = Policy(beliefs, quality_R, np.full(len(quality_R), 10.0))

    decision, _ = judge(shop, log, dreamer, None, settings=SETTINGS, gate_settings=GATE)

    assert decision.numbers["lead_low"] > 0
    assert decision.numbers["supported_ratio"] < 0.5
    assert decision.code is Code.TOO_LITTLE_LOG
