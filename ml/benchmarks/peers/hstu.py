"""HSTU (Zhai et al. 2024) by RecTools, with the softmax over all items. See `sessions` for what it is shown.

Without its attention to time: the items of a basket have none.
"""

from __future__ import annotations

from typing import Any

from protocol import Fitted, Sets, run
from rectools.models import HSTUModel
from rectools.models.nn.transformers.sasrec import SASRecDataPreparator
from sessions import Reshuffling, fit_transformer

GRID = [
    {"n_factors": factors, "n_blocks": 2, "n_heads": 2, "dropout_rate": dropout, "lr": rate}
    for factors, dropout, rate in ((128, 0.2, 1e-3), (128, 0.4, 1e-3), (256, 0.4, 5e-4), (64, 0.2, 2e-3))
]


class Preparator(Reshuffling, SASRecDataPreparator):
    """SASRec's, in a new order each time."""


def fit(baskets: Sets, _item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    return fit_transformer(
        HSTUModel, Preparator, baskets, trial, epochs=epochs, relative_time_attention=False, **settings
    )


if __name__ == "__main__":
    run(fit, GRID, packages=["rectools", "pytorch-lightning", "torch"])
