from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import KNOTS
from bundle_ml.cases import Cases, Contexts
from bundle_ml.fitting import average_ndcg
from bundle_ml.rungs import Rung
from bundle_ml.weighing import fit_blend, fit_without_each

ITEMS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Oracle(Rung):
    """Knows for some contexts (those whose first item is even, or odd) what comes next: the item after it."""

    parity: int
    scale: float

    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        scores = np.zeros((len(contexts), ITEMS), np.float32)
        for row in range(len(contexts)):
            first = int(contexts[row][0])
            scores[row] = self.scale * 0.3 * np.random.default_rng(first).random(ITEMS)
            if first % 2 == self.parity:
                scores[row, (first + 1) % ITEMS] = self.scale
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class OfLength(Rung):
    """Knows what comes next after so many items, and is sure of something wrong after any other number."""

    lengths: tuple[int, ...]

    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        scores = np.zeros((len(contexts), ITEMS), np.float32)
        for row in range(len(contexts)):
            context = contexts[row]
            answer = context[0] + 10 if len(context) in self.lengths else context[0] + 20
            scores[row, answer % ITEMS] = 1.0
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Noise(Rung):
    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.stack([np.random.default_rng(contexts[row]).random(ITEMS) for row in range(len(contexts))]).astype(
            np.float32
        )


@dataclass(frozen=True, slots=True, eq=False)
class Broken(Rung):
    item_count: int = ITEMS

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.full((len(contexts), ITEMS), np.nan, np.float32)


def _cases(length: int, answer: int, count: int = 78) -> Cases:
    """Contexts of items in sequence; the hidden one stands so many places after the first."""
    rows = [[(number + place) % ITEMS for place in range(length)] for number in range(count)]
    targets = [(row[0] + answer) % ITEMS for row in rows]
    return Cases(Contexts.of(rows), np.asarray(targets, np.int32), Contexts.of([[target] for target in targets]))


NEXT = {"1": _cases(1, 1), "2": _cases(0, 1, 0), "4": _cases(0, 1, 0), "all_but_one": _cases(0, 1, 0)}
RUNGS: dict[str, Rung] = {"noise": Noise(), "even": Oracle(0, 1000.0), "odd": Oracle(1, 0.001)}


def _ndcg(rung: Rung, cases: Cases = NEXT["1"]) -> float:
    return average_ndcg(rung, {"": cases})


def test_two_halves_of_the_truth_are_blended_whatever_their_scale() -> None:
    blend = fit_blend(RUNGS, NEXT)

    assert _ndcg(blend) > 0.99
    assert blend.weights["even"][0] > 0 < blend.weights["odd"][0]


def test_on_what_it_was_fitted_a_blend_is_never_worse_than_its_best_part() -> None:
    for names in (["noise", "even"], ["noise", "odd"], ["noise"]):
        rungs = {name: RUNGS[name] for name in names}

        assert _ndcg(fit_blend(rungs, NEXT)) >= max(_ndcg(rung) for rung in rungs.values()) - 1e-9


def test_the_weights_follow_the_number_of_items_shown() -> None:
    validation = {"1": _cases(1, 10), "2": _cases(2, 10), "4": _cases(4, 10), "all_but_one": _cases(8, 10)}
    rungs: dict[str, Rung] = {"short": OfLength((1, 2)), "long": OfLength((4, 8))}

    blend = fit_blend(rungs, validation)

    assert all(_ndcg(blend, cases) == 1.0 for cases in validation.values())


def test_sizes_that_were_never_asked_about_have_the_weights_of_the_nearest_that_was() -> None:
    validation = {"2": _cases(2, 10), "4": _cases(4, 10)}

    blend = fit_blend({"short": OfLength((2,)), "long": OfLength((4,))}, validation)

    for weights in blend.weights.values():
        assert weights[0] == weights[1] != weights[2]
        assert weights[3:] == [weights[2]] * 3


def test_weights_of_every_knot_sum_to_one() -> None:
    blend = fit_blend(RUNGS, NEXT)

    np.testing.assert_allclose(np.sum(list(blend.weights.values()), axis=0), 1, rtol=1e-5)


def test_a_part_that_gives_nothing_is_left_out() -> None:
    assert fit_blend({"even": Oracle(0, 1.0), "noise": Noise(), "odd": Oracle(1, 1.0)}, NEXT).parts == ("even", "odd")


def test_a_part_whose_scores_are_no_numbers_leaves_the_best_other_one() -> None:
    assert fit_blend({"broken": Broken(), "even": Oracle(0, 1.0)}, NEXT).parts == ("even",)


def test_each_part_is_left_out_in_turn_and_only_what_knew_something_is_missed() -> None:
    without = dict(fit_without_each(RUNGS, NEXT))

    assert list(without) == list(RUNGS)
    assert all(part not in blend.rungs for part, blend in without.items())
    assert _ndcg(without["noise"]) > 0.99
    assert _ndcg(without["even"]) < 0.8 > _ndcg(without["odd"])


def test_without_cases_all_parts_weigh_the_same() -> None:
    nothing = {"1": _cases(0, 1, 0)}

    blend = fit_blend(RUNGS, nothing)

    assert blend.weights == {name: [1.0] * len(KNOTS) for name in RUNGS}


def test_a_fixed_weight_is_left_alone() -> None:
    blend = fit_blend(RUNGS, NEXT, fixed={"noise": 0.5})

    assert blend.weights["noise"] == [0.5] * len(KNOTS)
    assert blend.weights["even"][0] > 0.5


def test_the_same_cases_give_the_same_weights() -> None:
    assert fit_blend(RUNGS, NEXT).weights == fit_blend(RUNGS, NEXT).weights
