"""What another policy would have earned, from the log of this one: four estimators, each with an interval.

A row is one impression: what came of it, how likely the logging policy was to show just this there, and how likely the
other policy is. Two of the estimators also take a model's word for what was not shown. Where several impressions share
a page or a shopper they do not err apart from each other: `units_N` says which do, and intervals respect it.

    estimate = doubly_robust(Logged(rewards, logged, target, predicted=…, expected=…, units=pages))
    estimate.low, estimate.mean, estimate.high, estimate.effective_count

Every estimate is the mean of one number a row, its *contribution*; the standard error is that of a mean of sums over
units. Intervals are normal ones, so they want some hundred units with a reward. What no estimator can mend: an
impression that the logging policy could never have shown.

Shapes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bundle_ml.clicks.truth import Flags, Numbers, Reals
from bundle_ml.errors import DataError

Z_95 = 1.959964


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """A policy's log, and what is known of another policy on the same impressions; each (N,).

    Raises:
        DataError: an array has another length, is not finite, or is out of its range.
    """

    rewards_N: Reals
    logged_N: Reals
    """Propensity under the policy that showed it; above 0, at most 1."""
    target_N: Reals
    """Propensity under the policy that is asked about; 0 to 1."""
    predicted_N: Reals | None = None
    """A model's expectation of the reward of what was shown."""
    expected_N: Reals | None = None
    """The same model's expectation under the other policy: Σ over all that could be shown, π(a) q(a)."""
    units_N: Numbers | None = None
    """A number for what belongs together; without it every row is on its own."""

    def __post_init__(self) -> None:
        count = len(self.rewards_N)
        if not count:
            raise DataError("The log has no row; expected at least one impression.")
        for name in ("rewards_N", "logged_N", "target_N", "predicted_N", "expected_N", "units_N"):
            values = getattr(self, name)
            if values is None:
                continue
            if values.shape != (count,):
                raise DataError(f"{name} has the shape {values.shape}; expected {(count,)}, a number for every reward.")
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values))[0])
                raise DataError(f"{name} is {values[row]} in row {row}; expected a finite number.")
        self._check_range("logged_N", self.logged_N > 0, self.logged_N <= 1, "above 0 and at most 1")
        self._check_range("target_N", self.target_N >= 0, self.target_N <= 1, "0 to 1")
        if (self.predicted_N is None) != (self.expected_N is None):
            raise DataError("Found one of predicted_N and expected_N; expected both, of one model, or neither.")

    def _check_range(self, name: str, above: Flags, below: Flags, words: str) -> None:
        wrong = np.flatnonzero(~(above & below))
        if len(wrong):
            found = getattr(self, name)[wrong[0]]
            raise DataError(f"{name} is {found} in row {wrong[0]}; expected a propensity {words}.")

    @property
    def weights_N(self) -> Reals:
        """Importance weights: target / logged."""
        return np.asarray(self.target_N / self.logged_N)

    def model(self) -> tuple[Reals, Reals]:
        if self.predicted_N is None or self.expected_N is None:
            raise DataError(
                "The log has no predictions; expected predicted_N and expected_N. Use ips or snips without."
            )
        return self.predicted_N, self.expected_N


def joined(logs: Sequence[Logged]) -> Logged:
    """Put logs of different visits one after another; units of one are never those of another."""
    arrays: dict[str, Any] = {}
    for name in Logged.__dataclass_fields__:
        values = [getattr(log, name) for log in logs]
        if any(each is None for each in values):
            continue
        if name == "units_N":
            starts = np.cumsum([0, *(int(each.max()) + 1 for each in values[:-1])])
            values = [each + start for each, start in zip(values, starts.tolist(), strict=True)]
        arrays[name] = np.concatenate(values)
    return Logged(**arrays)


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A mean reward an impression, with its 95 % interval."""

    mean: float
    standard_error: float
    effective_count: float
    """(Σw)² / Σw²: so many impressions by the policy itself would weigh as much (Kish 1965)."""
    largest_weight: float
    contributions_N: Reals
    units_N: Numbers | None

    @property
    def low(self) -> float:
        return self.mean - Z_95 * self.standard_error

    @property
    def high(self) -> float:
        return self.mean + Z_95 * self.standard_error

    def minus(self, other: Estimate) -> Estimate:
        """The difference of two policies on one log; what is luck for both cancels out."""
        if self.contributions_N.shape != other.contributions_N.shape:
            counts = len(self.contributions_N), len(other.contributions_N)
            raise DataError(
                f"The estimates are of {counts[0]} and {counts[1]} rows; expected the same rows of one log."
            )
        difference_N = self.contributions_N - other.contributions_N
        return Estimate(
            mean=self.mean - other.mean,
            standard_error=_standard_error(difference_N, self.units_N),
            effective_count=min(self.effective_count, other.effective_count),
            largest_weight=max(self.largest_weight, other.largest_weight),
            contributions_N=difference_N,
            units_N=self.units_N,
        )


def ips(log: Logged) -> Estimate:
    """Inverse propensity scoring: mean of w r, with w = target / logged.

    Unbiased; wide where weights are. Source: Horvitz & Thompson 1952.

    >>> ips(Logged(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.8, 0.2]))).mean
    0.8
    """
    return _estimate(log, log.weights_N * log.rewards_N)


def snips(log: Logged) -> Estimate:
    """Self-normalised: V = Σ w r / Σ w.

    Stays in the range of rewards; its bias falls with 1/N. The interval is that of the linearised ratio, whose
    contributions are V + w (r − V) / mean(w). Source: Swaminathan & Joachims 2015.

    >>> round(snips(Logged(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.8, 0.4]))).mean, 4)
    0.6667
    """
    weights_N = log.weights_N
    if not weights_N.sum():
        raise DataError("The policy would have shown nothing that was logged: all weights are 0. Log with exploration.")
    mean = float((weights_N * log.rewards_N).sum() / weights_N.sum())
    return _estimate(log, mean + weights_N * (log.rewards_N - mean) / weights_N.mean())


def doubly_robust(log: Logged) -> Estimate:
    """The model's expectation under the policy, set right by what it got wrong on the log: mean of v + w (r − q).

    Unbiased if the propensities are right, whatever the model; narrower than IPS where the model is any good.
    Source: Dudík, Langford & Li 2011.

    >>> rewards, logged, target = np.array([[1.0, 0.0], [0.5, 0.5], [0.8, 0.2]])
    >>> model = {"predicted_N": np.array([0.9, 0.1]), "expected_N": np.full(2, 0.74)}
    >>> round(doubly_robust(Logged(rewards, logged, target, **model)).mean, 4)
    0.8
    """
    predicted_N, expected_N = log.model()
    return _estimate(log, expected_N + log.weights_N * (log.rewards_N - predicted_N))


def switch_doubly_robust(log: Logged, *, threshold: float) -> Estimate:
    """Doubly robust where w ≤ threshold, the model's word alone above: mean of v + w (r − q) [w ≤ threshold].

    Narrower yet, and biased by what the model gets wrong where weights are large; its interval does not know of that.
    Source: Wang, Agarwal & Dudík 2017.
    """
    if not threshold >= 0:
        raise DataError(f"The threshold is {threshold}; expected 0 (the model alone) or more.")
    predicted_N, expected_N = log.model()
    kept_N = np.where(log.weights_N <= threshold, log.weights_N, 0)
    return _estimate(log, expected_N + kept_N * (log.rewards_N - predicted_N))


def choose_threshold(log: Logged, *, thresholds: tuple[float, ...] = (1, 2, 5, 10, 20, 50, 100, 1000)) -> float:
    """Find the threshold of least error: squared standard error plus the square of what the bias can be at most.

    What is cut off is at most its weight times the largest expected reward, for which the model's largest prediction
    is taken. Source: Wang, Agarwal & Dudík 2017, section 3.2.
    """
    predicted_N, _ = log.model()

    def error(threshold: float) -> float:
        bias = np.where(log.weights_N > threshold, log.weights_N, 0).mean() * np.abs(predicted_N).max()
        return float(switch_doubly_robust(log, threshold=threshold).standard_error ** 2 + bias**2)

    return min(thresholds, key=error)


def _estimate(log: Logged, contributions_N: Reals) -> Estimate:
    weights_N = log.weights_N
    return Estimate(
        mean=float(contributions_N.mean()),
        standard_error=_standard_error(contributions_N, log.units_N),
        effective_count=float(weights_N.sum() ** 2 / max((weights_N**2).sum(), 1e-300)),
        largest_weight=float(weights_N.max()),
        contributions_N=contributions_N,
        units_N=log.units_N,
    )


def _standard_error(contributions_N: Reals, units_N: Numbers | None) -> float:
    """Of a mean over N rows whose U units are independent: √(U/(U−1) Σ_u (Σ_{i in u} c_i − mean)²) / N; ∞ for one unit.

    >>> _standard_error(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1]))
    0.5
    >>> _standard_error(np.array([1.0, 0.0]), None)
    0.5
    """
    errors_N = contributions_N - contributions_N.mean()
    if units_N is not None:
        _, unit_of_N = np.unique(units_N, return_inverse=True)
        errors_N = np.bincount(unit_of_N, errors_N)
    unit_count = len(errors_N)
    if unit_count < 2:
        return float("inf")
    return float(np.sqrt(unit_count / (unit_count - 1) * (errors_N**2).sum()) / len(contributions_N))
