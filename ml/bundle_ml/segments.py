"""For whom a model is good: held-out cases by how common the hidden item and how large the basket is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import BoolArray
from bundle_ml.cases import Cases, baskets_of_cases

COMMON_RATIO = 0.2
"""So many of the items, those with the most orders, are called common."""


def segments_of(
    cases: Mapping[str, Cases], order_counts_V: npt.NDArray[np.int64]
) -> dict[str, Mapping[str, BoolArray]]:
    """For each context size, which of its cases belong to which segment.

    'common_items' hide one of the fifth of all items with the most orders before the held-out slice, 'rare_items' any
    other; 'small_baskets' hold no more items than the median held-out basket, 'large_baskets' more.
    """
    is_common_V = np.zeros(len(order_counts_V), np.bool_)
    is_common_V[np.argsort(-order_counts_V, kind="stable")[: round(len(order_counts_V) * COMMON_RATIO)]] = True
    length_N = np.diff(cases["all_but_one"].contexts.offsets) + 1
    is_small_N = length_N <= (np.median(length_N) if len(length_N) else 0)
    basket_of_case = baskets_of_cases(cases)
    segments: dict[str, Mapping[str, BoolArray]] = {}
    for size, at_size in cases.items():
        is_common_B, is_small_B = is_common_V[at_size.targets], is_small_N[basket_of_case[size]]
        segments[size] = {
            "common_items": is_common_B,
            "rare_items": ~is_common_B,
            "small_baskets": is_small_B,
            "large_baskets": ~is_small_B,
        }
    return segments
