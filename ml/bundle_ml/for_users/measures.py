"""Recall@k and NDCG@k of a list, where a user has several right answers.

As the literature on bundles has them (BGCN, CrossCBR, MultiCBR): recall is over all answers, also where there are more
than k of them; the ideal list of NDCG is cut at k.
"""

from __future__ import annotations

import numpy as np

from bundle_ml.baskets import BoolArray
from bundle_ml.metrics import GainArray, RankArray


def recall(hits_UK: BoolArray, answer_counts_U: RankArray) -> GainArray:
    """Share of a user's answers that stand on the list.

    >>> recall(np.array([[True, False, True], [False, False, False]]), np.array([4, 1])).tolist()
    [0.5, 0.0]
    """
    return np.asarray(hits_UK.sum(axis=1) / np.maximum(answer_counts_U, 1), np.float64)


def ndcg(hits_UK: BoolArray, answer_counts_U: RankArray) -> GainArray:
    """Sum of 1 / log2(place + 1) over the hits, divided by what a list with all answers in front would earn.

    >>> ndcg(np.array([[True, True, False], [False, False, True]]), np.array([2, 1])).tolist()
    [1.0, 0.5]
    """
    discounts_K = 1.0 / np.log2(np.arange(hits_UK.shape[1]) + 2.0)
    ideal_K = np.cumsum(discounts_K)
    return np.asarray((hits_UK @ discounts_K) / ideal_K[answer_counts_U.clip(1, len(ideal_K)) - 1], np.float64)
