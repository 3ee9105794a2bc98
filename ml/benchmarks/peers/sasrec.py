"""SASRec (Kang and McAuley 2018) by RecTools, with the softmax over all items. See `sessions` for what it is shown."""

from __future__ import annotations

from typing import Any

from protocol import Fitted, Sets, run
from rectools.models import SASRecModel
from rectools.models.nn.transformers.sasrec import SASRecDataPreparator
from sessions import Reshuffling, fit_transformer

GRID = [
    {
        "n_factors": factors,
        "n_blocks": blocks,
        "n_heads": 2,
        "dropout_rate": dropout,
        "use_pos_emb": has_positions,
        "lr": rate,
    }
    for factors, blocks, dropout, has_positions, rate in (
        (128, 2, 0.2, True, 1e-3),
        (128, 2, 0.4, False, 1e-3),
        (256, 2, 0.4, True, 5e-4),
        (128, 1, 0.2, False, 1e-3),
        (64, 2, 0.2, True, 2e-3),
    )
]


class Preparator(Reshuffling, SASRecDataPreparator):
    """SASRec's own, in a new order each time."""


def fit(baskets: Sets, _item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    return fit_transformer(SASRecModel, Preparator, baskets, trial, epochs=epochs, **settings)


if __name__ == "__main__":
    run(fit, GRID, packages=["rectools", "pytorch-lightning", "torch"])
