from __future__ import annotations

import warnings

import numpy as np
import pytest

from bundle_ml.clicks.composing import Composing, RewardSettings
from bundle_ml.clicks.truth import EMPTY, Reals
from bundle_ml.clicks.visits import Compositions
from bundle_ml.errors import DataError, SettingsError

gymnasium = pytest.importorskip("gymnasium")


@pytest.fixture(scope="module")
def truth() -> Compositions:
    return Compositions.generate(0, anchor_count=8)


def test_gymnasium_s_own_check_passes(truth: Compositions) -> None:
    from gymnasium.utils.env_checker import check_env

    from bundle_ml.clicks.environment import BundleEnv

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A Box observation space|.*not within the observation space", UserWarning)
        check_env(BundleEnv(truth, render_mode="ansi"), skip_render_check=True)


def test_an_episode_adds_what_is_allowed_and_ends_with_a_stop(truth: Compositions) -> None:
    from bundle_ml.clicks.environment import BundleEnv

    env = BundleEnv(truth, most_items=2)
    random = np.random.default_rng(0)
    rewards = []
    for episode in range(300):
        observation, info = env.reset(seed=episode)
        assert not info["action_mask"][-1], "nothing is in the bundle yet"
        is_over, total = False, 0.0
        while not is_over:
            action = random.choice(np.flatnonzero(env.action_masks()))
            observation, reward, is_over, _, info = env.step(action)
            assert env.observation_space.contains(observation)
            total += reward
        assert 1 <= env.composing.sizes_B[0] <= 2
        rewards.append(total)
    assert set(rewards) == {0.0, 1.0}


def test_a_masked_action_ends_the_episode_and_earns_nothing(truth: Compositions) -> None:
    from bundle_ml.clicks.environment import BundleEnv

    env = BundleEnv(truth)
    env.reset(seed=0)

    _, reward, is_over, _, info = env.step(np.int64(truth.item_count))

    assert (reward, is_over, info["is_masked"]) == (0.0, True, True)
    assert "nothing yet" in env.render()


def test_the_same_seed_is_the_same_episode(truth: Compositions) -> None:
    from bundle_ml.clicks.environment import BundleEnv

    one, other = BundleEnv(truth), BundleEnv(truth)

    assert (one.reset(seed=5)[0] == other.reset(seed=5)[0]).all()


def _composed(truth: Compositions, rewards: RewardSettings) -> tuple[Composing, Reals]:
    random, composing = np.random.default_rng(3), Composing(truth, 1, rewards)
    composing.open(4000, random)
    firsts = composing.allowed()[:, :-1].argmax(axis=1)
    composing.step(firsts, random)
    return composing, composing.step(np.full(4000, composing.stop), random)


def test_rewards_are_what_settings_make_of_clicks_adds_and_purchases(truth: Compositions) -> None:
    _, clicks = _composed(truth, RewardSettings())
    _, purchases = _composed(truth, RewardSettings(click=0, purchase=1))
    _, all_three = _composed(truth, RewardSettings(click=1, add=2, purchase=4))
    composing, by_margin = _composed(truth, RewardSettings(click=0, purchase=1, is_by_margin=True))

    assert clicks.sum() > purchases.sum() > 0
    assert set(all_three.tolist()) <= {0.0, 1.0, 3.0, 7.0}
    assert by_margin == pytest.approx(purchases * truth.margin_V[composing.bundles_BM[:, 0]])


def test_many_bundles_are_composed_at_once_each_at_its_own_pace(truth: Compositions) -> None:
    random, composing = np.random.default_rng(0), Composing(truth, 2)
    composing.open(2, random)
    first = composing.allowed()[:, :-1].argmax(axis=1)
    composing.step(first, random)

    composing.step(np.array([composing.stop, composing.allowed()[1, :-1].argmax()]), random)

    assert composing.sizes_B.tolist() == [1, 2]
    assert composing.is_done_B.tolist() == [True, False]
    assert composing.allowed()[:, -1].all()
    assert composing.allowed().sum() == 2, "one is done, the other full"
    assert (composing.bundles_BM[0, 1:] == EMPTY).all()


def test_what_cannot_be_done_says_why(truth: Compositions) -> None:
    composing = Composing(truth)
    composing.open(1, np.random.default_rng(0))

    with pytest.raises(DataError, match="Found action 150 for the bundle .* expected one that `allowed` permits"):
        composing.step(np.array([150]), np.random.default_rng(0))
    with pytest.raises(SettingsError, match="expected rewards of 0 or more, and one above 0"):
        RewardSettings(click=0)
