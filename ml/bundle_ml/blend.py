"""One ranking out of several: a few weights per context size, fitted by the ranking measure itself.

Each rung's scores are centred and divided by their typical spread at that context size, so a weight of 1 means the same
for all. The weights are then found by coordinate search on NDCG@10 over held-out baskets. Two other ways were tried and
left: cross-entropy moves weight to popularity and loses NDCG, and a learned gate overfits.

The search starts from the best single rung, so on the cases that it sees a blend is never worse than its best part.

Shapes: B contexts, V items, P parts, S items on a shortlist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import BoolArray, FloatArray, IntArray
from bundle_ml.cases import CONTEXT_SIZES, Cases, Contexts, context_size_name
from bundle_ml.metrics import GainArray, ndcg, top_items
from bundle_ml.rungs import Rung

GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
SWEEPS = 3
DEVIATIONS = 1.5
"""A changed weight must earn more by so many standard errors; else the search would learn the slice by heart."""
SHORTLIST = 60
"""Items of each rung that the search looks at."""
CASES_AT_ONCE = 256

Weights = dict[str, dict[str, float]]
"""Context size → rung → weight."""


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A weighted sum of rungs; itself a rung."""

    rungs: Mapping[str, Rung]
    scales: Weights
    weights: Weights

    @property
    def parts(self) -> tuple[str, ...]:
        """Rungs with any weight."""
        return tuple(name for name in self.rungs if any(self.weights[size].get(name) for size in CONTEXT_SIZES))

    def contributions(self, contexts: Contexts) -> FloatArray:
        """What each part adds to each item's score; (P, B, V), each row centred on its average item."""
        sizes = [context_size_name(count) for count in np.diff(contexts.offsets)]
        return np.stack(
            [_centred(self.rungs[name].scores(contexts)) * self._factors(name, sizes)[:, None] for name in self.parts]
        )

    def scores(self, contexts: Contexts) -> FloatArray:
        sizes = [context_size_name(count) for count in np.diff(contexts.offsets)]
        total_BV: FloatArray | None = None
        for name in self.parts:
            part_BV = _centred(self.rungs[name].scores(contexts))
            part_BV *= self._factors(name, sizes)[:, None]
            total_BV = part_BV if total_BV is None else total_BV + part_BV
        if total_BV is None:
            raise ValueError("The blend has no part with a weight; expected at least one.")
        return total_BV

    def _factors(self, name: str, sizes: Sequence[str]) -> FloatArray:
        return np.asarray([self.weights[size].get(name, 0.0) / self.scales[size][name] for size in sizes], np.float32)

    def with_rungs(self, rungs: Mapping[str, Rung]) -> Blend:
        """Keep weights and scales for rungs that were fitted again."""
        return Blend({name: rungs[name] for name in self.rungs}, self.scales, self.weights)

    def only(self, name: str) -> Blend:
        """Lean on one rung alone."""
        alone = {size: {each: 1.0 if each == name else 0.0 for each in self.rungs} for size in CONTEXT_SIZES}
        return Blend(self.rungs, self.scales, alone)


def single(rungs: Mapping[str, Rung], name: str, contexts: Mapping[str, Contexts]) -> Blend:
    """Make a blend of one rung, to be decoded like any other."""
    return Blend(rungs, measure_scales(rungs, contexts), {}).only(name)


def measure_scales(rungs: Mapping[str, Rung], contexts: Mapping[str, Contexts], *, rows: int = 256) -> Weights:
    """Measure the typical spread of each rung's scores at each context size; sizes never seen are like those before."""
    scales: Weights = {}
    latest = dict.fromkeys(rungs, 1.0)
    for size in CONTEXT_SIZES:
        sample = contexts[size].between(0, min(rows, len(contexts[size])))
        latest = {name: _spread(rung, sample) for name, rung in rungs.items()} if len(sample) else latest
        scales[size] = latest
    return scales


def fit_blend(
    rungs: Mapping[str, Rung], validation: Mapping[str, Cases], *, fixed: Mapping[str, float] | None = None
) -> Blend:
    """Fit the weights of each context size on held-out cases.

    `fixed` holds weights that the search must leave alone, such as 1 for the Transformer when only its multiple of
    popularity is sought.
    """
    scales = measure_scales(rungs, {size: cases.contexts for size, cases in validation.items()})
    weights: Weights = {}
    latest = dict.fromkeys(rungs, 1.0)
    for size in CONTEXT_SIZES:
        cases = validation[size]
        latest = _fit_weights(rungs, cases, scales[size], fixed or {}) if len(cases) else latest
        weights[size] = latest
    return Blend(rungs, scales, weights)


def _fit_weights(
    rungs: Mapping[str, Rung], cases: Cases, scales: Mapping[str, float], fixed: Mapping[str, float]
) -> dict[str, float]:
    names = list(rungs)
    parts_PBS = shortlisted_scores(rungs, cases, scales)

    def measure(total_BS: FloatArray) -> GainArray:
        return cases.per_basket(ndcg((~(total_BS < total_BS[:, :1])).sum(axis=1) - 1, 10))

    free = [number for number, name in enumerate(names) if name not in fixed]
    start = [fixed.get(name, 0.0) for name in names]
    if not fixed:
        start[int(np.argmax([measure(part_BS).mean() for part_BS in parts_PBS]))] = 1.0
    weights = coordinate_search(parts_PBS, start, free, measure)
    total = 1.0 if fixed else sum(weights)  # so that scores of different context sizes are of one kind
    return {name: weight / total for name, weight in zip(names, weights, strict=True)}


def shortlisted_scores(rungs: Mapping[str, Rung], cases: Cases, scales: Mapping[str, float]) -> list[FloatArray]:
    """Score, for each case, only its target (first) and what some rung would have shown; one (B, S) array per rung.

    An item that is far down every rung's list is far down every blend's: the search need not look at it.
    """
    batches = []
    for rows, contexts in cases.contexts.in_batches(CASES_AT_ONCE):
        parts_PBV = [
            contexts.exclude_from(_centred(rung.scores(contexts)) / scales[name]) for name, rung in rungs.items()
        ]
        targets_B1 = cases.targets[rows, None]
        tops = [top_items(part_BV, min(SHORTLIST, part_BV.shape[1])) for part_BV in parts_PBV]
        items_BS = np.concatenate([targets_B1, *tops], axis=1)
        repeated_BS = _repeated(items_BS)
        batches.append(
            [
                np.where(repeated_BS, -np.inf, np.take_along_axis(part_BV, items_BS, axis=1)).astype(np.float32)
                for part_BV in parts_PBV
            ]
        )
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


def _repeated(items_BS: IntArray) -> BoolArray:
    """Mark items that stand further left in the same row already."""
    order_BS = np.argsort(items_BS, axis=1, kind="stable")
    sorted_BS = np.take_along_axis(items_BS, order_BS, axis=1)
    again_BS = np.zeros(items_BS.shape, bool)
    np.put_along_axis(again_BS, order_BS[:, 1:], sorted_BS[:, 1:] == sorted_BS[:, :-1], axis=1)
    return again_BS


def coordinate_search(
    parts_PBS: Sequence[FloatArray],
    start: Sequence[float],
    free: Sequence[int],
    measure: Callable[[FloatArray], GainArray],
) -> list[float]:
    """Improve one weight at a time over the grid, until a whole sweep gains nothing beyond chance.

    `measure` returns what each case earned; a change is judged by the differences, case by case.
    """
    weights = list(start)
    best = measure(_weighted(parts_PBS, weights))
    for _ in range(SWEEPS):
        improved = False
        for number in free:
            others = [0.0 if each == number else weight for each, weight in enumerate(weights)]
            if not any(others):
                continue  # the only weight: its size changes nothing
            rest_BS = _weighted(parts_PBS, others)
            measured = [measure(_weighted([rest_BS, parts_PBS[number]], [1.0, weight])) for weight in GRID]
            choice = int(np.argmax([gains.mean() for gains in measured]))
            if _beyond_chance(measured[choice] - best):
                best, weights[number], improved = measured[choice], GRID[choice], True
        if not improved:
            break
    return weights


def _beyond_chance(differences: GainArray) -> bool:
    error = float(differences.std()) / math.sqrt(max(len(differences), 1))
    gain = float(differences.mean())
    return gain > DEVIATIONS * error + 1e-9


def _weighted(parts_PBS: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Sum the parts that have a weight; what is impossible for one part stays impossible."""
    total_BS = np.where(np.isneginf(parts_PBS[0]), parts_PBS[0], np.float32(0))
    for part_BS, weight in zip(parts_PBS, weights, strict=True):
        if weight:
            total_BS += np.float32(weight) * part_BS
    return total_BS


def _centred(scores_BV: FloatArray) -> FloatArray:
    return np.asarray(scores_BV - scores_BV.mean(axis=1, keepdims=True), np.float32)


def _spread(rung: Rung, contexts: Contexts) -> float:
    spread = float(rung.scores(contexts).std(axis=1).mean())
    return spread if spread > 0 else 1.0
