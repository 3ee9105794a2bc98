"""Baskets and contexts as sparse matrices, for the peers that want them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse
from protocol import Sets


def incidence(
    rows: Sets, item_count: int, row_weights: npt.NDArray[np.float64] | None = None
) -> scipy.sparse.csr_matrix:
    """Return a row per basket or context: 1, or the row's weight, at each of its items."""
    weights = np.ones(len(rows)) if row_weights is None else row_weights
    values = np.repeat(weights, rows.lengths).astype(np.float32)
    matrix = scipy.sparse.csr_matrix((values, rows.items, rows.offsets), shape=(len(rows), item_count))
    matrix.sort_indices()
    return matrix
