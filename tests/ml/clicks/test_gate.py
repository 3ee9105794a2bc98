from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks.always_valid import half_width
from bundle_ml.clicks.estimators import Estimate, Logged, ips
from bundle_ml.clicks.gate import Code, GateSettings, promote, watch
from bundle_ml.errors import DataError, SettingsError

COUNT = 20_000


def _logged(second_pays: float, *, seed: int = 0) -> tuple[Estimate, Estimate]:
    """An even log of two actions, the first of which pays .1: estimates of always the second, and of always the first."""
    random = np.random.default_rng(seed)
    is_second = random.random(COUNT) < 0.5
    rewards = (random.random(COUNT) < np.where(is_second, second_pays, 0.1)).astype(float)
    logged, second = np.full(COUNT, 0.5), is_second.astype(np.float64)
    return ips(Logged(rewards, logged, second)), ips(Logged(rewards, logged, np.where(is_second, 0.0, 1.0)))


def _promise(rate: float) -> Estimate:
    rewards = np.repeat([1.0, 0.0], [round(COUNT * rate), COUNT - round(COUNT * rate)])
    return ips(Logged(rewards, np.ones(COUNT), np.ones(COUNT)))


@pytest.mark.parametrize(
    ("pays", "code"),
    [
        (0.13, Code.BETTER),
        (0.1, Code.NOT_BETTER_BEYOND_CHANCE),
        (0.07, Code.WORSE_BEYOND_CHANCE),
    ],
)
def test_what_goes_live_is_better_beyond_chance(pays: float, code: Code) -> None:
    candidate, incumbent = _logged(pays)

    decision = promote(candidate, incumbent, GateSettings())

    assert decision.code == code
    assert decision.goes_live is (code is Code.BETTER)
    assert decision.numbers["lead"] == pytest.approx(candidate.mean - incumbent.mean)
    assert decision.numbers["lead_low"] < decision.numbers["lead"] < decision.numbers["lead_high"]


def test_a_short_log_decides_nothing_and_a_gain_can_be_asked_for() -> None:
    candidate, incumbent = _logged(0.13)

    assert promote(candidate, incumbent, GateSettings(least_effective_count=COUNT)).code is Code.TOO_LITTLE_LOG
    assert not promote(candidate, incumbent, GateSettings(least_gain_ratio=0.5)).goes_live


def test_an_equal_policy_is_seldom_promoted() -> None:
    promoted = [promote(*_logged(0.1, seed=seed), GateSettings()).goes_live for seed in range(200)]

    assert sum(promoted) <= 12  # 2.5 % are expected; more than 12 happen once in a thousand


def test_a_live_policy_below_its_promise_is_rolled_back() -> None:
    promised, settings = _promise(0.10), GateSettings()

    assert watch(1000, 1000, 10_000, promised, settings).code is Code.WITHIN_PROMISE
    below = watch(800, 800, 10_000, promised, settings)
    assert below.rolls_back
    assert below.numbers["earned_high"] < below.numbers["promised_low"]
    assert not watch(1500, 1500, 10_000, promised, settings).rolls_back, "more than promised is no fault"
    assert not watch(0, 0, 20, promised, settings).rolls_back, "nothing earned yet says little"


def test_looking_every_day_does_not_roll_back_what_keeps_its_promise() -> None:
    random, promised, settings = np.random.default_rng(0), _promise(0.05), GateSettings()
    rolled_back = 0
    for _ in range(200):
        clicks = np.cumsum(random.binomial(1000, 0.05, size=60)).tolist()
        rolled_back += any(
            watch(each, each, 1000 * day, promised, settings).rolls_back for day, each in enumerate(clicks, 1)
        )

    assert rolled_back <= 10


def test_an_interval_for_every_look_holds_at_all_looks() -> None:
    random = np.random.default_rng(1)
    missed = 0
    for _ in range(300):
        means = np.cumsum(random.standard_normal(3000)) / np.arange(1, 3001)
        missed += any(
            abs(means[count - 1]) > half_width(1.0, count, narrowest_at=1000) for count in range(50, 3001, 50)
        )

    assert missed <= 15


def test_what_cannot_be_watched_says_why() -> None:
    with pytest.raises(DataError, match="Found 0 impressions and a sum of squares of 0; expected 1 and 0 or more"):
        watch(0, 0, 0, _promise(0.1), GateSettings())
    with pytest.raises(SettingsError, match="expected counts and a gain of 0 or more"):
        GateSettings(least_gain_ratio=-1)
    with pytest.raises(DataError, match="Found 0 numbers, a deviation of 1 and an error ratio of 0.05"):
        half_width(1, 0)
