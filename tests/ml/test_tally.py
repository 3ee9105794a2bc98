from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import IntArray
from bundle_ml.tally import Tally

RANDOM = np.random.default_rng(0)
LEFT, RIGHT = RANDOM.normal(size=(2, 3)).astype(np.float32), RANDOM.normal(size=(5, 3)).astype(np.float32)
ROWS = RANDOM.normal(size=(2, 5)).astype(np.float32)
CELLS = (np.asarray([0, 1, 1, 1]), np.asarray([4, 0, 2, 2], np.int32), np.asarray([1, 2, 3, 5], np.float32))
DENSE_CELLS = np.asarray([[0, 0, 0, 0, 1], [2, 0, 8, 0, 0]], np.float32)


@pytest.mark.parametrize("items", [None, np.asarray([0, 2, 4], np.int32), np.empty(0, np.int32)])
def test_all_that_was_handed_in_is_added_and_the_average_over_all_items_taken_off(items: IntArray | None) -> None:
    tally = Tally(2, 5, items)
    asked = np.arange(5) if items is None else items

    tally.add_product(LEFT, RIGHT)
    tally.add_product(LEFT[:, :1], RIGHT[:, :1])
    tally.add_cells(*CELLS)
    tally.add_rows(lambda context: ROWS[context, asked], ROWS.mean(axis=1))

    expected = LEFT @ RIGHT.T + LEFT[:, :1] @ RIGHT[:, :1].T + DENSE_CELLS + ROWS
    expected -= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(tally.scores(), expected[:, asked], atol=1e-5)


def test_nothing_handed_in_is_zero_for_all() -> None:
    assert Tally(2, 3).scores().tolist() == [[0, 0, 0], [0, 0, 0]]


def test_no_contexts_have_no_scores() -> None:
    tally = Tally(0, 5)

    tally.add_product(LEFT[:0], RIGHT)
    contexts, items, values = CELLS
    tally.add_cells(contexts[:0], items[:0], values[:0])

    assert tally.scores().shape == (0, 5)
