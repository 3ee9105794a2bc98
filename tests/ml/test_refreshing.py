from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.refreshing import refresh
from bundle_ml.rungs import fit_popularity
from bundle_ml.settings import Settings
from bundle_ml.training import fit_transformer
from tests.ml.worlds import baskets_of

SETTINGS = Settings(
    width=16, epochs=2, context_length=4, batch_baskets=8, refresh_ratio=0.5, refresh_rate_ratio=10, learning_rate=3e-3
)
OLD = [[0, 1], [2, 3], [4, 5]] * 40
NEW = [[0, 6], [2, 7], [4, 8]] * 40
"""Fashion has changed, and three items are new."""
BEFORE, AFTER = baskets_of(OLD, item_count=9), baskets_of([*OLD, *NEW], item_count=9)


def test_the_latest_baskets_are_learned_and_the_original_stays() -> None:
    popularity = fit_popularity(BEFORE, half_life_days=1000)
    validation = cases_by_context_size(BEFORE, seed=0, limit=20)
    original = fit_transformer(BEFORE, validation, popularity, SETTINGS).rung
    before = {name: value.clone() for name, value in original.model.state_dict().items()}

    refreshed, again = (refresh(original, AFTER, SETTINGS) for _ in range(2))

    contexts = Contexts.of([[0], [2], [4]])
    favourites = contexts.exclude_from(refreshed.scores(contexts)).argmax(axis=1)
    assert favourites.tolist() == [6, 7, 8]
    np.testing.assert_array_equal(refreshed.scores(contexts), again.scores(contexts))
    assert all(torch.equal(value, original.model.state_dict()[name]) for name, value in before.items())


def test_with_nothing_recent_nothing_changes() -> None:
    popularity = fit_popularity(BEFORE, half_life_days=1000)
    original = fit_transformer(BEFORE, {}, popularity, SETTINGS).rung

    same = refresh(original, BEFORE, replace(SETTINGS, refresh_ratio=0.0))

    contexts = Contexts.of([[0], [1, 2]])
    np.testing.assert_array_equal(original.scores(contexts), same.scores(contexts))
