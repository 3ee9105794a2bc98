from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import KNOTS, Blend, measure_scales, single
from bundle_ml.cases import Contexts
from bundle_ml.rungs import Rung

ITEMS = 40
ALL = np.arange(ITEMS, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Noise(Rung):
    """Scores of a given spread, the same for the same context."""

    spread: float
    seed: int
    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        rows = [np.random.default_rng([self.seed, *contexts[row]]).normal(size=ITEMS) for row in range(len(contexts))]
        return np.asarray(np.stack(rows) * self.spread, np.float32) if rows else np.empty((0, ITEMS), np.float32)


RUNGS: dict[str, Rung] = {"loud": Noise(1000.0, 0), "low": Noise(0.001, 1)}
OF_ALL_SIZES = Contexts.of([[row + place for place in range(size)] for size in KNOTS for row in range(8)])


def _blend(weights: dict[str, list[float]]) -> Blend:
    return Blend(RUNGS, measure_scales(RUNGS, OF_ALL_SIZES), weights)


def test_a_weight_means_the_same_whatever_the_scale() -> None:
    by_part = _blend({"loud": [1.0] * 6, "low": [1.0] * 6}).contributions(OF_ALL_SIZES, ALL)

    loud, low = by_part.std(axis=(1, 2))
    assert loud == pytest.approx(low, rel=0.1)


def test_between_two_knots_weights_lie_between_as_well() -> None:
    blend = _blend({"loud": [1.0, 1.0, 2.0, 3.0, 3.0, 3.0], "low": [0.0] * 6})
    steady = _blend({"loud": [1.0] * 6, "low": [0.0] * 6})

    for size, weight in ((1, 1.0), (2, 1.0), (4, 2.0), (6, 2.585), (8, 3.0), (32, 3.0), (39, 3.0)):
        context = Contexts.of([list(range(size))])
        np.testing.assert_allclose(blend.scores(context), steady.scores(context) * weight, rtol=1e-3)


def test_contributions_add_up_to_the_score_and_average_to_nothing() -> None:
    blend = _blend({"loud": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2], "low": [1.0] * 6})
    contexts = Contexts.of([[0], [1, 2], [3, 4, 5, 6, 7, 8, 9]])

    contributions = blend.contributions(contexts, ALL)

    np.testing.assert_allclose(contributions.sum(axis=0), blend.scores(contexts), atol=1e-4)
    np.testing.assert_allclose(contributions.mean(axis=2), 0, atol=1e-4)


def test_a_knot_that_no_context_is_near_has_the_spread_of_the_knot_before() -> None:
    scales = measure_scales(RUNGS, Contexts.of([[0], [1], [2, 3]]))

    assert scales["loud"][1] != scales["loud"][0]
    assert scales["loud"][1:] == [scales["loud"][1]] * 5


def test_one_rung_alone_ranks_like_that_rung() -> None:
    contexts = Contexts.of([[0], [4, 5]])

    alone = single(RUNGS, "low", OF_ALL_SIZES)

    assert alone.parts == ("low",)
    assert (alone.scores(contexts).argsort() == RUNGS["low"].scores(contexts).argsort()).all()


def test_a_blend_of_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="no part with a weight"):
        _blend({}).scores(Contexts.of([[0]]))


def test_some_items_score_as_they_do_among_all() -> None:
    blend = _blend({"loud": [0.5] * 6, "low": [1.0] * 6})
    some = np.asarray([3, 7, 39], np.int32)

    np.testing.assert_allclose(blend.scores(OF_ALL_SIZES, some), blend.scores(OF_ALL_SIZES)[:, some], atol=1e-4)
