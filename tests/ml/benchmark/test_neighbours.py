from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bundle_ml.benchmark.neighbours import fit_shoppers_alike, fit_shoppers_near
from bundle_ml.histories import Fading, Histories, histories_of
from bundle_ml.rungs import Rung
from tests.ml.worlds import FAVOURITES, GROUPS, REGULAR_ITEMS, baskets_of, regulars

SHOPPERS, ROWS = regulars(240)
HISTORIES = histories_of(baskets_of(ROWS, REGULAR_ITEMS, shoppers=SHOPPERS))
FADING = Fading(rate=0.8)


def _alike(histories: Histories) -> Rung:
    return fit_shoppers_alike(histories, fading=FADING, neighbour_count=10)


def _near(histories: Histories) -> Rung:
    return fit_shoppers_near(histories, fading=FADING, neighbour_count=10)


@pytest.mark.parametrize("fit", [_alike, _near])
class TestBothKindsOfNeighbours:
    def test_it_keeps_to_the_shoppers_group(self, fit: Callable[[Histories], Rung]) -> None:
        scores = fit(HISTORIES).scores(HISTORIES)

        best = scores.argmax(axis=1)
        group = np.arange(len(HISTORIES)) % GROUPS
        of_item = np.concatenate([np.repeat(np.arange(GROUPS), FAVOURITES), np.tile(np.arange(GROUPS), 2)])
        assert (of_item[best] == group).mean() > 0.99

    def test_a_batch_scores_like_its_rows_one_by_one(self, fit: Callable[[Histories], Rung]) -> None:
        rung, some = fit(HISTORIES), HISTORIES.take(np.asarray([3, 77, 5]))

        together = rung.scores(some)

        for row in range(len(some)):
            np.testing.assert_allclose(rung.scores(some.between(row, row + 1))[0], together[row], atol=1e-6)

    def test_a_shopper_without_a_past_gets_zeros(self, fit: Callable[[Histories], Rung]) -> None:
        nobody = histories_of(baskets_of([], REGULAR_ITEMS, shoppers=[]), shopper_count=2)

        assert (fit(HISTORIES).scores(nobody) == 0).all()
        assert fit(HISTORIES).item_count == REGULAR_ITEMS


def test_a_neighbour_with_the_same_profile_has_nothing_to_add() -> None:
    """Shopper 0 is known; the only other one alike is 1, who buys 2 as well."""
    baskets = baskets_of([[0, 1], [0, 2], [3]], 4, shoppers=[0, 1, 2])

    rung = fit_shoppers_alike(histories_of(baskets), fading=Fading(), neighbour_count=1)

    scores = rung.scores(histories_of(baskets).between(0, 1))
    np.testing.assert_allclose(scores, [[1, 0, 1, 0]], atol=1e-6)


def test_near_are_those_who_bought_as_little_and_alike_those_of_the_same_taste() -> None:
    """Shopper 0 bought 0 once. Shopper 1 bought other things, as little; shopper 2 bought 0 and much else besides."""
    baskets = baskets_of([[0, 4], [4, 5], [0, 1, 2, 3, 6, 7, 8]], 9, shoppers=[0, 1, 2])
    histories = histories_of(baskets)
    first = histories_of(baskets_of([[0]], 9, shoppers=[0]))

    near = fit_shoppers_near(histories, fading=Fading(), neighbour_count=1).scores(first)
    alike = fit_shoppers_alike(histories.take(np.asarray([1, 2])), fading=Fading(), neighbour_count=1).scores(first)

    np.testing.assert_allclose(near, [[1, 0, 0, 0, 1, 0, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(alike, [[1, 1, 1, 1, 0, 0, 1, 1, 1]], atol=1e-6)
