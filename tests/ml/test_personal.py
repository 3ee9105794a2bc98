from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.cases import Contexts
from bundle_ml.histories import Fading, Histories, Visits, histories_of
from bundle_ml.personal import LookedAt, OfPast, PersonalFrequency, fit_next_basket
from bundle_ml.rungs import Rung
from bundle_ml.views import Views
from tests.ml.worlds import FAVOURITES, GROUPS, INK, PRINTERS, REGULAR_ITEMS, baskets_of, regulars

SHOPPERS, ROWS = regulars(240)
BASKETS = baskets_of(ROWS, REGULAR_ITEMS, shoppers=SHOPPERS)
HISTORIES = histories_of(BASKETS)
FADING = Fading(rate=0.8)


def _frequency(histories: Histories) -> Rung:
    return PersonalFrequency(FADING, histories.baskets.item_count)


def _next_basket(histories: Histories) -> Rung:
    return fit_next_basket(histories, fading=FADING, l2=1.0, neighbour_count=20, max_items=100)


@pytest.mark.parametrize("fit", [_frequency, _next_basket])
class TestEveryRungThatLooksAtThePast:
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

    def test_it_looks_at_the_past_of_a_visit_and_not_at_what_is_shown(self, fit: Callable[[Histories], Rung]) -> None:
        some = HISTORIES.between(0, 4)
        visits = Visits.made_of(Contexts.of([[9], [8], [7], [6]]), some)

        np.testing.assert_array_equal(OfPast(fit(HISTORIES)).scores(visits), fit(HISTORIES).scores(some))


def test_what_was_looked_at_counts_by_its_age_until_it_is_bought() -> None:
    """Shopper 0 looked at 1 and 2 ten days ago and at 2 now, and bought 1 five days ago; shopper 1 looked at nothing."""
    day = 86_400_000_000
    baskets = baskets_of([[0], [1], [0]], 4, days_apart=5, shoppers=[0, 0, 1])  # on days 0, 5 and 10
    views = Views.of(
        np.asarray([0, 0, 0, 0], np.int32),
        np.asarray([1, 2, 2, 3], np.int32),
        np.asarray([0, 0, 10, 5]) * day,
        shopper_count=2,
    )
    histories = replace(histories_of(baskets), looked_at=views)

    scores = LookedAt(half_life_days=5.0, item_count=4).scores(histories)

    np.testing.assert_allclose(scores, [[0.0, 0.0, 0.25 + 1, 0.5], [0.0, 0.0, 0.0, 0.0]])


def test_where_nobody_recorded_views_they_say_nothing() -> None:
    assert (LookedAt(half_life_days=5.0, item_count=REGULAR_ITEMS).scores(HISTORIES) == 0).all()


def test_after_a_printer_comes_its_ink_though_no_basket_ever_held_both() -> None:
    rung = _next_basket(HISTORIES)
    printers = baskets_of([[PRINTERS + group] for group in range(GROUPS)], REGULAR_ITEMS, shoppers=range(GROUPS))

    best = rung.scores(histories_of(printers)).argmax(axis=1)

    assert best.tolist() == [INK + group for group in range(GROUPS)]


def test_the_matrix_from_basket_to_basket_agrees_with_its_formula() -> None:
    baskets = baskets_of([[0], [1], [1, 2], [0, 2]], 3, shoppers=[0, 1, 0, 1])

    rung = fit_next_basket(
        histories_of(baskets), fading=Fading(), l2=2.0, neighbour_count=3, max_items=3, length_exponent=1.0, dropout=0.5
    )

    before, after = np.asarray([[1, 0, 0], [0, 1, 0]]), np.asarray([[0, 1, 1], [1, 0, 1]])
    gram = before.T @ before  # both baskets are of two items: equal weights
    expected = np.linalg.solve(gram + 2 * np.eye(3) + np.diag(np.diag(gram)), before.T @ after)
    scores = rung.scores(histories_of(baskets_of([[0], [1], [2]], 3, shoppers=[0, 1, 2])))
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_a_shop_whose_shoppers_came_once_gets_zeros_from_the_next_basket() -> None:
    once = histories_of(baskets_of([[0, 1], [1, 2]], 3, shoppers=[0, 1]))

    rung = fit_next_basket(once, fading=Fading(), l2=1.0, neighbour_count=3, max_items=3)

    assert (rung.scores(once) == 0).all()
