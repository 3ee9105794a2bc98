"""The Transformer over baskets.

Unusual about it:
* No positions and no order: a basket is a set. Each time it is seen it is shuffled, and causal attention over the
  shuffled items gives a training signal for every context size in one pass (permutation language modelling; the idea
  of XLNet).
* The target is not the one next item but all items still to come, each with the same weight. That is the expectation of
  the usual loss over all orders of the rest, and costs nothing: a mean of target embeddings instead of one.
* It starts as a statistic: item embeddings from the spectrum of the PPMI matrix, residual branches silent, read-out
  by the mean over the context. Since PMI(i, j) + log p(j) = log p(j | i), the untrained network is already a model.
* log p(item), counted over the baskets that teach, is added to the logits as a constant, so that popularity need not be
  memorised; decoding adds a fitted multiple of *recent* popularity instead.
* Items of the context cannot come again: their logits are removed before the softmax.

* The softmax is over all items. In a catalogue too large for that it is over the items of the batch and a draw of the
  others, shared by all places and weighed so that the sum over them is expected to be that over all (`sampling`).

Left out on purpose: biases, an end-of-basket token, weight decay on embeddings.

Shapes: B baskets, T places in a shuffled basket, D width, H heads, K width of a head, V items, N places with a target,
C items that compete in the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bundle_ml.baskets import FloatArray
from bundle_ml.batches import PADDING, pad
from bundle_ml.cases import Contexts
from bundle_ml.rungs import Rung
from bundle_ml.sampling import Competitors
from bundle_ml.softmax import log_sum_exp
from bundle_ml.tally import Tally

SILENT = ("attention.out.weight", "narrow.weight")
"""Weights at the end of the residual branches; they start at zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    item_count: int
    width: int
    layer_count: int
    head_count: int
    dropout: float


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.head_count = shape.head_count
        self.dropout = shape.dropout
        self.to_qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        heads_BT3HK = self.to_qkv(x_BTD).view(B, T, 3, self.head_count, D // self.head_count)
        q_BHTK, k_BHTK, v_BHTK = heads_BT3HK.permute(2, 0, 3, 1, 4)
        # Padding needs no mask of its own: it stands at the end, where a causal mask hides it from every real item.
        dropout = self.dropout if self.training else 0.0
        mixed_BHTK = F.scaled_dot_product_attention(q_BHTK, k_BHTK, v_BHTK, is_causal=True, dropout_p=dropout)
        return self.out(mixed_BHTK.transpose(1, 2).reshape(B, T, D))  # type: ignore[no-any-return]


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width)
        self.attention = Attention(shape)
        self.widen_norm = nn.RMSNorm(shape.width)
        self.widen = nn.Linear(shape.width, 4 * shape.width, bias=False)
        self.narrow = nn.Linear(4 * shape.width, shape.width, bias=False)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_BTD = x_BTD + self.dropout(self.attention(self.attention_norm(x_BTD)))
        return x_BTD + self.dropout(self.narrow(F.gelu(self.widen(self.widen_norm(x_BTD)))))  # type: ignore[no-any-return]


class BasketTransformer(nn.Module):
    """Items of a shuffled basket in; at each place, a query against all items out."""

    log_share_V: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.item = nn.Embedding(shape.item_count, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layer_count))
        self.read_out = nn.Linear(shape.width, shape.width, bias=False)
        self.register_buffer("log_share_V", torch.zeros(shape.item_count))

    def start_from(self, vectors_VD: Tensor, signs_D: Tensor, log_share_V: Tensor, *, seed: int) -> None:
        """Set every weight: the given spectrum, silent residual branches, and noise where symmetry must break."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.item.weight.copy_(vectors_VD)
            self.read_out.weight.copy_(torch.diag(signs_D))
            self.log_share_V.copy_(log_share_V)
            for layer in self.layers:
                for name, weight in layer.named_parameters():
                    if name in SILENT:
                        weight.zero_()
                    elif weight.ndim == 2:
                        weight.normal_(0, self.shape.width**-0.5, generator=generator)

    def forward(self, items_BT: Tensor) -> Tensor:
        x_BTD = self.item(items_BT.clamp(min=0))
        for layer in self.layers:
            x_BTD = layer(x_BTD)
        seen_T1 = torch.arange(1, items_BT.shape[1] + 1, dtype=x_BTD.dtype)[:, None]
        return self.read_out(x_BTD.cumsum(dim=1) / seen_T1)  # type: ignore[no-any-return]

    def loss(self, items_BT: Tensor, competitors: Competitors | None = None) -> Tensor:
        """Average cross-entropy over all places that have something still to come."""
        return self.losses(items_BT, competitors).mean()

    def losses(self, items_BT: Tensor, competitors: Competitors | None = None) -> Tensor:
        """Cross-entropy at each place that has something still to come; (N,).

        All items compete in the softmax, or those given.
        """
        query_BTD = self(items_BT)
        present_BT = items_BT != PADDING
        to_come_BT = present_BT.flip(1).cumsum(1).flip(1) - present_BT.long()
        asked_BT = present_BT & (to_come_BT > 0)
        query_ND = query_BTD[asked_BT]
        seen_NT = seen_at_each_place(items_BT)[asked_BT]
        if competitors is None:
            log_sum_N = log_sum_exp(query_ND, self.item.weight, self.log_share_V, seen_NT)
        else:
            offset_C = self.log_share_V[competitors.items_C] + competitors.log_weights_C
            log_sum_N = log_sum_exp(query_ND, self.item(competitors.items_C), offset_C, competitors.places_V[seen_NT])

        target_BTD = self.item(items_BT.clamp(min=0)) * present_BT[..., None]
        offset_BT = self.log_share_V[items_BT.clamp(min=0)] * present_BT
        wanted_ND = _mean_to_come(target_BTD, to_come_BT[..., None])[asked_BT]
        wanted_N = (query_ND * wanted_ND).sum(-1) + _mean_to_come(offset_BT, to_come_BT)[asked_BT]
        losses_N: Tensor = log_sum_N - wanted_N
        return losses_N

    @torch.no_grad()
    def queries(self, items_BT: Tensor) -> Tensor:
        """The query after the last real item of each row; (B, D)."""
        last_B = (items_BT != PADDING).sum(1) - 1
        query_BD: Tensor = self(items_BT)[torch.arange(len(items_BT)), last_B]
        return query_BD

    @torch.no_grad()
    def next_item_scores(self, items_BT: Tensor) -> Tensor:
        """Score all items after the last real item of each row, without popularity; (B, V)."""
        scores_BV: Tensor = self.queries(items_BT) @ self.item.weight.T
        return scores_BV


def _mean_to_come(value_BT_: Tensor, to_come_BT_: Tensor) -> Tensor:
    """Average over the places after each place."""
    after = value_BT_.flip(1).cumsum(1).flip(1) - value_BT_
    return after / to_come_BT_.clamp(min=1)


def seen_at_each_place(items_BT: Tensor) -> Tensor:
    """List the items up to each place, itself included; (B, T, T), filled up with the first item.

    >>> seen_at_each_place(torch.tensor([[7, 8, 9]])).tolist()
    [[[7, 7, 7], [7, 8, 7], [7, 8, 9]]]
    """
    T = items_BT.shape[1]
    until_TT = torch.ones(T, T, dtype=torch.bool).tril()
    return torch.where(until_TT, items_BT[:, None, :], items_BT[:, :1, None]).clamp(min=0)


@dataclass(frozen=True, slots=True, eq=False)
class TransformerRung(Rung):
    """The trained network as a rung of the ladder."""

    model: BasketTransformer
    context_length: int

    @property
    def item_count(self) -> int:
        return self.model.shape.item_count

    def scores(self, contexts: Contexts) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(self.model.next_item_scores(self._places(contexts)).cpu().numpy())

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        query_BD = self.model.queries(self._places(contexts)).cpu().numpy()
        tally.add_product(query_BD * factor_B[:, None], self.model.item.weight.detach().cpu().numpy())

    def _places(self, contexts: Contexts) -> Tensor:
        """Write contexts as padded rows, in the order of item numbers so that a set has one answer.

        Of a context longer than the network has met in training, an even choice is shown.
        """
        ascending = contexts.items[np.lexsort((contexts.items, contexts.row_numbers()))]
        rows = []
        for start, stop in pairwise(contexts.offsets.tolist()):
            items = ascending[start:stop]
            if len(items) > self.context_length:
                items = items[np.linspace(0, len(items) - 1, self.context_length).astype(int)]
            rows.append(items)
        return pad(rows).to(self.model.item.weight.device)
