"""Item-kNN in the weighted forms: what is bought together, each basket weighed by 1/(length - 1) to some power.

similarity(i, j) = Σ weight over the baskets with i and j / (nᵢ nⱼ) ** (exponent / 2). Weight power 0 and exponent 1 are
the plain cosine. An item keeps its `neighbours` most similar ones; a context is the sum of its items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from matrices import incidence
from protocol import Fitted, Sets, by_scores, run

GRID = [
    {"weight_power": power, "exponent": exponent, "neighbours": neighbours}
    for neighbours in (400, 100)
    for power, exponent in ((1.0, 0.7), (1.0, 1.0), (0.5, 0.7), (1.0, 0.4), (0.0, 1.0), (0.5, 1.0), (0.0, 0.7))
]


def fit(
    baskets: Sets, item_count: int, _trial: Any, *, weight_power: float, exponent: float, neighbours: int
) -> Fitted:
    plain = incidence(baskets, item_count)
    weighted = incidence(baskets, item_count, 1.0 / np.maximum(baskets.lengths - 1, 1) ** weight_power)
    damped = np.maximum(np.bincount(baskets.items, minlength=item_count), 1) ** (exponent / 2)
    together = (weighted.T @ plain).tocsr()
    together.setdiag(0)
    scale = scipy.sparse.diags((1 / damped).astype(np.float32))
    similarity = _strongest((scale @ together @ scale).tocsr(), neighbours)
    return Fitted(by_scores(lambda contexts: (incidence(contexts, item_count) @ similarity).toarray()))


def _strongest(matrix: scipy.sparse.csr_matrix, count: int) -> scipy.sparse.csr_matrix:
    for row in range(matrix.shape[0]):
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        if len(values) > count:
            values[values < np.partition(values, -count)[-count]] = 0
    matrix.eliminate_zeros()
    return matrix


if __name__ == "__main__":
    run(fit, GRID, packages=["numpy", "scipy"])
