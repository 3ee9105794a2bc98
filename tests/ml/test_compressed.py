from __future__ import annotations

import numpy as np

from bundle_ml.cases import Contexts
from bundle_ml.compressed import compressed_rows, like
from bundle_ml.rungs import fit_co_purchase
from tests.ml.worlds import baskets_of

ROWS = compressed_rows(
    np.asarray([1, 2, 3], np.float32), np.asarray([1, 0, 2], np.int32), np.asarray([0, 1, 3], np.int64), (2, 3)
)


def test_rows_are_what_their_parts_say() -> None:
    assert ROWS.toarray().tolist() == [[0, 1, 0], [2, 0, 3]]
    assert like(ROWS, np.asarray([4, 5, 6], np.float32)).toarray().tolist() == [[0, 4, 0], [5, 0, 6]]


def test_other_values_share_the_indices() -> None:
    assert np.shares_memory(like(ROWS, ROWS.data + 1).indices, ROWS.indices)


def test_what_is_learned_and_what_it_is_multiplied_with_have_narrow_indices() -> None:
    weights = fit_co_purchase(baskets_of([[0, 1], [1, 2]], item_count=3), exponent=1.0, neighbour_count=2).weights_VV
    asked = Contexts.of([[0], [1, 2]]).averaging_matrix(3)

    for matrix in (weights, asked, asked @ weights):
        assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
