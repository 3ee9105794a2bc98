"""Rungs to tensors and back, so that an artefact can be measured again on later orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from bundle_ml import matrices
from bundle_ml.artefact import Tensors
from bundle_ml.blend import Blend
from bundle_ml.compressed import like
from bundle_ml.rungs import (
    CATEGORY,
    CO_PURCHASE,
    COSINE,
    EASE,
    EASE_FOR_FEW,
    POPULARITY,
    TRANSFORMER,
    Category,
    CoPurchase,
    ItemToItem,
    Popularity,
    Rung,
)
from bundle_ml.transformer import BasketTransformer, Shape, TransformerRung

START = "start"
"""The network as it was before it was taught the held-out slices: what a later run may start from (see `warm`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """All rungs that were fitted, simplest first, and the blend if there is one."""

    rungs: dict[str, Rung]
    blend: Blend | None
    start: TransformerRung | None = None


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
                tensors |= matrices.to_tensors(name, rung.weights_VV) | {
                    f"{name}/together": rung.together_VV.data.astype(np.float32)
                }
            case ItemToItem():
                tensors |= matrices.to_tensors(name, rung.weights_VV)
            case TransformerRung():
                tensors |= _network(name, rung)
                facts[name] = _facts_of(rung)
    if fitted.start:
        tensors |= _network(START, fitted.start)
        facts[START] = _facts_of(fitted.start)
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
        weights = matrices.from_tensors(CO_PURCHASE, tensors, item_count)
        rungs[CO_PURCHASE] = CoPurchase(weights, like(weights, tensors[f"{CO_PURCHASE}/together"]))
    for name in (COSINE, EASE, EASE_FOR_FEW):
        if f"{name}/values" in tensors:
            rungs[name] = ItemToItem(matrices.from_tensors(name, tensors, item_count))
    if TRANSFORMER in facts:
        rungs[TRANSFORMER] = _transformer(tensors, TRANSFORMER, facts[TRANSFORMER])
    start = _transformer(tensors, START, facts[START]) if START in facts else None
    blend = None
    if "blend" in facts:
        blend = Blend(rungs, facts["blend"]["scales"], facts["blend"]["weights"])
    return Fitted(rungs, blend, start)


def _network(name: str, rung: TransformerRung) -> Tensors:
    return {f"{name}/model/{key}": value.numpy() for key, value in rung.model.state_dict().items()}


def _facts_of(rung: TransformerRung) -> dict[str, Any]:
    return {"shape": asdict(rung.model.shape), "context_length": rung.context_length}


def network_of(tensors: Tensors, name: str, facts: Mapping[str, Any]) -> BasketTransformer:
    """Build a stored network."""
    model = BasketTransformer(Shape(**facts["shape"]))
    prefix = f"{name}/model/"
    state = {
        key.removeprefix(prefix): torch.from_numpy(value) for key, value in tensors.items() if key.startswith(prefix)
    }
    model.load_state_dict(state)
    return model.eval()


def _transformer(tensors: Tensors, name: str, facts: Mapping[str, Any]) -> TransformerRung:
    return TransformerRung(network_of(tensors, name, facts), int(facts["context_length"]))
