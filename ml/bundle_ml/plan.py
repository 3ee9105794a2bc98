"""How wide a network a shop's data deserve, and for how long it is trained.

The answer comes from the size of the data and a budget of floating-point operations, never from a clock: a slow machine
trains the same model as a fast one, only later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import Baskets
from bundle_ml.settings import Settings

WIDTHS = (32, 64, 96, 128, 192, 256)
WANTED_EPOCHS = 6
MAX_EPOCHS = 30
LOGITS_AT_ONCE = 8_000_000
"""Places times items in one batch; bounds memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    width: int
    epochs: int
    batch_baskets: int
    competitors: int | None
    """Items drawn into the softmax beside those of the batch; None: all items are in it."""


def plan(baskets: Baskets, settings: Settings) -> Plan:
    """Choose the greatest width for which the budget pays some epochs, then as many epochs as it pays.

    A place in a basket costs about 6 · (C·D + 12·layers·D²) operations, forward and backward, where C items compete in
    the softmax.
    """
    several = baskets.of_several()
    places = int(np.minimum(several.lengths, settings.context_length).sum()) - len(several)
    batch_items = settings.batch_baskets * settings.context_length
    competitors = settings.drawn_competitors if several.item_count > settings.full_softmax_max_items else None
    competing = several.item_count if competitors is None else min(several.item_count, competitors + batch_items)

    def affordable_epochs(width: int) -> int:
        operations = 6 * max(places, 1) * (competing * width + 12 * settings.layer_count * width**2)
        return int(settings.training_teraflops * 1e12 / operations)

    divisible = [width for width in WIDTHS if width % settings.head_count == 0] or [8 * settings.head_count]
    affordable = [width for width in divisible if affordable_epochs(width) >= WANTED_EPOCHS]
    width = settings.width or (affordable[-1] if affordable else divisible[0])
    epochs = settings.epochs or min(MAX_EPOCHS, max(1, affordable_epochs(width)))
    places_at_once = max(1, LOGITS_AT_ONCE // max(competing, 1))
    return Plan(
        width=width,
        epochs=epochs,
        batch_baskets=max(1, min(settings.batch_baskets, places_at_once // (settings.context_length - 1))),
        competitors=competitors,
    )
