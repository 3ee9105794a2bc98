"""How far a mean over held-out baskets may be off: draw the baskets again, with replacement.

A basket stands in up to four cases, one per context size, and is drawn with all of them. The draws depend on nothing
but the number of baskets and the seed, so two models can be compared draw by draw: what makes a draw easy for both
cancels out of their difference. What is drawn may as well be users, each with one case.

Source: Efron 1979, "Bootstrap methods: another look at the jackknife" (percentile method).

Shapes: S draws, N baskets, B cases, M columns of measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import BoolArray, FloatArray, OffsetArray

DrawArray = npt.NDArray[np.float64]
"""A mean in each draw."""

Mark = dict[str, float]
"""Measure → mean; with `_low` and `_high` its 95 % interval."""

DRAWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class BasketDraws:
    """How often each basket is drawn."""

    times_SN: FloatArray

    @classmethod
    def of(cls, basket_count: int, *, samples: int, seed: int) -> BasketDraws:
        random = np.random.default_rng([seed, 4])
        times_SN = np.empty((samples, basket_count), np.float32)
        shares = np.full(basket_count, 1 / max(basket_count, 1))
        for start in range(0, samples if basket_count else 0, DRAWS_AT_ONCE):
            count = min(DRAWS_AT_ONCE, samples - start)
            times_SN[start : start + count] = random.multinomial(basket_count, shares, size=count)
        return cls(times_SN)

    def means(
        self,
        values_BM: npt.NDArray[np.float64],
        basket_of_case_B: OffsetArray,
        counted_BM: BoolArray | None = None,
    ) -> DrawArray:
        """Average each column over the cases of the baskets drawn, or over those of them that are counted; (S, M).

        A draw without a counted case averages to 0.

        >>> two_cases_of_one_basket = np.asarray([[1.0], [0.0]])
        >>> BasketDraws.of(1, samples=2, seed=0).means(two_cases_of_one_basket, np.asarray([0, 0])).tolist()
        [[0.5], [0.5]]
        """
        counted_BM = np.ones(values_BM.shape, np.bool_) if counted_BM is None else counted_BM
        totals_NM = np.zeros((self.times_SN.shape[1], values_BM.shape[1]))
        counts_NM = np.zeros_like(totals_NM)
        np.add.at(totals_NM, basket_of_case_B, values_BM * counted_BM)
        np.add.at(counts_NM, basket_of_case_B, counted_BM)
        return np.asarray((self.times_SN @ totals_NM) / np.maximum(self.times_SN @ counts_NM, 1))


def interval(draws: DrawArray) -> tuple[float, float]:
    """Return what holds 95 % of the draws.

    >>> interval(np.ones(20))
    (1.0, 1.0)
    """
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def with_intervals(means: Mark, draws: Mapping[str, DrawArray]) -> Mark:
    """Set each mean's interval beside it."""
    marks: Mark = {}
    for name, mean in means.items():
        low, high = interval(draws[name])
        marks |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    return marks
