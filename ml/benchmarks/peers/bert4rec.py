"""BERT4Rec (Sun et al. 2019) by RecTools, with the softmax over all items. See `sessions` for what it is shown."""

from __future__ import annotations

from typing import Any

from protocol import Fitted, Sets, run
from rectools.models import BERT4RecModel
from rectools.models.nn.transformers.bert4rec import BERT4RecDataPreparator
from sessions import Reshuffling, fit_transformer

GRID = [
    {
        "n_factors": factors,
        "n_blocks": 2,
        "n_heads": 2,
        "dropout_rate": dropout,
        "mask_prob": mask_prob,
        "use_pos_emb": has_positions,
        "lr": rate,
    }
    for factors, dropout, mask_prob, has_positions, rate in (
        (128, 0.2, 0.5, True, 1e-3),
        (128, 0.2, 0.3, False, 1e-3),
        (256, 0.4, 0.5, True, 5e-4),
        (128, 0.2, 0.15, True, 1e-3),
        (64, 0.2, 0.5, False, 2e-3),
    )
]


class Preparator(Reshuffling, BERT4RecDataPreparator):
    """BERT4Rec's own, in a new order each time."""


def fit(baskets: Sets, _item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    return fit_transformer(BERT4RecModel, Preparator, baskets, trial, epochs=epochs, **settings)


if __name__ == "__main__":
    run(fit, GRID, packages=["rectools", "pytorch-lightning", "torch"])
