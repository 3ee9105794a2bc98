"""Find the weights of a blend: climb the ranking measure itself, made smooth, over held-out baskets.

NDCG@10 has no slope: an item's place jumps. A sigmoid in place of "scores higher" makes places smooth; it is steepened
step by step until it is almost the jump itself. Cross-entropy in its place was tried: it moves weight to popularity and
loses NDCG. So was a network that sets the weights context by context: it overfits.

Source: Qin, Liu & Li 2010, "A general approximation framework for direct optimization of information retrieval
measures" (ApproxNDCG).

Shapes: B cases, V items, P parts, K knots, S items on a shortlist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import softplus

from bundle_ml.baskets import BoolArray, FloatArray, IntArray
from bundle_ml.blend import KNOTS, Blend, Curves, between_knots, measure_scales, scaled_scores
from bundle_ml.cases import Cases, Contexts
from bundle_ml.metrics import ndcg, top_items
from bundle_ml.rungs import Rung

SHORTLIST = 40
"""Items of each rung that the search looks at. What is far down every rung's list is far down every blend's."""
IMPOSSIBLE = -1e6
"""The score of what stands in the context or further left already: finite, so that it has a slope of zero."""
CASES_AT_ONCE = 256
PLACES = 10

STEPS = 150
LEARNING_RATE = 0.1
FIRST_TEMPERATURE, LAST_TEMPERATURE = 0.1, 0.03
"""Width of the sigmoid, in scores of a blend whose weights sum to 1."""


def fit_blend(
    rungs: Mapping[str, Rung], validation: Mapping[str, Cases], *, fixed: Mapping[str, float] | None = None
) -> Blend:
    """Fit the weights on held-out cases; context sizes count alike.

    A blend is never worse than its best part by the shortlists of the cases that it was fitted on: where it would be,
    it is that part alone. `fixed` holds weights that are left alone, such as 1 for the Transformer when only its
    multiple of popularity is sought. Without cases all parts weigh the same.
    """
    contexts_by_size = [cases.contexts for cases in validation.values()]
    contexts = type(contexts_by_size[0]).joined(contexts_by_size) if contexts_by_size else Contexts.of([])
    scales = measure_scales(rungs, contexts)
    if not len(contexts):
        return Blend(rungs, scales, {name: [(fixed or {}).get(name, 1.0)] * len(KNOTS) for name in rungs})
    return Blend(rungs, scales, _fit(Shortlists.of(rungs, scales, validation), list(rungs), fixed or {}))


def fit_without_each(rungs: Mapping[str, Rung], validation: Mapping[str, Cases]) -> Iterator[tuple[str, Blend]]:
    """Yield the name of each rung, and the blend of all the others: what is each of them good for?"""
    contexts = Contexts.joined([cases.contexts for cases in validation.values()])
    scales = measure_scales(rungs, contexts)
    asked = Shortlists.of(rungs, scales, validation)
    for left_out in rungs:
        kept = {name: rung for name, rung in rungs.items() if name != left_out}
        among = [number for number, name in enumerate(rungs) if name != left_out]
        fewer = replace(asked, parts_BPS=asked.parts_BPS[:, among])
        yield left_out, Blend(kept, {name: scales[name] for name in kept}, _fit(fewer, list(kept), {}))


def _fit(asked: Shortlists, names: Sequence[str], fixed: Mapping[str, float]) -> Curves:
    weights_PK = _climb(asked, names, fixed)[:, asked.nearest_knots_asked()]
    if not fixed:
        weights_PK = _without_idle_parts(asked, weights_PK)
        alone_PPK = np.repeat(np.eye(len(names), dtype=np.float32)[:, :, None], len(KNOTS), axis=2)
        candidates = [*alone_PPK, weights_PK]  # of equals the simplest
        weights_PK = candidates[int(np.argmax([asked.ndcg(each) for each in candidates]))]
    return {name: row.tolist() for name, row in zip(names, weights_PK, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Shortlists:
    """For each case its target, which stands first, and what some rung would have shown."""

    parts_BPS: torch.Tensor
    near_BK: torch.Tensor
    shares_B: torch.Tensor
    """What each case counts; they sum to 1."""

    @classmethod
    def of(cls, rungs: Mapping[str, Rung], scales: Curves, validation: Mapping[str, Cases]) -> Shortlists:
        batches, near, shares = [], [], []
        asked = [cases for cases in validation.values() if len(cases)]
        for cases in asked:
            shares.append(np.full(len(cases), 1 / len(cases) / len(asked), np.float32))
            near.append(between_knots(cases.contexts))
            for rows, contexts in cases.contexts.in_batches(CASES_AT_ONCE):
                parts_PBV = [
                    contexts.exclude_from(scaled_scores(rung, scales[name], contexts)) for name, rung in rungs.items()
                ]
                batches.append(_shortlisted(parts_PBV, cases.targets[rows]))
        return cls(
            torch.from_numpy(np.concatenate(batches)),
            torch.from_numpy(np.concatenate(near)),
            torch.from_numpy(np.concatenate(shares)),
        )

    def nearest_knots_asked(self) -> IntArray:
        """For each knot itself, or where no case is near it the nearest knot that has one."""
        asked = np.flatnonzero(self.near_BK.sum(dim=0).numpy())
        return np.asarray(asked[np.abs(np.arange(len(KNOTS))[:, None] - asked).argmin(axis=1)], np.int32)

    def blended(self, weights_PK: torch.Tensor) -> torch.Tensor:
        """Score the shortlists by weights that are brought to a sum of 1; (B, S)."""
        weights_BP = self.near_BK @ weights_PK.T
        weights_BP = weights_BP / weights_BP.sum(dim=1, keepdim=True)
        return torch.bmm(weights_BP[:, None], self.parts_BPS)[:, 0]

    def ndcg(self, weights_PK: FloatArray) -> float:
        """NDCG@10, exact but for what no shortlist holds."""
        scores_BS = self.blended(torch.from_numpy(weights_PK))
        ranks_B = (~(scores_BS < scores_BS[:, :1])).sum(dim=1).numpy() - 1
        return float((ndcg(ranks_B, PLACES) * self.shares_B.numpy()).sum())

    def smooth_ndcg(self, weights_PK: torch.Tensor, temperature: float) -> torch.Tensor:
        scores_BS = self.blended(weights_PK)
        ranks_B = torch.sigmoid((scores_BS[:, 1:] - scores_BS[:, :1]) / temperature).sum(dim=1)
        among_first_B = torch.sigmoid(2 * (PLACES - 0.5 - ranks_B))
        return (self.shares_B * among_first_B / torch.log2(ranks_B + 2)).sum()


def _shortlisted(parts_PBV: list[FloatArray], targets_B: IntArray) -> FloatArray:
    """Return scores, (B, P, S)."""
    tops = [top_items(part_BV, SHORTLIST) for part_BV in parts_PBV]
    items_BS = np.concatenate([targets_B[:, None], *tops], axis=1)
    repeated_BS = _repeated(items_BS)
    found_PBS = [np.take_along_axis(part_BV, items_BS, axis=1) for part_BV in parts_PBV]
    found_PBS = [np.where(repeated_BS | ~np.isfinite(found_BS), IMPOSSIBLE, found_BS) for found_BS in found_PBS]
    return np.stack(found_PBS, axis=1, dtype=np.float32)


def _repeated(items_BS: IntArray) -> BoolArray:
    """Mark items that stand further left in the same row already."""
    order_BS = np.argsort(items_BS, axis=1, kind="stable")
    sorted_BS = np.take_along_axis(items_BS, order_BS, axis=1)
    again_BS = np.zeros(items_BS.shape, bool)
    np.put_along_axis(again_BS, order_BS[:, 1:], sorted_BS[:, 1:] == sorted_BS[:, :-1], axis=1)
    return again_BS


def _climb(asked: Shortlists, names: Sequence[str], fixed: Mapping[str, float]) -> FloatArray:
    """Return weights, (P, K); of a knot they sum to 1, but where some are fixed."""
    held_PK = torch.tensor([[fixed.get(name, 0.0)] * len(KNOTS) for name in names])
    is_free_P1 = torch.tensor([[float(name not in fixed)] for name in names])
    before_softplus_PK = torch.full((len(names), len(KNOTS)), -1.0, requires_grad=True)
    optimiser = torch.optim.Adam([before_softplus_PK], lr=LEARNING_RATE)
    for step in range(STEPS):
        temperature = FIRST_TEMPERATURE * (LAST_TEMPERATURE / FIRST_TEMPERATURE) ** (step / (STEPS - 1))
        weights_PK = held_PK + is_free_P1 * softplus(before_softplus_PK)
        optimiser.zero_grad()
        (-asked.smooth_ndcg(weights_PK, temperature)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    weights_PK = (held_PK + is_free_P1 * softplus(before_softplus_PK)).detach()
    total_1K = torch.ones(1, 1) if fixed else weights_PK.sum(dim=0, keepdim=True)
    return np.asarray((weights_PK / total_1K).numpy(), np.float32)


def _without_idle_parts(asked: Shortlists, weights_PK: FloatArray) -> FloatArray:
    """Leave out parts, those of least weight first, without which the cases are ranked no worse."""
    best = asked.ndcg(weights_PK)
    for part in np.argsort(weights_PK.max(axis=1), kind="stable").tolist():
        fewer_PK = weights_PK.copy()
        fewer_PK[part] = 0
        if fewer_PK.any() and (found := asked.ndcg(fewer_PK)) >= best:
            weights_PK, best = fewer_PK, found
    return np.asarray(weights_PK / weights_PK.sum(axis=0), np.float32)
