"""Which categories make a set: an explainable prior on bundles, and a rule against repetition.

Lift of two categories is how often items of the one are bought with items of the other, relative to chance; baskets
are weighed by 1/(length - 1), as in co-purchase, so that a few wholesale baskets do not make everything look expected.
A bundle repeats a category only where its items are bought with each other more often than by chance.

Shapes: V items, C categories, M members of a bundle, N items asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log, prod

import numpy as np
import scipy.sparse

from bundle_ml.artefact import Template
from bundle_ml.baskets import Baskets, FloatArray, IntArray
from bundle_ml.category_pairs import CategoryPairs
from bundle_ml.evidence import Postings
from bundle_ml.rungs import incidence
from bundle_ml.shelf import Shelf

STRONGEST = log(4.0)
"""No pair of categories speaks for or against a bundle more than this; a logarithm of lift."""
SHRINKAGE_PAIRS = 5.0
"""Pairs added that are neither more nor less than chance, so that a coincidence is no pattern."""


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    names: tuple[str, ...]
    number_V: IntArray
    """Of each item's category; -1 where it is unknown."""
    log_lift_CC: FloatArray
    orders: Postings
    """For each category the orders that hold any of its items."""
    pairs: CategoryPairs

    @classmethod
    def of(cls, baskets: Baskets, shelf: Shelf, *, pairs: CategoryPairs | None = None) -> Templates:
        names = tuple(sorted({category for category in shelf.categories if category is not None}))
        number_of = {name: number for number, name in enumerate(names)}
        number_V = np.asarray([-1 if each is None else number_of[each] for each in shelf.categories], np.int32)
        item_count = shelf.learned_count
        known = np.flatnonzero(number_V[:item_count] >= 0)
        member_VC = scipy.sparse.csr_array(
            (np.ones(len(known), np.float32), (known, number_V[known])), shape=(item_count, len(names))
        )
        return cls(
            names,
            number_V,
            _log_lift(baskets.of_several(), member_VC),
            _orders_with(baskets, member_VC),
            pairs or CategoryPairs(),
        )

    def priors(self, members: Sequence[int], items: IntArray) -> FloatArray:
        """Say how well each item's category goes with those of a bundle: the mean logarithm of lift; 0 if unknown."""
        number_N, of_members = self.number_V[items], self.number_V[list(members)]
        known_M = of_members[of_members >= 0]
        if not len(known_M):
            return np.zeros(len(items), np.float32)
        lift_MN = self.log_lift_CC[known_M[:, None], number_N].clip(-STRONGEST, STRONGEST)
        lift_MN[(known_M[:, None] == number_N) | (number_N < 0)] = 0
        return np.asarray(lift_MN.mean(axis=0), np.float32)

    def may_join(self, members: Sequence[int], item: int) -> bool:
        """Refuse an item whose category is in the bundle already, unless such items are bought with each other."""
        number = int(self.number_V[item])
        if number < 0 or number not in self.number_V[list(members)]:
            return True
        decided = self.pairs.may_share(self.names[number], self.names[number])
        return bool(self.log_lift_CC[number, number] > 0) if decided is None else decided

    def evidence(self, items: Sequence[int]) -> Template | None:
        """Count how often the categories of a bundle meet in one order; None where a category is unknown, or one."""
        known = np.unique(self.number_V[list(items)]).tolist()
        if -1 in known or len(known) < 2:
            return None
        together, count = self.orders.support(known), self.orders.basket_count
        expected = prod(self.orders.orders(number) / max(count, 1) for number in known) * count
        return Template(
            categories=[self.names[number] for number in known],
            orders=together,
            lift=round(together / expected, 4) if expected else None,
        )

    def strongest(self, count: int) -> list[Template]:
        """List the pairs of categories that speak most for each other, for a person to read."""
        ranked = sorted(combinations(range(len(self.names)), 2), key=lambda pair: (-self.log_lift_CC[pair], pair))
        items = {number: item for item, number in enumerate(self.number_V.tolist()) if number >= 0}
        found = (self.evidence([items[one], items[other]]) for one, other in ranked[:count])
        return [each for each in found if each is not None and each.orders]


def _log_lift(several: Baskets, member_VC: scipy.sparse.csr_array) -> FloatArray:
    """Compare weighted pairs of items by category with those that chance would make; (C, C)."""
    weights = 1.0 / np.maximum(several.lengths - 1, 1)
    in_basket, weighted = incidence(several) @ member_VC, incidence(several, weights) @ member_VC
    orders_V = several.order_counts().astype(np.float64)
    found_CC = np.asarray((in_basket.T @ weighted).toarray(), np.float64)
    itself_V = np.bincount(several.items, np.repeat(weights, several.lengths), several.item_count)
    found_CC -= np.diag(member_VC.T @ itself_V)
    total = max(len(several.items), 1)
    of_C = member_VC.T @ orders_V
    chance_CC = (np.outer(of_C, of_C) - np.diag(member_VC.T @ orders_V**2)) / total
    return np.log((found_CC + SHRINKAGE_PAIRS) / (chance_CC + SHRINKAGE_PAIRS)).astype(np.float32)


def _orders_with(baskets: Baskets, member_VC: scipy.sparse.csr_array) -> Postings:
    """For each category the rows of the baskets that hold any of its items."""
    held = (incidence(baskets) @ member_VC).tocsc()
    held.sort_indices()
    return Postings(held.indptr.astype(np.int64), held.indices.astype(np.int32), len(baskets))
