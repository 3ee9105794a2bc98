from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle_ml.clicks.composer import IMPOSSIBLE, Composer, ComposerShape, Situation, compose
from bundle_ml.clicks.composing import Composing
from bundle_ml.clicks.reinforce import (
    Log,
    ReinforceSettings,
    held_out_apart,
    held_out_estimate,
    practise,
    roll_out,
    teach,
)
from bundle_ml.clicks.truth import EMPTY, Numbers, Openings, Reals
from bundle_ml.clicks.visits import Compositions
from bundle_ml.errors import ArtefactError, DataError

QUICK = ReinforceSettings(epochs=6, learning_rate=0.01, batch_size=256, seed=1)


class OneGoodItem(Compositions):
    """Whatever the anchor, a bundle with item 77 is clicked half of the time, every other one hardly ever."""

    def click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        return np.where((bundles_BM == 77).any(axis=1), 0.5, 0.02)

    def expected_click_chances(self, openings: Openings, bundles_BM: Numbers) -> Reals:
        return self.click_chances(openings, bundles_BM)

    def next_item_log_scores(self, sets_BM: Numbers, items_C: Numbers) -> Reals:
        """The supervised model likes 77 somewhat, and 50 best."""
        scores_V = np.full(self.item_count, -4.0)
        scores_V[50], scores_V[77] = -1.0, -1.6
        return np.tile(scores_V[items_C], (len(sets_BM), 1))


@pytest.fixture(scope="module")
def truth() -> OneGoodItem:
    shop = Compositions.generate(0, anchor_count=6, stock_ratio=1.0)
    return OneGoodItem(shop.visits, shop.in_stock_V)


def _composer(truth: Compositions, *, seed: int = 0) -> Composer:
    torch.set_num_threads(1)
    return Composer(ComposerShape(item_count=truth.item_count, context_count=truth.context_count, width=16), seed=seed)


def _worth(composer: Composer, truth: Compositions) -> float:
    openings = truth.open(400, np.random.default_rng(9))
    return float(truth.expected_click_chances(openings, compose(composer, truth, openings)).mean())


def test_before_the_first_update_the_policy_is_the_supervised_model() -> None:
    truth = Compositions.generate(1, anchor_count=20)
    composer = _composer(truth, seed=7)
    composing = Composing(truth, 2)
    composing.open(300, np.random.default_rng(0))
    expected = []
    for row, anchor in enumerate(composing.openings.anchors_B.tolist()):
        scores = truth.next_item_log_scores(np.array([[anchor]]), np.arange(truth.item_count))[0]
        expected.append(int(np.where(composing.allowed()[row, :-1], scores, -np.inf).argmax()))

    situation = Situation.of(composing)
    with torch.inference_mode():
        assert torch.equal(composer(situation), torch.log_softmax(composer.supervised(situation), dim=1))
    bundles_BM = compose(composer, truth, composing.openings, most_items=2)
    assert bundles_BM[:, 0].tolist() == expected
    assert (compose(_composer(truth, seed=8), truth, composing.openings, most_items=2) == bundles_BM).all()


def test_what_is_masked_has_no_chance(truth: OneGoodItem) -> None:
    composing = Composing(truth)
    composing.open(50, np.random.default_rng(0))

    with torch.inference_mode():
        situation = Situation.of(composing)
        log_BA = _composer(truth)(situation).numpy()

    allowed_BA = composing.allowed()
    assert not np.delete(allowed_BA, situation.actions_A.numpy(), axis=1).any(), "what nobody may take is not asked"
    assert (log_BA[~allowed_BA[:, situation.actions_A.numpy()]] < IMPOSSIBLE / 2).all()
    assert np.exp(log_BA).sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)


def test_propensities_of_a_log_are_those_of_its_policy(truth: OneGoodItem) -> None:
    composer = _composer(truth)
    log = roll_out(composer, Composing(truth), 4000, np.random.default_rng(0))
    pairs = (log.actions_BT[:, 0] == 77) & (log.actions_BT[:, 1] == truth.item_count)

    assert np.exp(log.log_propensity_B[pairs]).mean() == pytest.approx(pairs.mean(), rel=0.2)
    weight_one = held_out_estimate(composer, truth, log, QUICK)
    assert weight_one == pytest.approx(log.rewards_B.mean(), abs=1e-6)


def test_from_a_log_of_the_supervised_model_it_learns_what_that_does_not_know(truth: OneGoodItem) -> None:
    composer = _composer(truth)
    log = roll_out(composer, Composing(truth), 6000, np.random.default_rng(0))
    told: list[int] = []

    best = teach(composer, truth, *held_out_apart(log, QUICK), QUICK, on_epoch=lambda epoch, _: told.append(epoch))

    assert _worth(_composer(truth), truth) == pytest.approx(0.02)
    assert _worth(best, truth) > 0.4
    assert told[0] == 0


def test_it_learns_in_the_environment_too(truth: OneGoodItem) -> None:
    composer = practise(_composer(truth), Composing(truth), QUICK, batches=40, random=np.random.default_rng(0))

    assert _worth(composer, truth) > 0.4


def test_a_log_without_a_reward_leaves_it_as_it_was(truth: OneGoodItem) -> None:
    composer = _composer(truth)
    log = roll_out(composer, Composing(truth), 400, np.random.default_rng(0))
    nothing = Log(log.openings, log.actions_BT, log.log_propensity_B, np.zeros(len(log)), log.counts_B)
    before = copy.deepcopy(composer.state_dict())

    best = teach(composer, truth, *held_out_apart(nothing, QUICK), replace(QUICK, epochs=2))

    assert all(torch.equal(weight, before[name]) for name, weight in best.state_dict().items())


def test_a_tight_leash_keeps_it_at_the_supervised_model(truth: OneGoodItem) -> None:
    composer = practise(
        _composer(truth), Composing(truth), replace(QUICK, kl_weight=50.0), batches=20, random=np.random.default_rng(0)
    )

    assert _worth(composer, truth) == pytest.approx(0.02)


def test_a_log_too_short_to_hold_anything_out_says_so(truth: OneGoodItem) -> None:
    log = roll_out(_composer(truth), Composing(truth), 3, np.random.default_rng(0))

    with pytest.raises(DataError, match="The log holds 3 bundles; expected enough to learn from some and hold two out"):
        held_out_apart(log, QUICK)


def test_it_is_stored_and_read_again_and_damage_is_told(truth: OneGoodItem, tmp_path: Path) -> None:
    composer, path = _composer(truth), tmp_path / "composer.safetensors"
    with torch.no_grad():
        composer.narrow.weight.normal_()
    composer.save(path)
    openings = truth.open(50, np.random.default_rng(0))

    read = Composer.load(path)

    assert read.shape == composer.shape
    assert (compose(read, truth, openings) == compose(composer, truth, openings)).all()
    assert (compose(read, truth, openings)[:, 0] != EMPTY).all()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtefactError, match=r"composer\.safetensors holds no composer: .*Train one and save it anew"):
        Composer.load(path)
    with torch.no_grad():
        composer.narrow.weight[0, 0] = float("nan")
    composer.save(path)
    with pytest.raises(ArtefactError, match="holds weights that are no finite numbers"):
        Composer.load(path)
