"""TIFU-kNN (Hu, He, Gao & Zhang 2020), after the formulas of "Modeling Personalized Item Frequency Information for
Next-basket Recommendation".

A shopper's baskets are put into groups of `m` in order, counted from the last. In a group of τ baskets the i-th weighs
r_b ** (τ - i), and the group's vector is the mean; of g groups the i-th weighs r_g ** (g - i), and the shopper's vector
u is the mean. With n the mean vector of the k nearest other shoppers by the Euclidean distance, the prediction is
α u + (1 - α) n. Of equals the more popular comes first. The grid begins with the paper's settings for Ta-Feng.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from profiles import tie_breaker, weighted_sums
from protocol import Fitted, by_scores
from shoppers import Orders, Pasts, run

GRID = [
    {"m": m, "r_b": r_b, "r_g": r_g, "k": k, "alpha": alpha}
    for m, r_b, r_g, k, alpha in (
        (7, 0.9, 0.7, 300, 0.7),
        (7, 0.9, 0.7, 300, 0.3),
        (3, 0.9, 0.7, 300, 0.3),
        (7, 1.0, 0.7, 300, 0.3),
        (1, 0.9, 0.9, 300, 0.3),
        (7, 0.9, 0.7, 300, 0.1),
        (7, 0.9, 0.7, 900, 0.3),
        (3, 0.9, 0.7, 100, 0.3),
        (7, 0.9, 0.9, 300, 0.3),
        (1, 1.0, 1.0, 300, 0.3),
        (3, 0.9, 0.7, 300, 0.7),
        (1, 0.8, 0.8, 300, 0.3),
        (1, 0.9, 0.9, 100, 0.3),
        (1, 0.9, 0.9, 300, 0.1),
        (3, 0.9, 0.3, 300, 0.3),
        (23, 0.9, 0.9, 300, 0.3),
    )
]


def fit(
    orders: Orders, item_count: int, _trial: Any, *, m: int, r_b: float, r_g: float, k: int, alpha: float
) -> Fitted:
    own = orders.by_shopper()
    known, rows = np.unique(own.shoppers, return_inverse=True)
    weights = group_weights(own, m=m, r_b=r_b, r_g=r_g)
    vectors_UV = weighted_sums(own.baskets, rows, weights, row_count=len(known), item_count=item_count)
    squares_U = np.asarray(vectors_UV.multiply(vectors_UV).sum(axis=1)).ravel()
    popularity = tie_breaker(orders.baskets, item_count)

    vectors_VU = vectors_UV.T.tocsr()

    def score(asked: Pasts) -> Any:
        rows, past = asked.own()
        weights = group_weights(past, m=m, r_b=r_b, r_g=r_g)
        own_BV = weighted_sums(past.baskets, rows, weights, row_count=len(asked), item_count=item_count)
        # |u - v|² without |u|², which is the same for all neighbours of u.
        distances_BU = squares_U - 2 * (own_BV @ vectors_VU).toarray()
        places_B = np.searchsorted(known, asked.shoppers).clip(0, len(known) - 1)
        is_known_B = known[places_B] == asked.shoppers
        distances_BU[np.flatnonzero(is_known_B), places_B[is_known_B]] = np.inf
        count = min(k, len(known) - 1)
        near_BK = np.argpartition(distances_BU, count - 1, axis=1)[:, :count]
        choice = weighted_choice(near_BK, len(known))
        return alpha * own_BV.toarray() + (1 - alpha) * (choice @ vectors_UV).toarray() + popularity

    return Fitted(by_scores(score))


def weighted_choice(near_BK: npt.NDArray[np.int64], shopper_count: int) -> Any:
    """Each row of neighbours as a row of 1/k."""
    rows, count = near_BK.shape
    shares = np.full(near_BK.size, 1 / count, np.float32)
    offsets = np.arange(0, near_BK.size + 1, count)
    return scipy.sparse.csr_matrix((shares, near_BK.ravel(), offsets), shape=(rows, shopper_count))


def group_weights(orders: Orders, *, m: int, r_b: float, r_g: float) -> npt.NDArray[np.float64]:
    """What each basket counts in its shopper's vector."""
    ages = orders.ages()
    first = np.searchsorted(orders.shoppers, orders.shoppers)
    counts = ages + np.arange(len(ages)) - first + 1
    groups = ages // m
    in_group = np.minimum(m, counts - groups * m)
    return np.asarray(r_b ** (ages % m) / in_group * r_g**groups / np.ceil(counts / m), np.float64)


if __name__ == "__main__":
    run(fit, GRID, packages=["numpy", "scipy"])
