"""implicit's item-to-item recommenders, for the peers that use them. A context is scored as a new user."""

from __future__ import annotations

from typing import Any

import numpy as np
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from matrices import incidence
from protocol import Fitted, Sets

KINDS = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}


def fit(baskets: Sets, item_count: int, _trial: Any, *, kind: str, neighbours: int, **more: float) -> Fitted:
    model = KINDS[kind](K=neighbours, **more)
    model.fit(incidence(baskets, item_count), show_progress=False)

    def top(contexts: Sets) -> Any:
        items, scores = model.recommend(
            np.arange(len(contexts)), incidence(contexts, item_count), N=100, filter_already_liked_items=True
        )
        return np.where(scores > 0, items, -1)  # implicit fills up with what it knows nothing of

    return Fitted(top)
