"""Whether a model's confidence can be believed: predicted against observed shares.

A ranking needs no probabilities, but a merchandiser who reads '4 %' should be able to count on 4 in 100. A softmax over
the scores, at a temperature fitted on the validation slice, makes them; the test slice says whether they hold.

Source: Guo et al. 2017, "On calibration of modern neural networks" (temperature scaling, expected calibration error).

Shapes: B contexts, V items, K knots or items shown, T temperatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import KNOTS, Blend, between_knots
from bundle_ml.cases import Cases, Contexts
from bundle_ml.metrics import top_items

TEMPERATURES = np.geomspace(0.02, 20, 31)
"""In units of the scores' typical spread."""
CASES_AT_ONCE = 256
CASES_TO_FIT_BY = 500
"""Of each context size."""
SHOWN = 10
BINS = 10
Z_95 = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A blend whose scores became probabilities."""

    blend: Blend
    temperatures: tuple[float, ...]
    """At each knot of the number of items shown."""

    def chances(self, contexts: Contexts) -> FloatArray:
        """The probability that each item is the next one; (B, V), rows sum to 1."""
        scores_BV = contexts.exclude_from(self.blend.scores(contexts))
        scores_BV /= np.exp(between_knots(contexts) @ np.log(self.temperatures))[:, None].astype(np.float32)
        return np.asarray(scipy.special.softmax(scores_BV, axis=1), np.float32)


def calibrate(blend: Blend, cases: Mapping[str, Cases]) -> Calibrated:
    """Find the temperature at each knot at which held-out items are likeliest.

    A knot without cases takes its neighbour's.
    """
    surprise_KT = np.zeros((len(KNOTS), len(TEMPERATURES)))
    counts_K = np.zeros(len(KNOTS))
    for contexts, targets_B in _batches(cases.values(), limit=CASES_TO_FIT_BY):
        near_BK = between_knots(contexts)
        scores_BV = contexts.exclude_from(blend.scores(contexts))
        wanted_B = scores_BV[np.arange(len(targets_B)), targets_B]
        for column, temperature in enumerate(TEMPERATURES.astype(np.float32)):
            log_total_B = scipy.special.logsumexp(scores_BV / temperature, axis=1)
            surprise_KT[:, column] += near_BK.T @ (log_total_B - wanted_B / temperature)
        counts_K += near_BK.sum(axis=0)
    asked = np.flatnonzero(counts_K)
    if not len(asked):
        return Calibrated(blend, (1.0,) * len(KNOTS))
    nearest = asked[np.abs(np.arange(len(KNOTS))[:, None] - asked).argmin(axis=1)]
    return Calibrated(blend, tuple(TEMPERATURES[surprise_KT[knot].argmin()].item() for knot in nearest))


def reliability(calibrated: Calibrated, cases: Mapping[str, Cases]) -> dict[str, Any]:
    """Set the predicted chance of the items shown first beside how often they were the hidden one.

    Returns `bins`, equally many items in each, by rising prediction, with the Wilson interval of what was observed; and
    `expected_error`, the average distance of the two, weighted by items. Empty without cases.
    """
    predicted, observed = [], []
    for contexts, targets_B in _batches(cases.values()):
        chances_BV = calibrated.chances(contexts)
        top_BK = top_items(chances_BV, SHOWN)
        predicted.append(np.take_along_axis(chances_BV, top_BK, axis=1).ravel())
        observed.append((top_BK == targets_B[:, None]).ravel())
    if not predicted:
        return {}
    chances, hits = np.concatenate(predicted).astype(np.float64), np.concatenate(observed)
    order = np.argsort(chances, kind="stable")
    bins = [_bin(chances[rows], hits[rows]) for rows in np.array_split(order, BINS) if len(rows)]
    error = sum(each["items"] * abs(each["predicted"] - each["observed"]) for each in bins) / len(chances)
    return {"bins": bins, "expected_error": error, "temperatures": list(calibrated.temperatures)}


def _batches(several: Iterable[Cases], *, limit: int | None = None) -> Iterable[tuple[Contexts, npt.NDArray[np.int32]]]:
    for cases in several:
        count = len(cases) if limit is None else min(len(cases), limit)
        for rows, contexts in cases.contexts.between(0, count).in_batches(CASES_AT_ONCE):
            yield contexts, cases.targets[rows]


def _bin(chances: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_]) -> dict[str, float | int]:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return {
        "predicted": float(chances.mean()),
        "observed": float(hits.mean()),
        "observed_low": low,
        "observed_high": high,
        "items": len(hits),
    }


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
