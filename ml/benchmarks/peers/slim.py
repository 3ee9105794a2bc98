"""SLIM (Ning and Karypis 2011): a sparse, non-negative linear item-to-item model, by scikit-learn's ElasticNet.

No kept package has it. Each item is regressed on its most similar items alone (fsSLIM, Ning and Karypis 2011, section
4.3), on the Cholesky factor of their co-occurrence counts: the same optimum as on the baskets, without their length.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
from matrices import incidence
from protocol import Fitted, Sets, by_scores, run
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

GRID = [
    {"l1": l1, "l2": l2, "candidates": candidates}
    for l1, l2, candidates in (
        (5.0, 50.0, 100),
        (1.0, 20.0, 100),
        (20.0, 100.0, 100),
        (1.0, 100.0, 200),
        (5.0, 20.0, 200),
    )
]


def fit(baskets: Sets, item_count: int, _trial: Any, *, l1: float, l2: float, candidates: int) -> Fitted:
    """Minimise ½‖y − Xw‖² + l1·|w| + ½·l2·‖w‖² for each item's column y, w not negative."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = incidence(baskets, item_count)
    gram = (rows.T @ rows).tocsr()
    counts = np.maximum(gram.diagonal(), 1)
    columns, neighbours, weights = [], [], []
    for item in range(item_count):
        span = slice(gram.indptr[item], gram.indptr[item + 1])
        others, together = gram.indices[span], gram.data[span]
        is_other = others != item
        others, together = others[is_other], together[is_other]
        if len(others) == 0:
            continue
        near = np.argsort(-together / np.sqrt(counts[others]), kind="stable")[:candidates]
        found = others[near]
        weight = _regress(gram[found][:, found].toarray().astype(np.float64), together[near], l1=l1, l2=l2)
        chosen = weight > 0
        columns.append(np.full(chosen.sum(), item))
        neighbours.append(found[chosen])
        weights.append(weight[chosen])
    matrix = scipy.sparse.csr_matrix(
        (np.concatenate(weights).astype(np.float32), (np.concatenate(neighbours), np.concatenate(columns))),
        shape=(item_count, item_count),
    )
    return Fitted(by_scores(lambda contexts: (incidence(contexts, item_count) @ matrix).toarray()))


def _regress(gram: Any, together: Any, *, l1: float, l2: float) -> Any:
    count = len(together)
    factor = np.linalg.cholesky(gram + 1e-3 * np.eye(count))
    target = scipy.linalg.solve_triangular(factor, together.astype(np.float64), lower=True)
    # scikit-learn divides the squares by twice the number of rows.
    net = ElasticNet(
        alpha=(l1 + l2) / count,
        l1_ratio=l1 / (l1 + l2),
        fit_intercept=False,
        positive=True,
        copy_X=False,
        precompute=False,
        max_iter=100,
        tol=1e-3,
    )
    return net.fit(np.asfortranarray(factor.T), target).coef_


if __name__ == "__main__":
    run(fit, GRID, packages=["scikit-learn", "scipy", "numpy"])
