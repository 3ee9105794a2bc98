"""EASE on users' single items; a bundle scores the sum of its items' scores, over the number of them to some power.

There are more items than users, so the inverse is of the users' matrix. With A = (I + XXᵀ/l2)⁻¹ the scores of items are
X - AX / (1 - diag(XᵀAX) / l2), each column by its own divisor: EASE's, by Woodbury's identity.
"""

from __future__ import annotations

import sys
from typing import Any

import asked
import numpy as np
import scipy.linalg
import scipy.sparse
from matrices import incidence
from protocol import Fitted, by_scores

GRID = [{"l2": l2, "size_power": power} for l2 in (300.0, 100.0, 1000.0) for power in (0.0, 0.5, 1.0)]


def fit(split: asked.Split, _trial: Any, *, l2: float, size_power: float) -> Fitted:
    if not len(split.user_items.items):
        sys.exit("This data set has no items of users to learn from.")
    items_UI = incidence(split.user_items, split.single_item_count)
    inverse_UU = _inverse((items_UI @ items_UI.T).toarray() / np.float32(l2))
    users_of = items_UI.tocsc()
    own_I = [inverse_UU[np.ix_(users, users)].sum() / l2 for users in np.split(users_of.indices, users_of.indptr[1:-1])]
    divisor_I = scipy.sparse.diags((1 / (1 - np.array(own_I))).astype(np.float32))
    contents_BI = incidence(
        split.contents, split.single_item_count, 1.0 / np.maximum(split.contents.lengths, 1) ** size_power
    )
    scores_UB = (items_UI @ contents_BI.T).toarray()
    scores_UB -= inverse_UU @ (items_UI @ divisor_I @ contents_BI.T).toarray()
    return Fitted(by_scores(lambda users: scores_UB[users.numbers]))


def _inverse(kernel_UU: asked.FloatArray) -> asked.FloatArray:
    """Of I + K."""
    kernel_UU[np.diag_indices_from(kernel_UU)] += 1
    factor, failed = scipy.linalg.lapack.spotrf(kernel_UU, lower=1, overwrite_a=1)
    if failed:
        raise ArithmeticError("The matrix is not positive definite.")
    inverse, _ = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    return np.tril(inverse) + np.tril(inverse, -1).T


if __name__ == "__main__":
    asked.run(fit, GRID, packages=["numpy", "scipy"], takes_split=True)
