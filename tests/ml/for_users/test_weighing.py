from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.for_users.parts import UserNumbers
from bundle_ml.for_users.weighing import Shortlists, fit_weights, measure_spreads
from tests.ml.for_users.worlds import ones

USERS, BUNDLES = 60, 80


@dataclass(frozen=True)
class Fixed:
    scores_UB: FloatArray

    def scores(self, users: UserNumbers) -> FloatArray:
        return self.scores_UB[users]


def _asked(parts: dict[str, Fixed], answers: FloatArray, known: FloatArray | None = None) -> Shortlists:
    users = np.arange(len(answers))
    known_UB = ones(np.zeros(answers.shape) if known is None else known)
    return Shortlists.of(parts, measure_spreads(parts, users), users=users, known_UB=known_UB, answers_UB=ones(answers))


def _answers() -> FloatArray:
    answers = np.zeros((USERS, BUNDLES), np.float32)
    answers[np.arange(USERS), np.arange(USERS)] = 1
    return answers


def _noise(seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((USERS, BUNDLES)).astype(np.float32)


def test_a_part_that_knows_outweighs_one_that_does_not() -> None:
    parts = {"noise": Fixed(_noise(0)), "knows": Fixed(_answers() + 0.1 * _noise(1))}

    weights = fit_weights(_asked(parts, _answers()))

    assert weights.sum() == pytest.approx(1)
    assert weights[1] > 0.7


def test_two_halves_of_the_truth_are_better_together_and_what_adds_nothing_is_left_out() -> None:
    """One part knows the answers of even users, another those of odd ones, the third nothing."""
    is_even = (np.arange(USERS) % 2 == 0)[:, None]
    parts = {
        "even": Fixed(np.where(is_even, 3 * _answers(), 0) + _noise(0)),
        "odd": Fixed(np.where(is_even, 0, 3 * _answers()) + _noise(1)),
        "nothing": Fixed(np.zeros((USERS, BUNDLES), np.float32)),
    }
    asked = _asked(parts, _answers())

    weights = fit_weights(asked)

    alone = [asked.worth(unit) for unit in np.eye(3, dtype=np.float32)]
    assert asked.worth(weights) > max(alone) + 0.05
    assert weights[:2].min() > 0.2
    assert weights[2] == 0


def test_a_part_whose_scores_are_all_alike_is_left_out() -> None:
    parts = {"nothing": Fixed(np.zeros((USERS, BUNDLES), np.float32)), "knows": Fixed(_answers())}

    assert fit_weights(_asked(parts, _answers())).tolist() == [0, 1]


def test_what_a_user_has_is_never_on_the_list() -> None:
    """The part likes a known bundle best; the answer is then first of what is left."""
    known = np.roll(_answers(), 1, axis=1)
    parts = {"likes": Fixed(2 * known + _answers())}

    assert _asked(parts, _answers(), known).worth(np.ones(1, np.float32)) == 1.0


def test_an_answer_that_no_part_would_show_is_missed() -> None:
    many = 300
    scores = np.tile(-np.arange(many, dtype=np.float32), (2, 1))
    answers = np.zeros((2, many), np.float32)
    answers[:, [0, many - 1]] = 1

    asked = _asked({"first": Fixed(scores)}, answers)

    assert asked.worth(np.ones(1, np.float32)) == pytest.approx((0.5 + 1 / (1 + 1 / np.log2(3))) / 2)
