"""Intervals that may be looked at every day, and acted on the first time they say something.

A 95 % interval of the usual kind is right once; looked at daily for a month it will have been wrong in far more than 5
% of cases. These hold the truth at all looks together.

Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021, "Time-uniform central limit theory and asymptotic confidence
sequences", theorem 2.2; Robbins 1970 (the normal mixture behind it).
"""

from __future__ import annotations

from math import log, sqrt

from bundle_ml.errors import DataError


def half_width(deviation: float, count: float, *, narrowest_at: float = 10_000, error_ratio: float = 0.05) -> float:
    """Of the interval around a mean of so many independent numbers with this standard deviation.

    deviation · √((n ρ² + 1) / (n² ρ²) · log((n ρ² + 1) / error²)), where ρ makes it narrowest at one count; elsewhere
    it is as valid, and wider than it need be.

    >>> round(half_width(1.0, 10_000), 4), round(1.96 / 100, 4)
    (0.0304, 0.0196)
    """
    if count < 1 or deviation < 0 or not 0 < error_ratio < 1:
        raise DataError(
            f"Found {count} numbers, a deviation of {deviation} and an error ratio of {error_ratio}; expected at "
            "least 1, 0 or more, and between 0 and 1."
        )
    ask = -2 * log(error_ratio)
    square = (ask + log(ask + 1)) / narrowest_at
    spread = count * square + 1
    return deviation * sqrt(spread / (count**2 * square) * log(spread / error_ratio**2))
