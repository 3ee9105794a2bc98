"""Item vectors from co-purchase alone: the spectrum of the PPMI matrix.

PMI(i, j) = log(p(i, j) / (p(i) p(j))); PPMI keeps its positive part. Factored as E · diag(signs) · Eᵀ with the largest
eigenvalues by absolute value. Source: Levy & Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization".

Unusual: eigenvalues of both signs are kept, because the diagonal (an item with itself) is empty, which no positive
matrix can express.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from bundle_ml.baskets import Baskets, FloatArray
from bundle_ml.rungs import shared_baskets

POWER_ITERATIONS = 4
OVERSAMPLING = 8


def ppmi(baskets: Baskets) -> scipy.sparse.csr_array:
    """Compute positive PMI, each basket weighed by 1/(length - 1); in blocks, so that only positive cells are held."""
    several = baskets.of_several()
    # In a basket of n items each stands in n - 1 pairs of weight 1/(n - 1): an item's pairs weigh what it was ordered.
    marginal_V = np.maximum(several.order_counts(), 1).astype(np.float32)
    total = np.float32(max(len(several.items), 1))
    blocks = []
    for own, shared_BV in shared_baskets(several):
        rows = np.repeat(own, np.diff(shared_BV.indptr))
        odds = shared_BV.data * (total / marginal_V[rows]) / marginal_V[shared_BV.indices]
        shared_BV.data = np.log(np.where(rows == shared_BV.indices, 1, np.maximum(odds, 1)))
        shared_BV.eliminate_zeros()
        blocks.append(shared_BV)
    if not blocks:
        return scipy.sparse.csr_array((0, 0), dtype=np.float32)
    return scipy.sparse.csr_array(scipy.sparse.vstack(blocks))


def item_vectors(matrix_VV: scipy.sparse.csr_array, width: int, *, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return vectors (V, D) and signs (D) whose product comes near to the symmetric matrix; zeros fill a small one up.

    Source: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.3 (randomised subspace iteration).
    """
    item_count = matrix_VV.shape[0]
    vectors_VD, signs_D = np.zeros((item_count, width), np.float32), np.ones(width, np.float32)
    rank = min(width, item_count)
    if rank == 0 or matrix_VV.nnz == 0:
        return vectors_VD, signs_D
    random = np.random.default_rng([seed, 3])
    basis = random.standard_normal((item_count, min(width + OVERSAMPLING, item_count))).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis, _ = np.linalg.qr(matrix_VV @ basis)
    values, rotation = np.linalg.eigh(basis.T @ (matrix_VV @ basis))
    largest = np.argsort(-np.abs(values), kind="stable")[:rank]
    vectors_VD[:, :rank] = (basis @ rotation[:, largest]) * np.sqrt(np.abs(values[largest]))
    signs_D[:rank] = np.sign(values[largest])
    return vectors_VD, signs_D
