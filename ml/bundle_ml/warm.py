"""Yesterday's network as today's start.

A shop that learns every night sees almost the same orders twice, so the network of the night before needs only a part
of the training. Started from is the network as it was *before* it was taught the slices that its run held out: the
slices move forward in time, so what judges today's model has taught none of its ancestors. Where they did not, a run
starts cold (`Start.may_be_judged_by`).

Shapes: V items, D width.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bundle_ml.artefact import read_tensors, read_vocabulary, verify
from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.plan import Plan
from bundle_ml.settings import Settings
from bundle_ml.spectrum import ppmi
from bundle_ml.stored import START, network_of
from bundle_ml.transformer import BasketTransformer, Shape

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """The network of an earlier run, and the keys of its items."""

    model: BasketTransformer
    keys: tuple[str, ...]
    fingerprint: str
    warm_starts: int
    """How many runs in a row have started warm before."""
    taught_until: int
    """Microseconds since 1970 of the last basket that taught it or an ancestor; `UNKNOWN_TIME` without times."""

    def may_be_judged_by(self, held_out: Baskets) -> bool:
        """Say whether none of these baskets can have taught it.

        Orders cancelled since, or another ratio, may move a slice back over what an earlier run was taught.
        """
        known = held_out.ordered_at[held_out.ordered_at != UNKNOWN_TIME]
        return len(known) == 0 or self.taught_until <= int(known.min())


def read_start(artefact: Path, settings: Settings) -> Start | None:
    """Read an artefact's network; None, with the reason logged, where a cold start is due.

    Raises:
        ArtefactError: the artefact is damaged.
    """
    manifest = verify(artefact)
    vocabulary = read_vocabulary(artefact)
    warm_starts = int(manifest.data.get("warm_starts", 0))
    if START not in vocabulary["facts"]:
        reason = "the artefact holds no Transformer"
    elif warm_starts >= settings.warm_starts_in_a_row:
        reason = f"{warm_starts} runs in a row have started warm"
    else:
        model = network_of(read_tensors(artefact), START, vocabulary["facts"][START])
        if _fits(model.shape, settings):
            taught_until = manifest.data.get("taught_until", UNKNOWN_TIME)
            return Start(model, tuple(vocabulary["keys"]), manifest.fingerprint, warm_starts, taught_until)
        reason = "its Transformer has another shape than the settings ask for"
    logger.info("Starting cold: %s.", reason)
    return None


def _fits(shape: Shape, settings: Settings) -> bool:
    wanted = (settings.layer_count, settings.head_count, settings.dropout)
    return (shape.layer_count, shape.head_count, shape.dropout) == wanted and settings.width in (None, shape.width)


def shortened(cold: Plan, start: Start, settings: Settings) -> Plan:
    """Plan the part of a cold run's epochs that a warm one takes, at the width that is given."""
    epochs = settings.epochs or max(1, round(cold.epochs * settings.warm_start_ratio))
    return replace(cold, width=start.model.shape.width, epochs=epochs)


def carry_over(start: Start, several: Baskets, log_share_V: Tensor) -> BasketTransformer:
    """Give every item that the start knows its vector, and a new one the average of what it is bought with."""
    model = BasketTransformer(replace(start.model.shape, item_count=several.item_count))
    number_of = {key: number for number, key in enumerate(start.keys)}
    places_V = np.asarray([number_of.get(key, -1) for key in several.keys])
    known_V = places_V >= 0
    vectors_VD = np.zeros((several.item_count, start.model.shape.width), np.float32)
    vectors_VD[known_V] = start.model.item.weight.detach().numpy()[places_V[known_V]]
    if not known_V.all():
        company_VV = ppmi(several)[~known_V]
        weight = np.maximum(np.asarray(company_VV[:, known_V].sum(axis=1)), 1e-6)
        vectors_VD[~known_V] = (company_VV @ vectors_VD) / weight[:, None]
    of_items = {"item.weight": torch.from_numpy(vectors_VD), "log_share_V": log_share_V}
    model.load_state_dict({**start.model.state_dict(), **of_items})
    return model
