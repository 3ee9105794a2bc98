"""Association rules: mlxtend's FP-growth over baskets, then its rules with one item on the right.

An item scores by the best rule whose left side the context holds; after the rules come the other items by popularity.
The grid goes from the high supports down, for how long a low one takes depends on the shop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matrices import incidence
from mlxtend.frequent_patterns import association_rules, fpgrowth
from protocol import Fitted, Sets, by_scores, run

GRID = [
    {"min_share": share, "longest": longest, "by": by}
    for share, longest in ((5e-3, 2), (2e-3, 2), (1e-3, 2), (5e-3, 3), (5e-4, 2))
    for by in ("confidence", "zhangs_metric")
]
MIN_BASKETS = 8


def fit(baskets: Sets, item_count: int, _trial: Any, *, min_share: float, longest: int, by: str) -> Fitted:
    support = max(min_share, MIN_BASKETS / len(baskets))
    table = pd.DataFrame.sparse.from_spmatrix(incidence(baskets, item_count).astype(bool))
    found = fpgrowth(table, min_support=support, max_len=longest)
    popularity_V = np.bincount(baskets.items, minlength=item_count) / (2.0 * len(baskets))
    rules = (
        association_rules(found, metric="lift", min_threshold=1.0) if (found["itemsets"].map(len) > 1).any() else None
    )
    if rules is None or rules.empty:
        return Fitted(by_scores(lambda contexts: np.tile(popularity_V, (len(contexts), 1))))
    rules = rules[rules["consequents"].map(len) == 1]
    lefts = Sets(
        np.concatenate([[0], np.cumsum(rules["antecedents"].map(len).to_numpy())]).astype(np.int64),
        np.asarray([item for left in rules["antecedents"] for item in left], np.int32),
    )
    left = incidence(lefts, item_count)
    right = np.asarray([next(iter(each)) for each in rules["consequents"]])
    strength = 1.0 + rules[by].to_numpy()  # above every popularity

    def score(contexts: Sets) -> Any:
        held = (incidence(contexts, item_count) @ left.T).tocsr()
        scores_BV = np.tile(popularity_V, (len(contexts), 1))
        for row in range(len(contexts)):
            span = slice(held.indptr[row], held.indptr[row + 1])
            fired = held.indices[span][held.data[span] == lefts.lengths[held.indices[span]]]
            np.maximum.at(scores_BV[row], right[fired], strength[fired])
        return scores_BV

    return Fitted(by_scores(score))


if __name__ == "__main__":
    run(fit, GRID, packages=["mlxtend", "pandas", "numpy"])
