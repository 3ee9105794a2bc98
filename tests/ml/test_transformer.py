from __future__ import annotations

import numpy as np
import pytest
import torch

from bundle_ml.batches import PADDING
from bundle_ml.cases import Contexts
from bundle_ml.tally import Tally
from bundle_ml.transformer import BasketTransformer, Shape, TransformerRung

SHAPE = Shape(item_count=7, width=8, layer_count=2, head_count=2, dropout=0.0)


@pytest.fixture
def model() -> BasketTransformer:
    """A network with every weight drawn at random, so that no branch is silent."""
    model = BasketTransformer(SHAPE)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5, generator=generator)
        model.log_share_V.copy_(torch.log_softmax(torch.randn(7, generator=generator), 0))
    return model.eval()


def test_the_loss_is_the_cross_entropy_averaged_over_all_items_still_to_come(model: BasketTransformer) -> None:
    items = torch.tensor([[3, 1, 5, 0], [2, 6, PADDING, PADDING]])

    losses = []
    for row in items:
        basket = row[row != PADDING]
        for place in range(len(basket) - 1):
            seen, to_come = basket[: place + 1], basket[place + 1 :]
            logits = model.next_item_scores(seen[None])[0] + model.log_share_V
            logits[seen] = float("-inf")
            losses.append(-torch.log_softmax(logits, 0)[to_come].mean())

    torch.testing.assert_close(model.loss(items), torch.stack(losses).mean())


def test_the_loss_is_the_expectation_over_the_orders_of_the_rest(model: BasketTransformer) -> None:
    """After one item, the expected loss of the single next item over all orders of the rest is the same number."""
    logits = model.next_item_scores(torch.tensor([[3]]))[0] + model.log_share_V
    logits[3] = float("-inf")
    single = [-torch.log_softmax(logits, 0)[following] for following in (1, 5)]

    last = [model.loss(torch.tensor([[3, *rest]])) * 2 for rest in ((1, 5), (5, 1))]
    after_two = []
    for rest in ((1, 5), (5, 1)):
        logits_after = model.next_item_scores(torch.tensor([[3, rest[0]]]))[0] + model.log_share_V
        logits_after[[3, rest[0]]] = float("-inf")
        after_two.append(-torch.log_softmax(logits_after, 0)[rest[1]])

    torch.testing.assert_close(torch.stack(last).mean(), torch.stack(single).mean() + torch.stack(after_two).mean())


def test_what_comes_later_and_padding_change_nothing_before(model: BasketTransformer) -> None:
    short = model(torch.tensor([[3, 1]]))
    longer = model(torch.tensor([[3, 1, 5, PADDING]]))

    torch.testing.assert_close(short, longer[:, :2])


def test_the_untrained_network_is_the_factored_statistic() -> None:
    model = BasketTransformer(SHAPE)
    vectors, signs = torch.randn(7, 8), torch.tensor([1.0, -1.0] * 4)

    model.start_from(vectors, signs, torch.zeros(7), seed=0)
    model.eval()

    expected = ((vectors[2] + vectors[4]) / 2 * signs) @ vectors.T
    torch.testing.assert_close(model.next_item_scores(torch.tensor([[2, 4]]))[0], expected)


def test_the_same_seed_starts_the_same_network() -> None:
    one, same = BasketTransformer(SHAPE), BasketTransformer(SHAPE)
    for model in (one, same):
        model.start_from(torch.ones(7, 8), torch.ones(8), torch.zeros(7), seed=3)

    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))


@pytest.fixture
def rung(model: BasketTransformer) -> TransformerRung:
    return TransformerRung(model, context_length=4)


def test_a_set_has_one_answer_in_whatever_order_and_company(rung: TransformerRung) -> None:
    scores = rung.scores(Contexts.of([[2, 5, 6], [6, 2, 5], [3]]))

    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_allclose(rung.scores(Contexts.of([[3]]))[0], scores[2], atol=1e-5)


def test_what_it_adds_to_a_blend_is_its_score_for_all_items_and_for_some(rung: TransformerRung) -> None:
    contexts, factor = Contexts.of([[2], [1, 4, 5]]), np.asarray([2.0, -0.5], np.float32)
    expected = factor[:, None] * rung.scores(contexts)
    expected -= expected.mean(axis=1, keepdims=True)
    some = np.asarray([0, 3], np.int32)
    to_all, to_some = Tally(2, 7), Tally(2, 7, some)

    for tally in (to_all, to_some):
        rung.add_to(tally, contexts, factor)

    np.testing.assert_allclose(to_all.scores(), expected, atol=1e-5)
    np.testing.assert_allclose(to_some.scores(), expected[:, some], atol=1e-5)


def test_of_a_long_context_an_even_choice_is_read_as_long_as_was_trained(rung: TransformerRung) -> None:
    long, chosen = [0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6]

    scores = rung.scores(Contexts.of([long, chosen]))

    np.testing.assert_array_equal(scores[0], scores[1])
