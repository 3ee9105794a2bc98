"""LightGCN (He et al. 2020) by RecBole on users and bundles, each user by the embedding of his own."""

from __future__ import annotations

from typing import Any

import asked
from lightgcn import GRID, fit_graph
from protocol import Fitted, Sets, by_scores


def fit(baskets: Sets, item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    def answering(users_UD: asked.FloatArray, bundles_BD: asked.FloatArray) -> asked.Top:
        return by_scores(lambda users: users_UD[users.numbers] @ bundles_BD.T)

    return fit_graph(baskets, item_count, trial, answering, epochs=epochs, **settings)


if __name__ == "__main__":
    asked.run(fit, GRID, packages=["recbole", "torch"])
