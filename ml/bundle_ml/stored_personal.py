"""The personal blend to tensors and back. Needs no torch.

What is written is about items: shares of sales, what follows what, and a few numbers. Of a shopper nothing is written;
the past to be scored is handed in by whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bundle_ml import matrices
from bundle_ml.artefact import Tensors
from bundle_ml.blend import Blend
from bundle_ml.histories import Fading
from bundle_ml.personal import LookedAt, OfProfile, PersonalFrequency
from bundle_ml.rungs import Popularity, Rung

PREFIX = "personal"


def personal_to_tensors(blend: Blend) -> tuple[Tensors, dict[str, Any]]:
    """Return arrays, and the few facts that are not arrays.

    Raises:
        TypeError: a part is of a kind that must not be stored, such as one that remembers shoppers.
    """
    tensors: Tensors = {}
    parts: dict[str, Any] = {}
    for name, rung in blend.rungs.items():
        match rung:
            case Popularity():
                tensors[f"{PREFIX}/{name}/log_share"] = rung.log_share_V
                parts[name] = {"kind": "popularity"}
            case PersonalFrequency():
                parts[name] = {"kind": "frequency", "fading": asdict(rung.fading)}
            case LookedAt():
                parts[name] = {"kind": "looked_at", "half_life_days": rung.half_life_days}
            case OfProfile():
                tensors |= matrices.to_tensors(f"{PREFIX}/{name}", rung.weights_VV)
                parts[name] = {"kind": "of_profile", "fading": asdict(rung.fading)}
            case _:
                raise TypeError(f"The part {name!r} is a {type(rung).__name__}; expected one that is stored.")
    return tensors, {"parts": parts, "weights": blend.weights, "scales": blend.scales}


def personal_from_tensors(tensors: Tensors, facts: Mapping[str, Any], item_count: int) -> Blend:
    rungs = {name: _rung(name, part, tensors, item_count) for name, part in facts["parts"].items()}
    return Blend(rungs, facts["scales"], facts["weights"])


def _rung(name: str, part: Mapping[str, Any], tensors: Tensors, item_count: int) -> Rung:
    match part["kind"]:
        case "popularity":
            return Popularity(tensors[f"{PREFIX}/{name}/log_share"])
        case "frequency":
            return PersonalFrequency(Fading(**part["fading"]), item_count)
        case "looked_at":
            return LookedAt(part["half_life_days"], item_count)
        case _:
            return OfProfile(matrices.from_tensors(f"{PREFIX}/{name}", tensors, item_count), Fading(**part["fading"]))
