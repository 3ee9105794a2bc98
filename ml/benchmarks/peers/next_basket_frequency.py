"""Personal frequency: how often the shopper bought an item, the latest baskets counting most; then what is popular.

A basket with `n` later ones weighs rate ** n. Rate 1 is the plain count: GP-TopFreq of Li et al. 2023, "A Next Basket
Recommendation Reality Check".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from profiles import tie_breaker, weighted_sums
from protocol import Fitted, by_scores
from shoppers import Orders, Pasts, run

GRID = [{"rate": rate} for rate in (1.0, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3)]


def fit(orders: Orders, item_count: int, _trial: Any, *, rate: float) -> Fitted:
    popularity = tie_breaker(orders.baskets, item_count)

    def score(asked: Pasts) -> Any:
        rows, own = asked.own()
        weights = np.float64(rate) ** own.ages()
        sums = weighted_sums(own.baskets, rows, weights, row_count=len(asked), item_count=item_count)
        return sums.toarray() + popularity

    return Fitted(by_scores(score))


if __name__ == "__main__":
    run(fit, GRID, packages=["numpy", "scipy"])
