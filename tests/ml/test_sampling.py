from __future__ import annotations

import pytest
import torch

from bundle_ml.batches import PADDING
from bundle_ml.sampling import draw_competitors
from bundle_ml.transformer import BasketTransformer, Shape

ITEMS = 200
LOG_SHARE = torch.log_softmax(torch.linspace(0, 4, ITEMS), 0)
BATCH = torch.tensor([[3, 1, 5, 0], [2, 6, PADDING, PADDING]])


def test_the_items_of_the_batch_compete_once_and_none_of_them_is_drawn() -> None:
    torch.manual_seed(0)

    found = draw_competitors(BATCH, LOG_SHARE, count=50)

    assert found.items_C[:6].tolist() == [0, 1, 2, 3, 5, 6]
    assert len(found.items_C) == 56
    assert not set(found.items_C[6:].tolist()) & {0, 1, 2, 3, 5, 6}
    assert (found.log_weights_C[:6] == 0).all()
    assert found.items_C[found.places_V[torch.tensor([5, 0])]].tolist() == [5, 0]


def test_the_sum_over_competitors_is_expected_to_be_the_sum_over_all() -> None:
    torch.manual_seed(0)
    logits = torch.randn(ITEMS)

    sums = []
    for _ in range(400):
        found = draw_competitors(BATCH, LOG_SHARE, count=64)
        sums.append((logits[found.items_C] + LOG_SHARE[found.items_C] + found.log_weights_C).exp().sum())

    whole = (logits + LOG_SHARE).exp().sum()
    assert torch.stack(sums).mean().item() == pytest.approx(whole.item(), rel=0.02)


def test_the_loss_with_many_draws_comes_near_to_the_loss_over_all_items() -> None:
    torch.manual_seed(0)
    model = BasketTransformer(Shape(item_count=ITEMS, width=8, layer_count=1, head_count=2, dropout=0.0))
    model.log_share_V.copy_(LOG_SHARE)
    model.eval()

    drawn = [model.loss(BATCH, draw_competitors(BATCH, LOG_SHARE, count=5000)).item() for _ in range(5)]

    assert sum(drawn) / 5 == pytest.approx(model.loss(BATCH).item(), abs=0.02)


def test_where_the_batch_holds_all_items_nothing_is_drawn() -> None:
    model = BasketTransformer(Shape(item_count=4, width=8, layer_count=1, head_count=2, dropout=0.0)).eval()
    batch = torch.tensor([[3, 1, 0, 2]])
    uniform = torch.full((4,), 0.25).log()
    model.log_share_V.copy_(uniform)

    found = draw_competitors(batch, uniform, count=10)

    assert found.items_C.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(model.loss(batch, found), model.loss(batch))
