"""Whether a model's confidence can be believed: predicted against observed shares.

A ranking needs no probabilities, but a merchandiser who reads '4 %' should be able to count on 4 in 100. They are made
in two steps, both fitted on the validation slice: a softmax over the scores at a temperature promises something for
each item, and a rising curve says how much of a promise is kept. The softmax alone was not to be believed: one
temperature cannot suit the thousands of items that are hardly ever bought and the few that are shown. The curve looks
at those shown alone, and as it rises nothing changes its place. The test slice says whether the chances hold.

The temperature changes with the number of items shown, the curve does not: a curve at each knot was tried, and rested
on too few kept promises (expected error on Ta-Feng .0024, with one curve .0012).

Sources: Guo et al. 2017, "On calibration of modern neural networks" (temperature scaling, expected calibration error);
Zadrozny & Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates" (isotonic
regression).

Shapes: B contexts, V items, K knots or items shown, T temperatures, N items shown in all contexts, S steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.special

from bundle_ml.baskets import BoolArray, IntArray, OffsetArray
from bundle_ml.blend import KNOTS, Blend, between_knots
from bundle_ml.cases import Cases, Contexts
from bundle_ml.metrics import top_items

TEMPERATURES = np.geomspace(0.02, 20, 31)
"""In units of the scores' typical spread."""
CASES_AT_ONCE = 256
CASES_TO_FIT_BY = 500
"""Of each context size."""
SHOWN = 10
STEPS = 20
"""Of a curve, at most."""
KEPT_A_STEP = 30
"""The share of a step that rests on so many is right to about a fifth of itself."""
BINS = 10
Z_95 = 1.96


Chances: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How much of a promise is kept: a line through points that rise in both, and in proportion beyond the ends."""

    promised: tuple[float, ...]
    kept: tuple[float, ...]

    def kept_of(self, chances: Chances) -> Chances:
        """
        >>> Curve(promised=(0.1, 0.2), kept=(0.05, 0.06)).kept_of(np.array([0.02, 0.15, 0.4])).round(3).tolist()
        [0.01, 0.055, 0.12]
        """
        inside = np.interp(chances, (0.0, *self.promised), (0.0, *self.kept))
        return np.minimum(inside * np.maximum(chances / self.promised[-1], 1), 1)


AS_PROMISED = Curve(promised=(1.0,), kept=(1.0,))


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A blend whose scores became probabilities."""

    blend: Blend
    temperatures: tuple[float, ...]
    """At each knot of the number of items shown."""
    curve: Curve

    def shown(self, contexts: Contexts) -> tuple[IntArray, Chances, Chances]:
        """Return the items shown first, the chance of each to be the next, and what the softmax promised; (B, K)."""
        scores_BV = contexts.exclude_from(self.blend.scores(contexts))
        scores_BV /= np.exp(between_knots(contexts) @ np.log(self.temperatures))[:, None].astype(np.float32)
        promised_BV = scipy.special.softmax(scores_BV, axis=1)
        top_BK = top_items(promised_BV, SHOWN)
        promised_BK = np.take_along_axis(promised_BV, top_BK, axis=1).astype(np.float64)
        return top_BK, self.curve.kept_of(promised_BK), promised_BK


def calibrate(blend: Blend, cases: Mapping[str, Cases]) -> Calibrated:
    """Find the temperatures at which held-out items are likeliest, and then the curve, for all context sizes together.

    A knot without cases takes its neighbour's temperature.
    """
    as_promised = Calibrated(blend, _fit_temperatures(blend, cases), AS_PROMISED)
    shown = Shown.joined([Shown.of(as_promised, at_size) for at_size in cases.values()])
    return replace(as_promised, curve=fit_curve(shown.promised_N, shown.is_hit_N))


def fit_curve(promised_N: Chances, is_kept_N: BoolArray) -> Curve:
    """Set shares kept beside promises, step by step, and make them rise.

    Each step holds the same sum of roots of promises: with as many promises in each the last would have to do for all
    that are great, with as much promised in each the first for all that are small. The fewer promises were kept, the
    fewer steps. Where none was, a promise stands as it is.
    """
    order_N = np.argsort(promised_N, kind="stable")
    promised_N, is_kept_N = promised_N[order_N], is_kept_N[order_N]
    in_sum_N = np.cumsum(np.sqrt(promised_N))
    kept_count = np.count_nonzero(is_kept_N)
    if not kept_count or not in_sum_N[-1]:
        return AS_PROMISED
    step_count = int(np.clip(kept_count // KEPT_A_STEP, 1, STEPS))
    step_N = (in_sum_N / in_sum_N[-1] * step_count).astype(np.int64).clip(max=step_count - 1)
    starts_S = np.flatnonzero(np.diff(step_N, prepend=-1))
    counts_S = np.diff(starts_S, append=len(step_N))
    shares_S = np.add.reduceat(is_kept_N, starts_S, dtype=np.float64) / counts_S
    rising = scipy.optimize.isotonic_regression(shares_S, weights=counts_S)
    starts_S, kept_S = starts_S[rising.blocks[:-1]], rising.x[rising.blocks[:-1]]
    promised_S = np.add.reduceat(promised_N, starts_S) / np.diff(starts_S, append=len(step_N))
    is_point_S = kept_S > 0  # what is below the first of them lies on the way up from nothing
    return Curve(promised=tuple(promised_S[is_point_S].tolist()), kept=tuple(kept_S[is_point_S].tolist()))


def _fit_temperatures(blend: Blend, cases: Mapping[str, Cases]) -> tuple[float, ...]:
    surprise_KT = np.zeros((len(KNOTS), len(TEMPERATURES)))
    counts_K = np.zeros(len(KNOTS))
    for contexts, targets_B in _first_cases(cases.values()):
        near_BK = between_knots(contexts)
        scores_BV = contexts.exclude_from(blend.scores(contexts))
        wanted_B = scores_BV[np.arange(len(targets_B)), targets_B]
        for column, temperature in enumerate(TEMPERATURES.astype(np.float32)):
            log_total_B = scipy.special.logsumexp(scores_BV / temperature, axis=1)
            surprise_KT[:, column] += near_BK.T @ (log_total_B - wanted_B / temperature)
        counts_K += near_BK.sum(axis=0)
    asked = np.flatnonzero(counts_K)
    if not len(asked):
        return (1.0,) * len(KNOTS)
    nearest = asked[np.abs(np.arange(len(KNOTS))[:, None] - asked).argmin(axis=1)]
    return tuple(TEMPERATURES[surprise_KT[knot].argmin()].item() for knot in nearest)


def _first_cases(several: Iterable[Cases]) -> Iterator[tuple[Contexts, IntArray]]:
    for cases in several:
        first = cases.contexts.between(0, min(len(cases), CASES_TO_FIT_BY))
        for rows, contexts in first.in_batches(CASES_AT_ONCE):
            yield contexts, cases.targets[rows]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Items shown first: the chance told of each, what the softmax promised, and whether it was the hidden one."""

    chances_N: Chances
    promised_N: Chances
    is_hit_N: BoolArray

    @classmethod
    def of(cls, calibrated: Calibrated, cases: Cases) -> Shown:
        shown = []
        for rows, contexts in cases.contexts.in_batches(CASES_AT_ONCE):
            top_BK, chances_BK, promised_BK = calibrated.shown(contexts)
            is_hit_BK = top_BK == cases.targets[rows][:, None]
            shown.append(cls(chances_BK.ravel(), promised_BK.ravel(), is_hit_BK.ravel()))
        return cls.joined(shown)

    @classmethod
    def joined(cls, several: Sequence[Shown]) -> Shown:
        return cls(
            np.concatenate([np.empty(0), *(each.chances_N for each in several)]),
            np.concatenate([np.empty(0), *(each.promised_N for each in several)]),
            np.concatenate([np.empty(0, np.bool_), *(each.is_hit_N for each in several)]),
        )

    def bins(self) -> list[dict[str, float | int]]:
        """Equally many items in each, by rising chance."""
        order_N = np.argsort(self.chances_N, kind="stable")
        return [self._bin(rows) for rows in np.array_split(order_N, BINS) if len(rows)]

    def _bin(self, rows: OffsetArray) -> dict[str, float | int]:
        is_hit = self.is_hit_N[rows]
        low, high = wilson_interval(int(is_hit.sum()), len(is_hit))
        return {
            "predicted": float(self.chances_N[rows].mean()),
            "promised_by_softmax": float(self.promised_N[rows].mean()),
            "observed": float(is_hit.mean()),
            "observed_low": low,
            "observed_high": high,
            "items": len(is_hit),
        }


def reliability(calibrated: Calibrated, cases: Mapping[str, Cases]) -> dict[str, Any]:
    """Set the predicted chance of the items shown first beside how often they were the hidden one.

    Returns `bins`, with the Wilson interval of what was observed; `expected_error`, the average distance of predicted
    and observed, weighted by items; `expected_error_of_softmax`, the same of what the softmax alone promised; and
    `expected_error_by_size`, by bins of one context size. Empty without cases.
    """
    shown = {size: Shown.of(calibrated, at_size) for size, at_size in cases.items() if len(at_size)}
    if not shown:
        return {}
    bins = Shown.joined(list(shown.values())).bins()
    return {
        "bins": bins,
        "expected_error": _expected_error(bins, "predicted"),
        "expected_error_of_softmax": _expected_error(bins, "promised_by_softmax"),
        "expected_error_by_size": {size: _expected_error(each.bins(), "predicted") for size, each in shown.items()},
        "temperatures": list(calibrated.temperatures),
    }


def _expected_error(bins: Sequence[Mapping[str, float | int]], told: str) -> float:
    distances = [each["items"] * abs(each[told] - each["observed"]) for each in bins]
    return sum(distances) / sum(each["items"] for each in bins)


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share. Source: Wilson 1927.

    >>> low, high = wilson_interval(0, 100)
    >>> low, round(high, 3)
    (0.0, 0.037)
    """
    share, spread = hits / count, Z_95**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half_width = (share * (1 - share) * spread + spread**2 / 4) ** 0.5 / (1 + spread)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)
