"""Teach the trained network what was bought since: one short pass over the most recent baskets.

Early stopping needs a held-out slice, and a shop's latest weeks are worth most. So the network that was chosen on the
slice is afterwards taught the slice, at a lower rate. Items that nobody had bought before get their place here.
"""

from __future__ import annotations

import copy
import math

from bundle_ml.baskets import Baskets
from bundle_ml.batches import epoch_batches
from bundle_ml.plan import plan
from bundle_ml.settings import Settings
from bundle_ml.training import descend, log_share, new_optimiser, warmed_up
from bundle_ml.transformer import TransformerRung

EPOCH = 1_000_000
"""Stands in for an epoch number where randomness is seeded; training never gets so far."""


def refresh(rung: TransformerRung, baskets: Baskets, settings: Settings) -> TransformerRung:
    """Return a copy of the network, refreshed on the last baskets in time; the original stays as it is.

    A refresh that diverges is given up: the network goes on unrefreshed.
    """
    several = baskets.of_several()
    recent = several.between(len(several) - int(len(several) * settings.refresh_ratio), len(several))
    model = copy.deepcopy(rung.model).train()
    model.log_share_V.copy_(log_share(recent))
    optimiser = new_optimiser(model)
    todo = plan(baskets, settings)
    batches = list(
        epoch_batches(
            recent,
            batch_baskets=todo.batch_baskets,
            length=rung.context_length,
            seed=settings.seed,
            epoch=EPOCH,
        )
    )
    for step, items_BT in enumerate(batches):
        rate = settings.learning_rate * settings.refresh_rate_ratio * warmed_up(step / len(batches))
        loss = descend(
            model, optimiser, items_BT, competitors=todo.competitors, rate=rate, seed=(settings.seed, EPOCH, step)
        )
        if not math.isfinite(loss):
            return rung
    return TransformerRung(model.eval(), rung.context_length)
