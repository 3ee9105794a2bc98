"""The needs behind a shop's own orders: a simulated shop whose shoppers order as the real ones do.

    shop = shop_of_orders(baskets, seed=0)
    truth = Visits.to(shop, seed=0)

What two items are bought together for is a need they share: the PPMI matrix of co-purchase, which holds no negative
number, is factored into as few non-negative columns as there are needs, and an item's row, made to sum to 1, is its
profile. An item that no pair above chance holds serves all needs alike. What orders cannot tell (appeal, places,
boredom, bots) is `latent_needs.Behaviour`, as in a generated shop: a fit makes the needs real, and nothing else.

Source: Ding, He & Simon 2005, "On the equivalence of nonnegative matrix factorization and spectral clustering"
(symmetric factorisation and its multiplicative update). Needs scipy.

Shapes: V items, L needs.
"""

from __future__ import annotations

import numpy as np

from bundle_ml.baskets import Baskets
from bundle_ml.clicks.latent_needs import Behaviour, LatentNeeds
from bundle_ml.clicks.truth import EMPTY, Numbers, Reals
from bundle_ml.errors import DataError
from bundle_ml.spectrum import ppmi

STEPS = 200
DAMPING = 0.5
SMALL = 1e-9


def shop_of_orders(
    baskets: Baskets,
    *,
    seed: int,
    need_count: int = 8,
    kinds_V: Numbers | None = None,
    behaviour: Behaviour | None = None,
) -> LatentNeeds:
    """Fit needs and popularity to orders; `kinds_V` says which items replace each other, none where it is left out.

    Raises:
        DataError: no two items were bought together more often than by chance.
    """
    matrix_VV = ppmi(baskets)
    if matrix_VV.nnz == 0:
        raise DataError(
            f"In {len(baskets)} baskets no two items meet more often than by chance; expected some that do. "
            "Take more orders."
        )
    factor_VL = np.random.default_rng([seed, 24]).random((baskets.item_count, need_count)) + SMALL
    for _ in range(STEPS):
        found_VL = matrix_VV @ factor_VL / np.maximum(factor_VL @ (factor_VL.T @ factor_VL), SMALL)
        factor_VL *= 1 - DAMPING + DAMPING * found_VL
    return LatentNeeds.around(
        _profiles(factor_VL),
        np.maximum(baskets.order_counts(), 0.5),
        np.full(baskets.item_count, EMPTY) if kinds_V is None else kinds_V,
        seed=seed,
        behaviour=behaviour,
    )


def _profiles(factor_VL: Reals) -> Reals:
    total_V1 = factor_VL.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total_V1 > 1e-6, factor_VL / np.maximum(total_V1, SMALL), 1 / factor_VL.shape[1]))
