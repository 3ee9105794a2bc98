"""Compressed rows with the narrowest indices.

scipy makes all indices of a sparse array as wide as the widest that it is given, and those of a product as wide as
either factor's: one array of 64-bit offsets doubles the memory of every matrix that it touches, and has the other
factor copied for each product.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from bundle_ml.baskets import FloatArray, IntArray, OffsetArray


def compressed_rows(
    values: FloatArray, columns: IntArray, offsets: OffsetArray, shape: tuple[int, int]
) -> scipy.sparse.csr_array:
    """Build rows out of their parts.

    >>> offsets = np.array([0, 1, 2], np.int64)
    >>> compressed_rows(np.ones(2, np.float32), np.array([1, 0], np.int32), offsets, (2, 2)).indices.dtype
    dtype('int32')
    """
    narrow = np.int32 if max(len(columns), *shape) <= np.iinfo(np.int32).max else np.int64
    parts = (values, columns.astype(narrow, copy=False), offsets.astype(narrow, copy=False))
    return scipy.sparse.csr_array(parts, shape=shape)


def like(matrix: scipy.sparse.csr_array, values: FloatArray) -> scipy.sparse.csr_array:
    """Put other values into the cells of a matrix; both share one set of indices."""
    return scipy.sparse.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)
