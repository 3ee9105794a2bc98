from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from bundle_ml.baskets import Baskets
from bundle_ml.cases import Contexts
from bundle_ml.ease import fit_ease
from bundle_ml.rungs import Rung, fit_category, fit_co_purchase, fit_popularity
from bundle_ml.tally import Tally
from tests.ml.worlds import baskets_of

CHECKERBOARD = baskets_of([[0, 2], [2, 4], [0, 4], [1, 3], [3, 5], [1, 5]] * 10 + [[0]] * 5, item_count=6)
"""Even items are bought with even ones, odd with odd."""
CATEGORIES = (0, 1, 0, 1, 0, 1)


def _category(baskets: Baskets) -> Rung:
    return fit_category(baskets, CATEGORIES, fit_popularity(baskets, half_life_days=1000))


def _co_purchase(baskets: Baskets) -> Rung:
    return fit_co_purchase(baskets, exponent=0.7, neighbour_count=5)


def _ease(baskets: Baskets) -> Rung:
    return fit_ease(baskets, l2=1.0, neighbour_count=5, max_items=100)


def _ease_of_companions(baskets: Baskets) -> Rung:
    return fit_ease(baskets, l2=1.0, neighbour_count=5, max_items=2, companion_count=3)


@pytest.mark.parametrize("fit", [_category, _co_purchase, _ease, _ease_of_companions])
class TestEveryRungThatLooksAtTheContext:
    def test_it_keeps_to_the_colour_of_the_checkerboard(self, fit: Callable[[Baskets], Rung]) -> None:
        contexts = Contexts.of([[0], [1], [2, 4]])

        scores = contexts.exclude_from(fit(CHECKERBOARD).scores(contexts))

        for row, parity in enumerate((0, 1, 0)):
            best_wrong = scores[row, 1 - parity :: 2].max()
            right = scores[row, parity::2]
            assert right[np.isfinite(right)].min() > best_wrong

    def test_a_batch_scores_like_its_rows_one_by_one(self, fit: Callable[[Baskets], Rung]) -> None:
        rung = fit(CHECKERBOARD)
        rows = [[0], [1, 3], [0, 1, 2]]

        together = rung.scores(Contexts.of(rows))

        for number, row in enumerate(rows):
            np.testing.assert_allclose(rung.scores(Contexts.of([row]))[0], together[number], rtol=1e-6)

    def test_a_shop_without_baskets_gets_finite_scores(self, fit: Callable[[Baskets], Rung]) -> None:
        assert np.isfinite(fit(baskets_of([], item_count=6)).scores(Contexts.of([[0]]))).all()


@pytest.mark.parametrize(
    "rung",
    [fit_popularity(CHECKERBOARD, half_life_days=1000), _category(CHECKERBOARD), _co_purchase(CHECKERBOARD)],
    ids=["popularity", "category", "co_purchase"],
)
def test_its_own_way_into_a_blend_adds_what_the_general_one_adds(rung: Rung) -> None:
    contexts, factor = Contexts.of([[0], [1, 3], [2, 4, 5]]), np.asarray([2.0, -1.0, 0.5], np.float32)
    for items in (None, np.asarray([1, 4], np.int32)):
        own, general = Tally(3, 6, items), Tally(3, 6, items)

        rung.add_to(own, contexts, factor)
        Rung.add_to(rung, general, contexts, factor)

        np.testing.assert_allclose(own.scores(), general.scores(), atol=1e-5)


def test_popularity_is_the_logarithm_of_the_share_of_recent_baskets() -> None:
    baskets = baskets_of([[0], [0, 1]], item_count=2, days_apart=10)

    scores = fit_popularity(baskets, half_life_days=10).scores(Contexts.of([[0], [1]]))

    counts = np.asarray([1.5 + 0.02 + 1e-3, 1.0 + 0.01 + 1e-3])
    np.testing.assert_allclose(scores, np.tile(np.log(counts / counts.sum()), (2, 1)), rtol=1e-6)


def test_co_purchase_agrees_with_its_formula() -> None:
    baskets = baskets_of([[0, 1], [0, 1, 2], [0, 2, 3], [0]], item_count=4)

    rung = fit_co_purchase(baskets, exponent=0.7, neighbour_count=10)

    orders = [3, 2, 2, 1]  # in baskets of two or more
    shared = {(0, 1): 1 / 1 + 1 / 2, (0, 2): 1 / 2 + 1 / 2, (0, 3): 1 / 2, (1, 2): 1 / 2, (2, 3): 1 / 2, (1, 3): 0}
    for (one, other), weight in shared.items():
        expected = weight / math.sqrt(orders[one] * orders[other]) ** 0.7
        assert rung.weights_VV[one, other] == pytest.approx(expected)
        assert rung.weights_VV[other, one] == pytest.approx(expected)
    assert rung.together_VV.toarray().tolist() == [[0, 2, 2, 1], [2, 0, 1, 0], [2, 1, 0, 1], [1, 0, 1, 0]]


def test_co_purchase_counts_long_baskets_by_the_exponent_of_their_length() -> None:
    baskets = baskets_of([[0, 1], [0, 1, 2], [0, 2]], item_count=3)

    rung = fit_co_purchase(baskets, exponent=1.0, length_exponent=0.5, neighbour_count=10)

    assert rung.weights_VV[0, 1] == pytest.approx((1 + 1 / math.sqrt(2)) / math.sqrt(3 * 2))
    assert rung.weights_VV[1, 2] == pytest.approx(1 / math.sqrt(2) / math.sqrt(2 * 2))


def test_co_purchase_in_blocks_equals_co_purchase_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = fit_co_purchase(CHECKERBOARD, exponent=0.7, neighbour_count=3)
    monkeypatch.setattr("bundle_ml.rungs.ROWS_AT_ONCE", 2)

    in_blocks = fit_co_purchase(CHECKERBOARD, exponent=0.7, neighbour_count=3)

    assert (at_once.weights_VV.toarray() == in_blocks.weights_VV.toarray()).all()


def test_only_the_strongest_neighbours_are_kept() -> None:
    baskets = baskets_of([[0, 1]] * 5 + [[0, 2]] * 3 + [[0, 3]], item_count=4)

    rung = fit_co_purchase(baskets, exponent=0.0, neighbour_count=2)

    assert rung.weights_VV[[0], :].toarray().tolist() == [[0, 5, 3, 0]]


def test_a_category_leads_to_the_category_that_is_bought_with_it() -> None:
    laptops_and_mice = baskets_of([[0, 2], [1, 3], [0, 3]] * 5, item_count=5)
    popularity = fit_popularity(laptops_and_mice, half_life_days=1000)

    category = fit_category(laptops_and_mice, (0, 0, 1, 1, 2), popularity)

    scores = category.scores(Contexts.of([[0]]))[0]
    assert scores[3] > scores[2] > scores[1] > scores[4]


def test_without_orders_a_category_goes_with_itself() -> None:
    nothing = baskets_of([], item_count=3)

    category = fit_category(nothing, (0, 0, 1), fit_popularity(nothing, half_life_days=1))

    scores = category.scores(Contexts.of([[0]]))[0]
    assert scores[1] > 0.1
    assert scores[0] == scores[1]
    assert scores[2] < scores[1] / 5
