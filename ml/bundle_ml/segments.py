"""For whom a model is good: held-out cases by how common the hidden item is, how large the basket, how new the shopper.

Shapes: V items, N baskets that have a case, B cases of a context size.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import Baskets, BoolArray, OffsetArray
from bundle_ml.cases import Cases, baskets_of_cases

COMMON_RATIO = 0.2
"""So many of the items, those with the most orders, are called common."""


def segments_of(
    cases: Mapping[str, Cases],
    order_counts_V: npt.NDArray[np.int64],
    earlier_N: OffsetArray | None = None,
) -> dict[str, Mapping[str, BoolArray]]:
    """For each context size, which of its cases belong to which segment.

    'common_items' hide one of the fifth of all items with the most orders before the held-out slice, 'rare_items' any
    other; 'small_baskets' hold no more items than the median held-out basket, 'large_baskets' more. Of 'new_shoppers'
    no basket came before the held-out slice, of 'returning_shoppers' some did: `earlier_N` counts them, and is below
    zero where nobody is known. Where it is missing, these two are.
    """
    is_common_V = np.zeros(len(order_counts_V), np.bool_)
    is_common_V[np.argsort(-order_counts_V, kind="stable")[: round(len(order_counts_V) * COMMON_RATIO)]] = True
    length_N = np.diff(cases["all_but_one"].contexts.offsets) + 1
    is_small_N = length_N <= (np.median(length_N) if len(length_N) else 0)
    basket_of_case = baskets_of_cases(cases)
    segments: dict[str, Mapping[str, BoolArray]] = {}
    for size, at_size in cases.items():
        is_common_B, is_small_B = is_common_V[at_size.targets], is_small_N[basket_of_case[size]]
        at_size_segments = {
            "common_items": is_common_B,
            "rare_items": ~is_common_B,
            "small_baskets": is_small_B,
            "large_baskets": ~is_small_B,
        }
        if earlier_N is not None:
            earlier_B = earlier_N[basket_of_case[size]]
            at_size_segments |= {"new_shoppers": earlier_B == 0, "returning_shoppers": earlier_B > 0}
        segments[size] = at_size_segments
    return segments


def earlier_baskets(before: Baskets, held_out: Baskets) -> OffsetArray | None:
    """Count, for each held-out basket, those that its shopper had before the slice; -1 where nobody is known.

    None where the lines name no shoppers.
    """
    if before.shoppers is None or held_out.shoppers is None:
        return None
    count = int(max(before.shoppers.max(initial=-1), held_out.shoppers.max(initial=-1))) + 1
    baskets_of_shopper = np.bincount(before.shoppers[before.shoppers >= 0], minlength=count + 1)
    baskets_of_shopper[-1] = -1
    return baskets_of_shopper[held_out.shoppers]
