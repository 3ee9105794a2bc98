"""BERT4Rec (Sun et al. 2019) by RecTools. See `sequences` for what it is shown."""

from __future__ import annotations

from typing import Any

from protocol import Fitted
from rectools.models import BERT4RecModel
from sequences import fit_transformer
from shoppers import Orders, run

GRID = [
    {
        "n_factors": factors,
        "n_blocks": 2,
        "n_heads": 2,
        "dropout_rate": dropout,
        "mask_prob": mask_prob,
        "session_max_len": length,
        "batch_size": 32,
        "lr": rate,
    }
    for factors, dropout, mask_prob, length, rate in (
        (128, 0.2, 0.5, 50, 1e-3),
        (128, 0.2, 0.3, 100, 1e-3),
        (64, 0.2, 0.5, 50, 2e-3),
        (128, 0.4, 0.2, 50, 1e-3),
    )
]


def fit(orders: Orders, _item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    return fit_transformer(BERT4RecModel, orders, trial, epochs=epochs, **settings)


if __name__ == "__main__":
    run(fit, GRID, packages=["rectools", "pytorch-lightning", "torch"])
