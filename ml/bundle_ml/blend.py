"""One ranking out of several: a weighted sum of rungs, whose weights change with the number of items shown.

Each rung's scores are centred and divided by their typical spread, so a weight of 1 means the same for all. Weights and
spreads are held at a few numbers of items, the knots, and are linear in between, in the logarithm of the number: what
is best for two items shown is nearly best for three. `weighing` finds the weights.

Shapes: B contexts, V items, P parts, K knots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import FloatArray, IntArray
from bundle_ml.cases import Contexts
from bundle_ml.rungs import Rung
from bundle_ml.tally import Tally

KNOTS = (1, 2, 4, 8, 16, 32)
"""Above the last, all contexts are alike."""
CONTEXTS_TO_MEASURE = 256
"""At each knot."""

Curves = Mapping[str, Sequence[float]]
"""Rung → a number at each knot."""


def between_knots(contexts: Contexts) -> FloatArray:
    """Say how near each context's size is to each knot; (B, K), rows sum to 1.

    >>> between_knots(Contexts.of([[7], [1, 2], [0] * 99])).tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    places_B = np.log2(contexts.sizes.clip(KNOTS[0], KNOTS[-1]))
    distances_BK = np.abs(places_B[:, None] - np.log2(KNOTS))
    return np.asarray((1 - distances_BK).clip(0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Blend(Rung):
    """A weighted sum of rungs; itself a rung."""

    rungs: Mapping[str, Rung]
    scales: Curves
    weights: Curves

    @property
    def item_count(self) -> int:
        return next(iter(self.rungs.values())).item_count

    @property
    def parts(self) -> tuple[str, ...]:
        """Rungs with any weight."""
        return tuple(name for name in self.rungs if any(self.weights.get(name, ())))

    def scores(self, contexts: Contexts, items: IntArray | None = None) -> FloatArray:
        """Score all items or the given ones; (B, V) or (B, C), centred on the average of all items."""
        if not self.parts:
            raise ValueError("The blend has no part with a weight; expected at least one.")
        tally = Tally(len(contexts), self.item_count, items)
        near_BK = between_knots(contexts)
        for name in self.parts:
            self.rungs[name].add_to(tally, contexts, self._factor(name, near_BK))
        return tally.scores()

    def contributions(self, contexts: Contexts, items: IntArray) -> FloatArray:
        """What each part adds to the score of each of the given items; (P, B, C), centred likewise."""
        by_part_PBC = np.empty((len(self.parts), len(contexts), len(items)), np.float32)
        near_BK = between_knots(contexts)
        for part, name in enumerate(self.parts):
            tally = Tally(len(contexts), self.item_count, items)
            self.rungs[name].add_to(tally, contexts, self._factor(name, near_BK))
            by_part_PBC[part] = tally.scores()
        return by_part_PBC

    def _factor(self, name: str, near_BK: FloatArray) -> FloatArray:
        """By how much a rung's raw scores are multiplied for each context."""
        weights, scales = np.asarray(self.weights[name], np.float32), np.asarray(self.scales[name], np.float32)
        return np.asarray((near_BK @ weights) / (near_BK @ scales), np.float32)

    def with_rungs(self, rungs: Mapping[str, Rung]) -> Blend:
        """Keep weights and scales for rungs that were fitted again."""
        return Blend({name: rungs[name] for name in self.rungs}, self.scales, self.weights)

    def without_idle_parts(self, *, but: str) -> Blend:
        """Leave out rungs without any weight, save one."""
        kept = [name for name in self.rungs if name == but or name in self.parts]
        scales, weights = ({name: each[name] for name in kept} for each in (self.scales, self.weights))
        return Blend({name: self.rungs[name] for name in kept}, scales, weights)

    def only(self, name: str) -> Blend:
        """Lean on one rung alone."""
        return Blend(self.rungs, self.scales, {each: [float(each == name)] * len(KNOTS) for each in self.rungs})


def single(rungs: Mapping[str, Rung], name: str, contexts: Contexts) -> Blend:
    """Make a blend of one rung, to be decoded like any other."""
    return Blend(rungs, measure_scales(rungs, contexts), {}).only(name)


def scaled_scores(rung: Rung, scales: Sequence[float], contexts: Contexts) -> FloatArray:
    """Score all items, centred on the average one, in units of the rung's typical spread."""
    scores_BV = rung.scores(contexts)
    scores_BV = scores_BV - scores_BV.mean(axis=1, keepdims=True)
    scores_BV /= (between_knots(contexts) @ np.asarray(scales, np.float32))[:, None]
    return np.asarray(scores_BV, np.float32)


def measure_scales(rungs: Mapping[str, Rung], contexts: Contexts) -> dict[str, list[float]]:
    """Measure the typical spread of each rung's scores at each knot; a knot without contexts is like the one before."""
    nearest_B = between_knots(contexts).argmax(axis=1)
    samples = [np.flatnonzero(nearest_B == knot)[:CONTEXTS_TO_MEASURE] for knot in range(len(KNOTS))]
    scales: dict[str, list[float]] = {name: [] for name in rungs}
    for rows in samples:
        sample = contexts.take(rows)
        for name, rung in rungs.items():
            latest = scales[name][-1] if scales[name] else 1.0
            scales[name].append(_spread(rung, sample) if len(sample) else latest)
    return scales


def _spread(rung: Rung, contexts: Contexts) -> float:
    spread = float(rung.scores(contexts).std(axis=1).mean())
    return spread if spread > 0 else 1.0
