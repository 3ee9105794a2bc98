"""SASRec (Kang and McAuley 2018) by RecTools. See `sequences` for what it is shown."""

from __future__ import annotations

from typing import Any

from protocol import Fitted
from rectools.models import SASRecModel
from sequences import fit_transformer
from shoppers import Orders, run

GRID = [
    {
        "n_factors": factors,
        "n_blocks": blocks,
        "n_heads": 2,
        "dropout_rate": dropout,
        "session_max_len": length,
        "batch_size": 32,
        "lr": rate,
    }
    for factors, blocks, dropout, length, rate in (
        (128, 2, 0.2, 50, 1e-3),
        (128, 1, 0.3, 100, 1e-3),
        (64, 2, 0.2, 50, 2e-3),
        (128, 2, 0.5, 50, 1e-3),
    )
]


def fit(orders: Orders, _item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    return fit_transformer(SASRecModel, orders, trial, epochs=epochs, **settings)


if __name__ == "__main__":
    run(fit, GRID, packages=["rectools", "pytorch-lightning", "torch"])
