"""RecTools' Transformers on shoppers' histories, as they are meant: a user's items in order.

Items of one basket have no order; they are put in a random one, once. A sequence holds a shopper's last
`session_max_len` items. Items bought before are not filtered out of the answers. The loss is the softmax over the next
item and a sample of others: over all ten thousand, no epoch of Ta-Feng would end within ten minutes of one core.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning
from epochs import train
from protocol import Fitted, Trial
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models.nn.transformers.base import TransformerModelBase
from shoppers import Orders, Pasts

LIST_LENGTH = 100
NEGATIVES = 64


def fit_transformer(
    model_type: type[TransformerModelBase], orders: Orders, trial: Trial | None, *, epochs: int, **settings: Any
) -> Fitted:
    warnings.simplefilter("ignore")
    pytorch_lightning.seed_everything(0)
    model = model_type(loss="sampled_softmax", n_negatives=NEGATIVES, **settings)
    dataset = _dataset(orders.by_shopper())

    def train_epoch() -> Any:
        model.fit_partial(dataset, min_epochs=1, max_epochs=1)
        return model.torch_model

    def top(asked: Pasts) -> Any:
        rows, past = asked.own()
        lists_BK = np.full((len(asked), LIST_LENGTH), -1, np.int32)
        if len(rows) == 0:
            return lists_BK
        found = model.recommend(
            np.unique(rows),
            _dataset(Orders(past.baskets, rows)),
            LIST_LENGTH,
            filter_viewed=False,
            on_unsupported_targets="ignore",
        )
        lists_BK[found[Columns.User], found[Columns.Rank] - 1] = found[Columns.Item]
        return lists_BK

    return train(train_epoch, lambda: top, trial, epochs=epochs)


def _dataset(orders: Orders) -> Dataset:
    """The number of a basket is its time; RecTools leaves rows of the same time as they stand."""
    shuffled = orders.baskets.shuffled()
    numbers = shuffled.row_numbers()
    return Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: orders.shoppers[numbers],
                Columns.Item: shuffled.items,
                Columns.Weight: 1.0,
                Columns.Datetime: pd.Timestamp(0) + pd.to_timedelta(numbers, unit="s"),
            }
        )
    )
