from __future__ import annotations

import numpy as np
import torch

from bundle_ml.batches import PADDING, epoch_batches, pad
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1], [0, 1, 2, 3, 4], [2, 3, 4]] * 10, item_count=6)


def _epoch(epoch: int, length: int = 4) -> list[torch.Tensor]:
    return list(epoch_batches(BASKETS, batch_baskets=4, length=length, seed=0, epoch=epoch))


def test_an_epoch_sees_every_basket_once_and_no_more_items_than_asked() -> None:
    rows = [row[row != PADDING].tolist() for batch in _epoch(0, length=8) for row in batch]

    assert sorted(sorted(row) for row in rows) == sorted(BASKETS[number].tolist() for number in range(30))
    assert max(batch.shape[1] for batch in _epoch(0)) == 4


def test_the_same_epoch_comes_out_the_same_and_another_does_not() -> None:
    one, same, other = _epoch(1), _epoch(1), _epoch(2)

    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_padding_stands_on_the_right() -> None:
    assert pad([np.asarray([5]), np.asarray([6, 7])]).tolist() == [[5, PADDING], [6, 7]]
