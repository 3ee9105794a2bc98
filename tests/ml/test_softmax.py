from __future__ import annotations

import torch

from bundle_ml.softmax import log_sum_exp

RANDOM = torch.Generator().manual_seed(0)
QUERIES, ITEMS = torch.randn(5, 3, generator=RANDOM), torch.randn(7, 3, generator=RANDOM)
OFFSETS = torch.randn(7, generator=RANDOM)
SEEN = torch.tensor([[0, 0], [1, 4], [2, 2], [6, 5], [3, 3]])


def _in_the_usual_way(queries: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    logits = queries @ items.T + OFFSETS
    return logits.scatter(1, SEEN, float("-inf")).logsumexp(-1)


def test_it_is_the_logarithm_of_the_sum_over_what_was_not_seen() -> None:
    torch.testing.assert_close(log_sum_exp(QUERIES, ITEMS, OFFSETS, SEEN), _in_the_usual_way(QUERIES, ITEMS))


def test_scores_far_beyond_the_range_of_exponentials_stay_numbers() -> None:
    found = log_sum_exp(QUERIES * 1e4, ITEMS, OFFSETS, SEEN)

    assert torch.isfinite(found).all()
    torch.testing.assert_close(found, _in_the_usual_way(QUERIES * 1e4, ITEMS))


def test_its_gradients_are_those_of_automatic_differentiation() -> None:
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0])
    gradients = []
    for way in (lambda queries, items: log_sum_exp(queries, items, OFFSETS, SEEN), _in_the_usual_way):
        queries, items = QUERIES.clone().requires_grad_(), ITEMS.clone().requires_grad_()
        (way(queries, items) * weights).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append((queries.grad, items.grad))

    torch.testing.assert_close(gradients[0], gradients[1])
