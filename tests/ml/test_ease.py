from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bundle_ml.baskets import Baskets
from bundle_ml.ease import fit_ease
from bundle_ml.rungs import ItemToItem
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1, 2], [0, 1], [1, 2, 3], [0, 3], [2, 3]] * 3, item_count=5)
"""The last item was never bought."""
RANDOM = np.random.default_rng(0)
VARIED = baskets_of(
    [RANDOM.choice(8, 4, replace=False, p=np.arange(8, 0, -1) / 36).tolist() for _ in range(100)], item_count=8
)
"""The lower its number, the more often an item was bought; every two were bought together."""


def _rows(baskets: Baskets) -> npt.NDArray[np.float64]:
    rows = np.zeros((len(baskets), baskets.item_count))
    for row in range(len(baskets)):
        rows[row, baskets[row]] = 1
    return rows


def _inverse(baskets: Baskets, *, l2: float) -> npt.NDArray[np.float64]:
    rows = _rows(baskets)
    return np.asarray(np.linalg.inv(rows.T @ rows + l2 * np.eye(baskets.item_count)))


def _without_diagonal(inverse: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((np.eye(len(inverse)) - inverse / np.diag(inverse)) * (1 - np.eye(len(inverse))))


def test_it_agrees_with_its_closed_form() -> None:
    rung = fit_ease(BASKETS, l2=2.0, neighbour_count=10, max_items=10)

    expected = _without_diagonal(_inverse(BASKETS, l2=2.0))
    np.testing.assert_allclose(rung.weights_VV.toarray(), expected, atol=1e-5)
    assert rung.weights_VV[[4], :].nnz == 0


def test_it_weighs_baskets_by_age_and_length_and_hides_items_as_written() -> None:
    rung = fit_ease(
        BASKETS, l2=2.0, neighbour_count=10, max_items=10, half_life_days=5.0, length_exponent=0.5, dropout=0.25
    )

    rows = _rows(BASKETS)
    weights = 0.5 ** (np.arange(len(BASKETS))[::-1] / 5.0) / np.sqrt(rows.sum(axis=1))
    weights *= len(BASKETS) / weights.sum()
    gram = rows.T @ (rows * weights[:, None])
    expected = _without_diagonal(np.linalg.inv(gram + np.diag(2.0 + np.diag(gram) / 3)))
    np.testing.assert_allclose(rung.weights_VV.toarray(), expected, atol=1e-5)


def test_without_companions_it_leaves_rare_items_out_above_its_limit() -> None:
    baskets = baskets_of([[0, 1]] * 5 + [[0, 2]], item_count=3)

    rung = fit_ease(baskets, l2=1.0, neighbour_count=10, max_items=2)

    assert set(zip(*rung.weights_VV.nonzero(), strict=True)) == {(0, 1), (1, 0)}


def test_where_all_items_are_companions_it_is_exact() -> None:
    def fit(*, max_items: int) -> ItemToItem:
        return fit_ease(
            VARIED,
            l2=2.0,
            neighbour_count=10,
            max_items=max_items,
            companion_count=10,
            half_life_days=20.0,
            length_exponent=0.5,
            dropout=0.25,
        )

    exact, by_companions = fit(max_items=10), fit(max_items=0)

    np.testing.assert_allclose(by_companions.weights_VV.toarray(), exact.weights_VV.toarray(), atol=1e-5)
    assert exact.weights_VV.nnz > 40


def test_rarer_items_are_regressed_on_all_and_say_of_the_others_what_is_symmetric_to_it() -> None:
    rung = fit_ease(VARIED, l2=2.0, neighbour_count=10, max_items=5, companion_count=10)

    found, inverse = np.asarray(rung.weights_VV.toarray()), _inverse(VARIED, l2=2.0)
    of_all = _without_diagonal(inverse)
    np.testing.assert_allclose(found[:, 5:], of_all[:, 5:], atol=1e-5)
    rows = _rows(VARIED)[:, :5]
    of_most_bought = np.asarray(np.linalg.inv(rows.T @ rows + 2.0 * np.eye(5)), np.float64)
    np.testing.assert_allclose(found[:5, :5], _without_diagonal(of_most_bought), atol=1e-5)
    np.testing.assert_allclose(found[5:, :5], -inverse[5:, :5] / np.diag(of_most_bought), atol=1e-5)


def test_a_rarer_item_is_known_by_its_strongest_companion() -> None:
    pairs = [[2 * pair, 2 * pair + 1] for pair in range(10)]
    rows = [*pairs * 10, *([0, 2 * pair + 1] for pair in range(10))]

    rung = fit_ease(baskets_of(rows, item_count=20), l2=1.0, neighbour_count=5, max_items=4, companion_count=1)

    weights = rung.weights_VV.toarray()
    for pair in range(3, 10):
        assert weights[:, 2 * pair].argmax() == 2 * pair + 1
        assert np.flatnonzero(weights[:, 2 * pair + 1]).tolist() == [2 * pair]


def test_in_blocks_it_is_what_it_is_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = fit_ease(VARIED, l2=2.0, neighbour_count=10, max_items=2, companion_count=3)
    monkeypatch.setattr("bundle_ml.ease.RARE_AT_ONCE", 2)
    monkeypatch.setattr("bundle_ml.rungs.ROWS_AT_ONCE", 3)

    in_blocks = fit_ease(VARIED, l2=2.0, neighbour_count=10, max_items=2, companion_count=3)

    np.testing.assert_allclose(in_blocks.weights_VV.toarray(), at_once.weights_VV.toarray(), atol=1e-6)


def test_of_a_row_of_many_cells_the_strongest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundle_ml.ease.GRAM_CELLS", 2)

    rung = fit_ease(VARIED, l2=2.0, neighbour_count=10, max_items=0, companion_count=10)

    assert (np.count_nonzero(rung.weights_VV.toarray(), axis=0) == 2).all()
