"""Logistic regression on a handful of columns, for decisions that a person must be able to follow.

p = 1 / (1 + exp(-(intercept + Σ weight · feature))). Fitted by Newton's method with an L2 penalty on the weights; both
outcomes weigh the same in sum, however many cases each has.

Shapes: N cases, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

import numpy as np
import numpy.typing as npt
import scipy.special

from bundle_ml.baskets import BoolArray

Cells = npt.NDArray[np.float64]

STEPS = 50
CLOSE_ENOUGH = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    weights_F: Cells
    intercept: float

    def probabilities(self, features_NF: Cells) -> Cells:
        return np.asarray(scipy.special.expit(features_NF @ self.weights_F + self.intercept))

    def probability(self, features: Sequence[float]) -> float:
        """The same for one case, without the ways of arrays."""
        return float(scipy.special.expit(sum(map(mul, features, self.weights_F.tolist()), self.intercept)))


def fit_logistic(features_NF: Cells, is_true_N: BoolArray, *, l2: float = 1.0) -> Logistic:
    """Find the weights that make what happened most likely.

    >>> heights = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> model = fit_logistic(heights, np.array([False, False, True, True]), l2=0.1)
    >>> model.probabilities(heights).round().tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    count_F = features_NF.shape[1]
    with_one = np.hstack([features_NF, np.ones((len(features_NF), 1))])
    of_each = max(int(is_true_N.sum()), 1), max(int((~is_true_N).sum()), 1)
    case_weight_N = np.where(is_true_N, 0.5 / of_each[0], 0.5 / of_each[1]) * len(is_true_N)
    penalty = np.diag([l2] * count_F + [1e-6])
    found = np.zeros(count_F + 1)
    for _ in range(STEPS):
        p_N = scipy.special.expit(with_one @ found)
        gradient = with_one.T @ (case_weight_N * (p_N - is_true_N)) + penalty @ found
        curvature = (with_one * (case_weight_N * p_N * (1 - p_N))[:, None]).T @ with_one + penalty
        step = np.linalg.solve(curvature, gradient)
        found -= step / max(1.0, float(np.abs(step).max()) / 2)
        if float(np.abs(step).max()) < CLOSE_ENOUGH:
            break
    return Logistic(found[:-1], float(found[-1]))
