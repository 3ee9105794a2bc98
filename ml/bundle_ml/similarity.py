"""Cosine similarity of item vectors: which items keep the same company.

    >>> vectors = np.array([[1, 0], [1, 1], [0, 2]], np.float32)
    >>> [(item, round(cosine, 3)) for item, cosine in most_similar(vectors, 0, count=2)]
    [(1, 0.707), (2, 0.0)]

Shapes: V items, D width, N rows.
"""

from __future__ import annotations

import numpy as np

from bundle_ml.baskets import FloatArray


def unit_rows(vectors_ND: FloatArray) -> FloatArray:
    """Scale each row to length 1; rows of zeros stay zero."""
    length_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.where(length_N1 > 1e-6, length_N1, np.inf), np.float32)


def cosine_similarity(one_ND: FloatArray, other_MD: FloatArray) -> FloatArray:
    """Return the cosine of every row with every row; (N, M), 0 for a row of zeros.

    >>> cosine_similarity(np.array([[3, 4]], np.float32), np.array([[6, 8], [-4, 3]], np.float32)).tolist()
    [[1.0, 0.0]]
    """
    return np.asarray(unit_rows(one_ND) @ unit_rows(other_MD).T, np.float32)


def most_similar(vectors_VD: FloatArray, item: int, *, count: int) -> list[tuple[int, float]]:
    """Return the items nearest to one, nearest first, itself left out."""
    cosine_V = cosine_similarity(vectors_VD[item : item + 1], vectors_VD)[0]
    nearest = [other for other in np.argsort(-cosine_V, kind="stable").tolist() if other != item]
    return [(other, float(cosine_V[other])) for other in nearest[:count]]
