"""The softmax over all items, with as few passes over its matrix as there can be.

Training spends most of its time on the matrix of places and items. Written in the usual way, a dozen operations read
and write it, forward and backward; here it is written once, made exponentials in place and kept for the gradient.

Shapes: N places, C items that compete, D width, T places in a shuffled basket.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class LogSumExp(torch.autograd.Function):
    """log Σ exp(query · item + offset) over the items that were not seen; (N,).

    The gradient of the offsets is not asked for: they are constants.
    """

    @staticmethod
    def forward(ctx: Any, query_ND: Tensor, item_CD: Tensor, offset_C: Tensor, seen_NT: Tensor) -> Tensor:
        x_NC = query_ND @ item_CD.T
        x_NC += offset_C
        x_NC.scatter_(1, seen_NT, float("-inf"))
        highest_N1 = x_NC.amax(dim=1, keepdim=True)
        x_NC.sub_(highest_N1).exp_()
        sum_N1 = x_NC.sum(dim=1, keepdim=True)
        ctx.save_for_backward(query_ND, item_CD, x_NC, sum_N1)
        return (highest_N1 + sum_N1.log()).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query_ND, item_CD, x_NC, sum_N1 = ctx.saved_tensors
        share_N1 = gradients[0][:, None] / sum_N1
        return (x_NC @ item_CD) * share_N1, x_NC.T @ (query_ND * share_N1), None, None


def log_sum_exp(query_ND: Tensor, item_CD: Tensor, offset_C: Tensor, seen_NT: Tensor) -> Tensor:
    """Return log Σ exp(query · item + offset) over the items that were not seen; (N,).

    Of a place all of whose items were seen it is -inf, with a gradient of no number: such a place must not be asked.
    """
    found: Tensor = LogSumExp.apply(query_ND, item_CD, offset_C, seen_NT)  # type: ignore[no-untyped-call]
    return found
