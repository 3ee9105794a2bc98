"""How many of each part a bundle holds: five paints and seven brushes, where most orders say so.

What counts is the proportion. A wholesaler's customers take twelve of everything, which is one of each to whoever
needs one; so the quantities of an order are divided by what they have in common. Most of the orders that hold all
parts must agree on one proportion, otherwise one of each is offered: half of the answers are better than an average
that nobody bought.

>>> proportion([24, 12]), proportion([5, 7]), proportion([0.5, 1])
((2, 1), (5, 7), None)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from bundle_ml.baskets import Baskets
from bundle_ml.evidence import Postings
from bundle_ml.settings import Settings

LATEST_ORDERS = 500
"""Looked at per bundle."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """What a bundle holds of each of its items, and how many orders hold exactly this proportion, of how many."""

    of_items: tuple[int, ...]
    orders: int = 0
    looked_at: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class QuantityRule:
    baskets: Baskets
    postings: Postings
    settings: Settings

    def of(self, items: Sequence[int]) -> Quantities:
        """Say how many of each; one of each unless orders agree on more."""
        one_of_each = Quantities((1,) * len(items))
        rows = self.postings.rows_with(items)[-LATEST_ORDERS:]
        if len(rows) < self.settings.quantity_min_orders:
            return one_of_each
        found = Counter(proportion(self._bought(row, items)) for row in rows.tolist())
        usual, orders = max(found.items(), key=lambda each: (each[1], each[0] is None, each[0]))
        if usual is None or max(usual) == 1 or max(usual) > self.settings.max_quantity:
            return one_of_each
        if orders < self.settings.quantity_min_orders or orders <= self.settings.quantity_ratio * len(rows):
            return one_of_each
        return Quantities(usual, orders, len(rows))

    def _bought(self, row: int, items: Sequence[int]) -> list[float]:
        start, stop = self.baskets.offsets[row], self.baskets.offsets[row + 1]
        places = start + np.searchsorted(self.baskets.items[start:stop], items)
        return [float(quantity) for quantity in self.baskets.quantities[places]]


def proportion(quantities: Sequence[float]) -> tuple[int, ...] | None:
    """Divide whole quantities by what they have in common; None where one is not whole or nothing was bought."""
    if any(quantity < 1 or quantity != int(quantity) for quantity in quantities):
        return None
    common = gcd(*(int(quantity) for quantity in quantities))
    return tuple(int(quantity) // common for quantity in quantities)
