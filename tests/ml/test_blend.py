from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import Blend, coordinate_search, fit_blend, single
from bundle_ml.cases import CONTEXT_SIZES, Cases, Contexts
from bundle_ml.evaluation import evaluate
from bundle_ml.metrics import GainArray
from bundle_ml.rungs import Rung

ITEMS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Knows for some contexts (those whose first item is even, or odd) what comes next: the item after it."""

    parity: int
    scale: float

    def scores(self, contexts: Contexts) -> FloatArray:
        scores = np.zeros((len(contexts), ITEMS), np.float32)
        for row in range(len(contexts)):
            first = int(contexts[row][0])
            noise = np.random.default_rng(first).random(ITEMS)
            scores[row] = self.scale * 0.3 * noise
            if first % 2 == self.parity:
                scores[row, (first + 1) % ITEMS] = self.scale
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    def scores(self, contexts: Contexts) -> FloatArray:
        return np.stack([np.random.default_rng(contexts[row]).random(ITEMS) for row in range(len(contexts))]).astype(
            np.float32
        )


def _cases(count: int) -> Cases:
    firsts = [number % (ITEMS - 1) for number in range(count)]
    following = [[first + 1] for first in firsts]
    return Cases(
        Contexts.of([[first] for first in firsts]),
        np.asarray([first + 1 for first in firsts], np.int32),
        Contexts.of(following),
    )


VALIDATION = {"1": _cases(78), "2": _cases(0), "4": _cases(0), "all_but_one": _cases(0)}
RUNGS: dict[str, Rung] = {"noise": Noise(), "even": Oracle(0, 1000.0), "odd": Oracle(1, 0.001)}


def _ndcg(rung: Rung) -> float:
    return evaluate(rung, VALIDATION["1"], model="", context="1", samples=1, seed=0).ndcg_at_10


def test_two_halves_of_the_truth_are_blended_whatever_their_scale() -> None:
    blend = fit_blend(RUNGS, VALIDATION)

    assert _ndcg(blend) > 0.99
    assert blend.weights["1"]["even"] > 0 < blend.weights["1"]["odd"]


def test_on_what_it_was_fitted_a_blend_is_never_worse_than_its_best_part() -> None:
    for names in (["noise", "even"], ["noise", "odd"], ["noise"]):
        rungs = {name: RUNGS[name] for name in names}

        assert _ndcg(fit_blend(rungs, VALIDATION)) >= max(_ndcg(rung) for rung in rungs.values()) - 1e-9


def test_a_context_size_without_cases_takes_the_weights_of_the_size_before() -> None:
    blend = fit_blend(RUNGS, VALIDATION)

    assert all(blend.weights[size] == blend.weights["1"] for size in CONTEXT_SIZES)
    assert all(blend.scales[size] == blend.scales["1"] for size in CONTEXT_SIZES)


def test_a_fixed_weight_is_left_alone() -> None:
    blend = fit_blend(RUNGS, VALIDATION, fixed={"noise": 0.5})

    assert blend.weights["1"]["noise"] == 0.5


def test_contributions_add_up_to_the_score_and_average_to_nothing() -> None:
    blend = fit_blend(RUNGS, VALIDATION)
    contexts = Contexts.of([[0], [1, 2], [3, 4, 5, 6, 7, 8, 9]])

    contributions = blend.contributions(contexts)

    np.testing.assert_allclose(contributions.sum(axis=0), blend.scores(contexts), atol=1e-4)
    np.testing.assert_allclose(contributions.mean(axis=2), 0, atol=1e-4)


def test_one_rung_alone_ranks_like_that_rung() -> None:
    contexts = Contexts.of([[0], [4, 5]])

    alone = single(RUNGS, "even", {size: cases.contexts for size, cases in VALIDATION.items()})

    assert alone.parts == ("even",)
    assert (alone.scores(contexts).argsort() == RUNGS["even"].scores(contexts).argsort()).all()


def test_a_blend_of_nothing_says_so() -> None:
    weightless = Blend(RUNGS, {}, {size: {} for size in CONTEXT_SIZES})

    with pytest.raises(ValueError, match="no part with a weight"):
        weightless.scores(Contexts.of([[0]]))


def test_coordinate_search_finds_the_top_of_a_hill() -> None:
    parts = [np.asarray([axis], np.float32) for axis in ((1.0, 0.0), (0.0, 1.0))]

    def height(total: FloatArray) -> GainArray:
        return np.asarray(-((total - np.asarray([[0.35, 1.4]])) ** 2).sum(axis=1))

    assert coordinate_search(parts, [1.0, 0.0], [0, 1], height) == [0.35, 1.4]


def test_a_gain_that_may_be_chance_moves_no_weight() -> None:
    cases = np.zeros((100, 1), np.float32)
    luck = np.zeros(100)
    luck[0] = 1.0

    def lucky(total: FloatArray) -> GainArray:
        return luck * float(total.max() > 1.0)

    assert coordinate_search([cases + 1, cases + 1], [1.0, 0.0], [0, 1], lucky) == [1.0, 0.0]
