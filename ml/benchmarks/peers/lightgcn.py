"""LightGCN (He et al. 2020) by RecBole: baskets are its users.

It has no way to score new users. A context is the mean of its items' propagated embeddings, each over the root of its
number of baskets: what a layer passes on to a user who has no embedding of his own. Two things are unusual: batches are
large, since each step propagates over the whole graph; and the graph is normalised here, since RecBole 1.2 builds it
with a part of scipy that is gone.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from epochs import train
from matrices import incidence
from protocol import Fitted, FloatArray, IntArray, Sets, Top, by_scores, run
from recbole.config import Config
from recbole.data import create_dataset
from recbole.data.utils import create_samplers, get_dataloader
from recbole.model.general_recommender import LightGCN
from recbole.trainer import Trainer

GRID = [
    {"embedding_size": size, "n_layers": layers, "learning_rate": rate, "reg_weight": weight, "train_batch_size": batch}
    for size, layers, rate, weight, batch in (
        (64, 2, 1e-2, 1e-4, 8192),
        (128, 2, 5e-3, 1e-5, 8192),
        (64, 1, 1e-2, 1e-5, 8192),
        (64, 3, 1e-2, 1e-4, 8192),
        (128, 2, 5e-3, 1e-3, 2048),
    )
]
NAME = "baskets"
PATIENCE = 20
"""Its epochs are short and its scores climb slowly."""


class Normalised(LightGCN):
    """LightGCN with the same matrix D^-½ A D^-½, made of today's sparse arrays."""

    def get_norm_adj_mat(self) -> torch.Tensor:
        pairs = self.interaction_matrix.astype(bool).astype(np.float32)
        graph = scipy.sparse.block_array([[None, pairs], [pairs.T, None]], format="coo")
        degrees = np.maximum(graph.sum(axis=1), 1e-7)
        row, column = graph.coords
        values = graph.data / np.sqrt(degrees[row] * degrees[column])
        places = torch.as_tensor(np.stack([row, column]), dtype=torch.int64)
        return torch.sparse_coo_tensor(places, torch.as_tensor(values, dtype=torch.float32), graph.shape).coalesce()


Answering = Callable[[FloatArray, FloatArray], Top]
"""Makes a model of propagated embeddings: of baskets, a row for each, and of items; zeros where none was trained."""


def fit(baskets: Sets, item_count: int, trial: Any, *, epochs: int = 0, **settings: Any) -> Fitted:
    damping_V = (1 / np.sqrt(np.maximum(np.bincount(baskets.items, minlength=item_count), 1))).astype(np.float32)

    def answering(_: FloatArray, items_VD: FloatArray) -> Top:
        passed_on_VD = items_VD * damping_V[:, None]
        return by_scores(
            lambda contexts: (incidence(contexts, item_count, 1.0 / contexts.lengths) @ passed_on_VD) @ items_VD.T
        )

    return fit_graph(baskets, item_count, trial, answering, epochs=epochs, **settings)


def fit_graph(
    baskets: Sets, item_count: int, trial: Any, answering: Answering, *, epochs: int = 0, **settings: Any
) -> Fitted:
    sys.argv = sys.argv[:1]  # RecBole reads settings from there too
    # RecBole writes logs into the working directory.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _write(baskets, Path(folder) / NAME / f"{NAME}.inter")
        config = Config(model="LightGCN", dataset=NAME, config_dict=_config(folder, settings))
        dataset = create_dataset(config)
        slices = dataset.build()
        sampler, _, _ = create_samplers(config, dataset, slices)
        batches = get_dataloader(config, "train")(config, slices[0], sampler, shuffle=True)
        model = Normalised(config, slices[0]).to(config["device"])
        trainer = Trainer(config, model)

        def train_epoch() -> Any:
            trainer.epochs = trainer.start_epoch + 1
            trainer.fit(batches, verbose=False, saved=False)
            trainer.start_epoch = trainer.epochs
            return model

        def of_all(field: str, known: IntArray, count: int, propagated: torch.Tensor) -> FloatArray:
            embeddings = np.zeros((count, propagated.shape[1]), np.float32)
            embeddings[known] = propagated.cpu().numpy()[dataset.token2id(field, known.astype(str))]
            return embeddings

        def answering_now() -> Top:
            with torch.no_grad():
                of_baskets, of_items = model.forward()
            return answering(
                of_all("user_id", np.flatnonzero(baskets.lengths), len(baskets), of_baskets),
                of_all("item_id", np.unique(baskets.items), item_count, of_items),
            )

        fitted = train(train_epoch, answering_now, trial, epochs=epochs, patience=PATIENCE)
        trainer.tensorboard.close()
    return fitted


def _write(baskets: Sets, path: Path) -> None:
    path.parent.mkdir()
    pairs = zip(baskets.row_numbers().tolist(), baskets.items.tolist(), strict=True)
    lines = [f"{basket}\t{item}\n" for basket, item in pairs]
    path.write_text("user_id:token\titem_id:token\n" + "".join(lines), encoding="utf-8")


def _config(folder: str, settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {
        "data_path": folder,
        "checkpoint_dir": folder,
        "load_col": {"inter": ["user_id", "item_id"]},
        "eval_args": {"split": {"RS": [1, 0, 0]}, "group_by": "none", "order": "RO", "mode": "full"},
        "show_progress": False,
        "state": "ERROR",
        "seed": 0,
    }


if __name__ == "__main__":
    run(fit, GRID, packages=["recbole", "torch"])
