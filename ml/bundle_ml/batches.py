"""Baskets as shuffled, padded rows, the same for the same (seed, epoch) however often they are asked for.

Shapes: B baskets, T places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bundle_ml.baskets import Baskets, IntArray, OffsetArray

PADDING = -1
CHUNK_BATCHES = 64
"""Baskets are sorted by length within so many batches, so that little of a batch is padding."""


def epoch_batches(several: Baskets, *, batch_baskets: int, length: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Shuffle baskets and the items of each; of a long basket other items are drawn in every epoch."""
    random = np.random.default_rng([seed, 4, epoch])
    lengths = np.minimum(several.lengths, length)
    batches: list[OffsetArray] = []
    order = random.permutation(len(several))
    for chunk in _pieces(order, batch_baskets * CHUNK_BATCHES):
        batches += _pieces(chunk[np.argsort(lengths[chunk], kind="stable")], batch_baskets)
    for number in random.permutation(len(batches)):
        yield pad([random.permutation(several[row])[:length] for row in batches[number].tolist()])


def pad(rows: Sequence[IntArray]) -> Tensor:
    """Write rows of different lengths as one tensor, filled up on the right; (B, T)."""
    items_BT = np.full((len(rows), max(len(row) for row in rows)), PADDING, np.int64)
    for number, row in enumerate(rows):
        items_BT[number, : len(row)] = row
    return torch.from_numpy(items_BT)


def _pieces(rows: OffsetArray, size: int) -> list[OffsetArray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
