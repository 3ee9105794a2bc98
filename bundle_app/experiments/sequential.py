"""Statistics of an experiment that is looked at while it runs: as often as one likes, and stopped when one likes.

A fixed-sample interval holds at one sample size, chosen beforehand; whoever looks every day and stops when it leaves
zero out errs several times as often as it says. The intervals here hold at all sample sizes together: they are those by
which policies are watched (`bundle_ml.clicks.always_valid`, with formula and source). The check of the split is that of
Lindon and Malek (2022), "Anytime-valid inference for multinomial count data", NeurIPS.

Pure functions of sums, so that a day costs the same however many visitors there were. Numbers of one arm are
`Moments`; there is no scipy here, since web processes have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, sqrt

from bundle_app import engine

CONCENTRATIONS = (10.0, 100.0, 1_000.0, 10_000.0)
"""Of the mixture in `split_evidence`: from splits that are far off, seen soon, to those a percent off, seen late."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the visitors of one arm of a numerator y and a denominator x: n, Σx, Σy, Σx², Σxy, Σy².

    For a figure per visitor, such as revenue, x is 1. For a ratio, such as clicks over impressions, both are counts.
    """

    n: float = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    @classmethod
    def of(cls, ys: Sequence[float], xs: Sequence[float] | None = None) -> Moments:
        """
        >>> Moments.of([0, 2], [1, 3])
        Moments(n=2, x=4, y=2, xx=10, xy=6, yy=4)
        """
        xs = [1] * len(ys) if xs is None else xs
        pairs = list(zip(xs, ys, strict=True))
        return cls(
            len(pairs),
            sum(xs),
            sum(ys),
            sum(x * x for x in xs),
            sum(x * y for x, y in pairs),
            sum(y * y for y in ys),
        )

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    @property
    def value(self) -> float:
        """Σy / Σx: the mean per visitor where x is 1. It is 0 where there is nothing yet."""
        return self.y / self.x if self.x else 0.0

    @property
    def variance(self) -> float:
        """Of one visitor's share in `value`, by linearisation: that of (y - value · x) / mean(x).

        A ratio of sums over visitors is their mean but for a term that goes to zero faster than its standard error (the
        delta method). What one visitor sees and clicks hangs together; visitors are independent of one another.
        """
        if self.n < 2 or not self.x:
            return 0.0
        squares = self.yy - 2 * self.value * self.xy + self.value**2 * self.xx
        return max(squares, 0.0) / (self.n - 1) / (self.x / self.n) ** 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with bounds. The bounds are infinite where too little is known for any."""

    estimate: float
    low: float = -inf
    high: float = inf

    @property
    def is_known(self) -> bool:
        return self.low > -inf

    def scaled(self, factor: float) -> Interval:
        return Interval(self.estimate * factor, self.low * factor, self.high * factor)


def difference(
    treated: Moments,
    control: Moments,
    *,
    alpha: float,
    planned_count: float,
    least_count: int,
    control_factor: float = 1.0,
) -> Interval:
    """Of treated − `control_factor` · control, valid at all times together; `planned_count` is of both arms.

    With t = n₁ + n₀ visitors, of whom fixed shares were to go to each arm, the estimate is a mean over all t of
    influence functions whose variance is σ² = t (s₁²/n₁ + f² s₀²/n₀): the augmented inverse-probability
    estimator for randomised experiments, with each arm's own mean as its regression. A factor below 1 asks whether
    treated is more than so much of control, which a guardrail does.

    The guarantee is asymptotic, so there are no bounds before each arm has `least_count` visitors and some variance.
    """
    estimate = treated.value - control_factor * control.value
    if min(treated.n, control.n) < max(least_count, 2):
        return Interval(estimate)
    count = treated.n + control.n
    variance = count * (treated.variance / treated.n + control_factor**2 * control.variance / control.n)
    if not (treated.variance and control.variance):
        return Interval(estimate)
    around = engine.half_width(sqrt(variance), count, narrowest_at=planned_count, error_ratio=alpha)
    return Interval(estimate, estimate - around, estimate + around)


def split_evidence(
    counts: Sequence[int], weights: Sequence[int], *, concentrations: Sequence[float] = CONCENTRATIONS
) -> float:
    """The Bayes factor against a split of visitors by `weights`: at or above 1/α at any time, the split is not that.

        BF = Γ(K) / Γ(K + n) · Π Γ(Kθᵢ + nᵢ) / Γ(Kθᵢ) · Π θᵢ^(−nᵢ)

    Of Lindon and Malek, with a Dirichlet prior around the asked-for shares θ, concentrated by K. Under the
    asked-for split it is a martingale that begins at 1, and so is the mean over several K, which is what is returned:
    by Ville's inequality it ever reaches 1/α with a chance of at most α.
    """
    total, whole = sum(counts), sum(weights)
    shares = [weight / whole for weight in weights]
    logs = [
        lgamma(k)
        - lgamma(k + total)
        + sum(
            lgamma(k * share + count) - lgamma(k * share) - count * log(share)
            for share, count in zip(shares, counts, strict=True)
        )
        for k in concentrations
    ]
    highest = max(logs)
    if highest > 600:
        return inf
    return exp(highest) * sum(exp(each - highest) for each in logs) / len(logs)
