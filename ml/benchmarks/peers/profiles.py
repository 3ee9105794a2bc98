"""Shoppers as vectors: their baskets added up, each by a weight of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse
from protocol import Sets


def weighted_sums(
    baskets: Sets, rows: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], *, row_count: int, item_count: int
) -> scipy.sparse.csr_matrix:
    """Add the baskets of each row."""
    values = np.repeat(weights, baskets.lengths).astype(np.float32)
    cells = (np.repeat(rows, baskets.lengths), baskets.items)
    return scipy.sparse.csr_matrix((values, cells), shape=(row_count, item_count))


def tie_breaker(baskets: Sets, item_count: int) -> npt.NDArray[np.float32]:
    """Of equals the more popular comes first; less than any difference between scores that differ."""
    counts = np.bincount(baskets.items, minlength=item_count)
    return (1e-6 * counts / max(counts.max(), 1)).astype(np.float32)
