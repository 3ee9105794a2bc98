"""Every subset of a session, described by its pairs.

Shapes: N items of a session, P their pairs, S subsets of two or more, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from bundle_ml.baskets import BoolArray
from bundle_ml.logistic import Cells

LARGEST = 10
"""Items of a session whose subsets are looked at."""
NOBODY = -4.0
"""Log odds of an outsider that is not there."""


@dataclass(frozen=True, slots=True, eq=False)
class Subsets:
    """The subsets of a session of some size, whatever its items."""

    holds_SN: BoolArray
    inside_SP: BoolArray
    """Pairs of two members."""
    across_SP: BoolArray
    """Pairs of a member and an outsider."""
    ends_NP: BoolArray
    """The pairs that an item stands in."""

    @property
    def sizes_S(self) -> Cells:
        return np.asarray(self.holds_SN.sum(axis=1), np.float64)

    def describe(self, log_odds_P: Cells) -> Cells:
        """(S, F): weakest pair, mean pair, weakest member, ties to outsiders, strongest outsider, size."""
        inside_SP, across_SP, sizes_S = self.inside_SP, self.across_SP, self.sizes_S
        weakest_S = np.where(inside_SP, log_odds_P, np.inf).min(axis=1)
        mean_S = (inside_SP @ log_odds_P) / inside_SP.sum(axis=1)
        across_S = np.maximum(across_SP.sum(axis=1), 1)
        ties_S = np.where(across_SP.any(axis=1), (across_SP @ log_odds_P) / across_S, NOBODY)
        weakest_member_S = np.full(len(sizes_S), np.inf)
        strongest_outsider_S = np.full(len(sizes_S), NOBODY)
        for item in range(self.holds_SN.shape[1]):
            is_member_S = self.holds_SN[:, item]
            to_members_SP = (
                (inside_SP | across_SP) & self.ends_NP[item] & np.where(is_member_S[:, None], inside_SP, across_SP)
            )
            link_S = (to_members_SP @ log_odds_P) / np.maximum(to_members_SP.sum(axis=1), 1)
            weakest_member_S = np.where(is_member_S, np.minimum(weakest_member_S, link_S), weakest_member_S)
            strongest_outsider_S = np.where(is_member_S, strongest_outsider_S, np.maximum(strongest_outsider_S, link_S))
        is_all_S = sizes_S == self.holds_SN.shape[1]
        columns = (weakest_S, mean_S, weakest_member_S, ties_S, strongest_outsider_S, np.log(sizes_S))
        return np.stack([*columns, sizes_S == 2, is_all_S, np.log(sizes_S) * mean_S], axis=1).astype(np.float64)


@cache
def subsets_of(item_count: int) -> Subsets:
    """List the subsets of two or more, smaller ones first.

    >>> subsets_of(3).holds_SN.astype(int).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
    """
    chosen = [each for size in range(2, item_count + 1) for each in combinations(range(item_count), size)]
    holds_SN = np.zeros((len(chosen), item_count), np.bool_)
    for row, members in enumerate(chosen):
        holds_SN[row, list(members)] = True
    ends = list(combinations(range(item_count), 2))
    one, other = (holds_SN[:, [pair[end] for pair in ends]] for end in (0, 1))
    ends_NP = np.asarray([[item in pair for pair in ends] for item in range(item_count)])
    return Subsets(holds_SN, one & other, one ^ other, ends_NP)
