from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse

from bundle_ml.spectrum import item_vectors, ppmi
from tests.ml.worlds import baskets_of


def test_ppmi_agrees_with_its_formula() -> None:
    matrix = ppmi(baskets_of([[0, 1], [0, 1, 2], [3, 4], [0]], item_count=5)).toarray()

    pair = {(0, 1): 1.5, (0, 2): 0.5, (1, 2): 0.5, (3, 4): 1.0}
    marginal = [2.0, 2.0, 1.0, 1.0, 1.0]
    total = 2 * sum(pair.values())
    for (one, other), weight in pair.items():
        expected = max(0.0, math.log(weight * total / (marginal[one] * marginal[other])))
        assert matrix[one, other] == pytest.approx(expected, abs=1e-6)
        assert matrix[other, one] == matrix[one, other]
    assert (np.diag(matrix) == 0).all()


def test_vectors_and_signs_rebuild_a_symmetric_matrix() -> None:
    random = np.random.default_rng(0).standard_normal((12, 12))
    matrix = scipy.sparse.csr_array((random + random.T).astype(np.float32))

    vectors, signs = item_vectors(matrix, 16, seed=0)

    assert set(signs[:12].tolist()) == {-1.0, 1.0}
    np.testing.assert_allclose((vectors * signs) @ vectors.T, matrix.toarray(), atol=1e-4)
    assert (vectors[:, 12:] == 0).all()


def test_an_empty_shop_gets_zeros() -> None:
    vectors, signs = item_vectors(ppmi(baskets_of([], item_count=3)), 4, seed=0)

    assert vectors.shape == (3, 4)
    assert not vectors.any()
    assert (signs == 1).all()
