"""Which items compete in the softmax of a large catalogue.

The items of the batch always do: they hold every target. Of all others a number is drawn by popularity, once for the
whole batch, with replacement; each counts 1 / (draws · chance), so that the sum of exp(logit) over competitors is
expected to be the sum over all items. This is the logQ correction.

Source: Bengio & Senécal 2008, "Adaptive importance sampling to accelerate training of a neural probabilistic language
model"; Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item recommendations".

Shapes: V items, C competitors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bundle_ml.batches import PADDING


@dataclass(frozen=True, slots=True, eq=False)
class Competitors:
    """Items in the softmax, and what each stands for."""

    items_C: Tensor
    log_weights_C: Tensor
    places_V: Tensor
    """Where an item of the batch stands among the competitors; 0 for any other item."""


def draw_competitors(items_BT: Tensor, log_share_V: Tensor, *, count: int) -> Competitors:
    """Take the items of the batch and draw `count` others; all randomness comes from torch's global generator."""
    of_batch = torch.unique(items_BT[items_BT != PADDING])
    chance_V = log_share_V.exp()
    chance_V[of_batch] = 0
    total = chance_V.sum()
    if not count or not total > 0:  # There is no other item.
        drawn, log_weights = of_batch.new_empty(0), log_share_V.new_empty(0)
    else:
        drawn = torch.multinomial(chance_V, count, replacement=True)
        log_weights = -(count * chance_V[drawn] / total).log()
    places_V = torch.zeros(len(log_share_V), dtype=torch.long)
    places_V[of_batch] = torch.arange(len(of_batch))
    weights_C = torch.cat([log_share_V.new_zeros(len(of_batch)), log_weights])
    return Competitors(torch.cat([of_batch, drawn]), weights_C, places_V)
