"""Rungs to tensors and back, so that an artefact can be measured again on later orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch

from bundle_ml.artefact import Tensors
from bundle_ml.blend import Blend
from bundle_ml.rungs import (
    CATEGORY,
    CO_PURCHASE,
    EASE,
    POPULARITY,
    TRANSFORMER,
    Category,
    CoPurchase,
    ItemToItem,
    Popularity,
    Rung,
)
from bundle_ml.transformer import BasketTransformer, Shape, TransformerRung


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """All rungs that were fitted, simplest first, and the blend if there is one."""

    rungs: dict[str, Rung]
    blend: Blend | None


def to_tensors(fitted: Fitted) -> tuple[Tensors, dict[str, Any]]:
    """Return arrays, and the few facts that are not arrays."""
    tensors: Tensors = {}
    facts: dict[str, Any] = {}
    for name, rung in fitted.rungs.items():
        match rung:
            case Popularity():
                tensors[f"{name}/log_share"] = rung.log_share_V
            case Category():
                tensors |= {
                    f"{name}/of_item": rung.of_item_V,
                    f"{name}/chance": rung.chance_CC,
                    f"{name}/share": rung.share_V,
                }
            case CoPurchase():
                tensors |= _sparse(name, rung.weights_VV) | {
                    f"{name}/together": rung.together_VV.data.astype(np.float32)
                }
            case ItemToItem():
                tensors |= _sparse(name, rung.weights_VV)
            case TransformerRung():
                state = rung.model.state_dict().items()
                tensors |= {f"{name}/model/{key}": value.numpy() for key, value in state}
                facts[name] = {"shape": asdict(rung.model.shape), "context_length": rung.context_length}
    if fitted.blend:
        facts["blend"] = {"weights": fitted.blend.weights, "scales": fitted.blend.scales}
    return tensors, facts


def from_tensors(tensors: Tensors, facts: Mapping[str, Any]) -> Fitted:
    rungs: dict[str, Rung] = {}
    rungs[POPULARITY] = Popularity(tensors[f"{POPULARITY}/log_share"])
    item_count = len(tensors[f"{POPULARITY}/log_share"])
    if f"{CATEGORY}/of_item" in tensors:
        rungs[CATEGORY] = Category(*(tensors[f"{CATEGORY}/{part}"] for part in ("of_item", "chance", "share")))
    if f"{CO_PURCHASE}/values" in tensors:
        weights = _from_sparse(CO_PURCHASE, tensors, item_count)
        together = scipy.sparse.csr_array(
            (tensors[f"{CO_PURCHASE}/together"], weights.indices, weights.indptr), shape=weights.shape
        )
        rungs[CO_PURCHASE] = CoPurchase(weights, together)
    if f"{EASE}/values" in tensors:
        rungs[EASE] = ItemToItem(_from_sparse(EASE, tensors, item_count))
    if TRANSFORMER in facts:
        rungs[TRANSFORMER] = _transformer(tensors, facts[TRANSFORMER])
    blend = None
    if "blend" in facts:
        blend = Blend(rungs, facts["blend"]["scales"], facts["blend"]["weights"])
    return Fitted(rungs, blend)


def _transformer(tensors: Tensors, facts: Mapping[str, Any]) -> TransformerRung:
    model = BasketTransformer(Shape(**facts["shape"]))
    prefix = f"{TRANSFORMER}/model/"
    state = {
        name.removeprefix(prefix): torch.from_numpy(value) for name, value in tensors.items() if name.startswith(prefix)
    }
    model.load_state_dict(state)
    model.eval()
    return TransformerRung(model, int(facts["context_length"]))


def _sparse(name: str, matrix: scipy.sparse.csr_array) -> Tensors:
    return {
        f"{name}/values": matrix.data.astype(np.float32),
        f"{name}/neighbours": matrix.indices.astype(np.int32),
        f"{name}/offsets": matrix.indptr.astype(np.int64),
    }


def _from_sparse(name: str, tensors: Tensors, item_count: int) -> scipy.sparse.csr_array:
    parts = tuple(tensors[f"{name}/{part}"] for part in ("values", "neighbours", "offsets"))
    return scipy.sparse.csr_array(parts, shape=(item_count, item_count))
