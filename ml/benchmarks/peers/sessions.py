"""RecTools' Transformers on baskets: a basket is a session, and a context is the session of a user not seen before.

A session's items are put in a new random order whenever a batch holds it, for a basket has none. Sessions are as long
as 19 of 20 baskets, 50 items at most; a longer basket is cut into several.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning
from epochs import train
from protocol import Fitted, Sets, Trial
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models.nn.transformers.base import TransformerModelBase
from rectools.models.nn.transformers.data_preparator import TransformerDataPreparatorBase

LONGEST = 50
LIST_LENGTH = 100


class Reshuffling(TransformerDataPreparatorBase):
    """Mixed into a model's own data preparator."""

    def _collate_fn_train(self, batch: list[Any]) -> Any:
        return super()._collate_fn_train(
            [(random.sample(items, len(items)), weights, more) for items, weights, more in batch]
        )


def fit_transformer(
    model_type: type[TransformerModelBase],
    preparator_type: type[TransformerDataPreparatorBase],
    baskets: Sets,
    trial: Trial | None,
    *,
    epochs: int,
    **settings: Any,
) -> Fitted:
    warnings.simplefilter("ignore")
    pytorch_lightning.seed_everything(0)
    session_max_len = int(np.clip(np.quantile(baskets.lengths, 0.95), 4, LONGEST))
    model = model_type(session_max_len=session_max_len, data_preparator_type=preparator_type, **settings)
    shuffled = baskets.shuffled()
    places = np.arange(len(shuffled.items)) - np.repeat(shuffled.offsets[:-1], shuffled.lengths)
    sessions = shuffled.row_numbers() * len(shuffled.items) + places // session_max_len
    dataset = _dataset(sessions, shuffled.items)

    def train_epoch() -> Any:
        model.fit_partial(dataset, min_epochs=1, max_epochs=1)
        return model.torch_model

    def top(contexts: Sets) -> Any:
        rows = np.arange(len(contexts))
        asked = _dataset(contexts.row_numbers(), contexts.items)
        found = model.recommend(rows, asked, LIST_LENGTH, filter_viewed=True, on_unsupported_targets="ignore")
        lists_BK = np.full((len(contexts), LIST_LENGTH), -1, np.int32)
        lists_BK[found[Columns.User], found[Columns.Rank] - 1] = found[Columns.Item]
        return lists_BK

    return train(train_epoch, lambda: top, trial, epochs=epochs)


def _dataset(users: Any, items: Any) -> Dataset:
    """RecTools sorts by time, and leaves rows of the same time as they stand."""
    return Dataset.construct(
        pd.DataFrame({Columns.User: users, Columns.Item: items, Columns.Weight: 1.0, Columns.Datetime: pd.Timestamp(0)})
    )
