from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.errors import DataError
from bundle_ml.for_users.histories import Histories, table_of
from tests.ml.for_users.worlds import ones


def test_a_table_has_each_pair_once_whatever_their_order() -> None:
    table = table_of(np.array([[2, 1], [0, 3], [2, 1], [0, 0]]), rows=3, columns=4, name="pairs.txt")

    assert table.toarray().tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert table.dtype == np.float32


@pytest.mark.parametrize("columns", [0, 4])
def test_no_pairs_are_an_empty_table(columns: int) -> None:
    assert table_of(np.empty((0, 2), np.int64), rows=3, columns=columns, name="pairs.txt").shape == (3, columns)


@pytest.mark.parametrize("pair", [[3, 0], [0, 4], [-1, 0]])
def test_a_number_outside_the_table_is_named(pair: list[int]) -> None:
    with pytest.raises(DataError, match=r"pairs.txt holds numbers up to .*; expected rows 0..2 and columns 0..3."):
        table_of(np.array([pair]), rows=3, columns=4, name="pairs.txt")


def test_tables_that_do_not_go_together_say_which() -> None:
    with pytest.raises(DataError, match=r"bundles_UB has the shape \(2, 3\); expected \(2, 4\), to go with 2 rows"):
        Histories(bundles_UB=ones(np.eye(2, 3)), items_UI=ones(np.eye(2, 5)), contents_BI=ones(np.eye(4, 5)))
    with pytest.raises(DataError, match=r"items_UI has the shape \(2, 6\); expected \(2, 5\)"):
        Histories(bundles_UB=ones(np.eye(2, 4)), items_UI=ones(np.eye(2, 6)), contents_BI=ones(np.eye(4, 5)))
