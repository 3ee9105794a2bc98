"""implicit's alternating least squares (Hu, Koren, Volinsky 2008). A context's factors are solved as a new user's."""

from __future__ import annotations

from typing import Any

import numpy as np
from implicit.als import AlternatingLeastSquares
from matrices import incidence
from protocol import Fitted, Sets, run
from threadpoolctl import threadpool_limits

GRID = [
    {"factors": factors, "regularization": regularization, "alpha": alpha, "iterations": 15}
    for factors, regularization, alpha in (
        (128, 0.05, 5.0),
        (128, 1.0, 1.0),
        (256, 0.05, 5.0),
        (64, 0.05, 5.0),
        (256, 1.0, 20.0),
        (128, 5.0, 20.0),
        (256, 0.01, 1.0),
    )
]


def fit(
    baskets: Sets,
    item_count: int,
    _trial: Any,
    *,
    factors: int,
    regularization: float,
    alpha: float,
    iterations: int,
) -> Fitted:
    model = AlternatingLeastSquares(
        factors=factors, regularization=regularization, alpha=alpha, iterations=iterations, random_state=0
    )
    with threadpool_limits(1, "blas"):  # implicit has threads of its own, and says so
        model.fit(incidence(baskets, item_count), show_progress=False)

    def top(contexts: Sets) -> Any:
        rows = incidence(contexts, item_count)
        with threadpool_limits(1, "blas"):
            return model.recommend(np.arange(len(contexts)), rows, N=100, recalculate_user=True)[0]

    return Fitted(top)


if __name__ == "__main__":
    run(fit, GRID, packages=["pm-implicit", "numpy"])
