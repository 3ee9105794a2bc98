from __future__ import annotations

import numpy as np

from bundle_ml.similarity import cosine_similarity, most_similar, unit_rows


def test_cosines_agree_with_the_formula() -> None:
    random = np.random.default_rng(0)
    one, other = random.standard_normal((4, 5)).astype(np.float32), random.standard_normal((3, 5)).astype(np.float32)

    cosines = cosine_similarity(one, other)

    for row, a in enumerate(one):
        for column, b in enumerate(other):
            np.testing.assert_allclose(cosines[row, column], a @ b / np.sqrt(a @ a) / np.sqrt(b @ b), rtol=1e-5)


def test_a_row_of_zeros_is_like_nothing() -> None:
    assert cosine_similarity(np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)).tolist() == [[0.0]]
    assert unit_rows(np.zeros((1, 2), np.float32)).tolist() == [[0.0, 0.0]]


def test_an_item_is_not_its_own_neighbour() -> None:
    vectors = np.asarray([[1, 0], [1, 0], [0, 1]], np.float32)

    assert most_similar(vectors, 0, count=5) == [(1, 1.0), (2, 0.0)]
