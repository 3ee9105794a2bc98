"""implicit's BPR (Rendle 2009). It has no way to score new users: a context is the mean of its items' factors."""

from __future__ import annotations

from typing import Any

from implicit.bpr import BayesianPersonalizedRanking
from matrices import incidence
from protocol import Fitted, Sets, by_scores, run

GRID = [
    {"factors": factors, "learning_rate": rate, "regularization": regularization, "iterations": iterations}
    for factors, rate, regularization, iterations in (
        (128, 0.05, 0.01, 100),
        (128, 0.02, 0.01, 200),
        (64, 0.05, 0.001, 100),
        (256, 0.05, 0.01, 100),
        (128, 0.05, 0.05, 200),
    )
]


def fit(
    baskets: Sets,
    item_count: int,
    _trial: Any,
    *,
    factors: int,
    learning_rate: float,
    regularization: float,
    iterations: int,
) -> Fitted:
    model = BayesianPersonalizedRanking(
        factors=factors,
        learning_rate=learning_rate,
        regularization=regularization,
        iterations=iterations,
        random_state=0,
    )
    model.fit(incidence(baskets, item_count), show_progress=False)
    factors_VD = model.item_factors.copy()
    bias_V, factors_VD[:, -1] = factors_VD[:, -1].copy(), 0  # implicit keeps an item's bias in the last place

    def score(contexts: Sets) -> Any:
        rows = incidence(contexts, item_count, 1.0 / contexts.lengths)
        return (rows @ factors_VD) @ factors_VD.T + bias_V

    return Fitted(by_scores(score))


if __name__ == "__main__":
    run(fit, GRID, packages=["pm-implicit", "numpy"])
