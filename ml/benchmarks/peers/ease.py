"""EASE (Steck 2019): the linear item-to-item model with zero diagonal, in closed form. The reference peer.

Written out here, from the paper: every package's version is these lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from matrices import incidence
from protocol import Fitted, Sets, by_scores, run

GRID = [{"l2": l2} for l2 in (100.0, 20.0, 500.0, 5.0, 2000.0, 50.0, 200.0, 1000.0)]


def fit(baskets: Sets, item_count: int, _trial: Any, *, l2: float) -> Fitted:
    rows = incidence(baskets, item_count)
    gram = (rows.T @ rows).toarray().astype(np.float32, order="F")
    gram[np.diag_indices(item_count)] += np.float32(l2)
    factor, failed = scipy.linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise ArithmeticError(f"The matrix is not positive definite at l2 = {l2}.")
    inverse, _ = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0)
    return Fitted(by_scores(lambda contexts: incidence(contexts, item_count) @ inverse))


if __name__ == "__main__":
    run(fit, GRID, packages=["numpy", "scipy"])
