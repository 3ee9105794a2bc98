"""Adds up what the rungs of a blend say, with as few passes over the scores as can be.

In a large catalogue the scores of a batch do not fit the processor's caches, and going through them once for each rung
costs more than the network's matrix product. So rungs hand in what to add in the form that they have it in: two factors
of a product, a few cells, or, where there is no shorter way, rows. All factors, popularity's and the shift's among
them, become one matrix product.

Shapes: B contexts, V items, C items asked about, D width of a product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bundle_ml.baskets import FloatArray, IntArray, OffsetArray


class Tally:
    """The scores of some contexts in the making, relative to their average over all items.

    That average taken off, the scores of different rungs and contexts can be compared. With `items`, only those are
    asked about.
    """

    def __init__(self, context_count: int, item_count: int, items: IntArray | None = None) -> None:
        self.item_count = item_count
        self.items = items
        self._average_B = np.zeros(context_count, np.float32)
        self._products: list[tuple[FloatArray, FloatArray]] = []
        self._cells: list[tuple[OffsetArray, IntArray, FloatArray]] = []
        self._rows: list[Callable[[int], FloatArray]] = []

    @property
    def asked_count(self) -> int:
        return self.item_count if self.items is None else len(self.items)

    def asked(self, values_V: FloatArray) -> FloatArray:
        """Cut what is known of all items (first axis) down to those asked about."""
        return values_V if self.items is None else values_V[self.items]

    def add_product(self, left_BD: FloatArray, right_VD: FloatArray) -> None:
        """Add left · rightᵀ."""
        self._average_B += left_BD @ right_VD.mean(axis=0)
        self._products.append((left_BD, self.asked(right_VD)))

    def add_cells(self, contexts: OffsetArray, items: IntArray, values: FloatArray) -> None:
        """Add values to single cells, as often as each is named; of items that are not asked about they only count."""
        self._average_B += (np.bincount(contexts, values, len(self._average_B)) / self.item_count).astype(np.float32)
        if self.items is not None:
            place_V = np.full(self.item_count, -1, np.int32)
            place_V[self.items] = np.arange(len(self.items))
            places = place_V[items]
            is_asked = places >= 0
            contexts, items, values = contexts[is_asked], places[is_asked], values[is_asked]
        self._cells.append((contexts, items, values))

    def add_rows(self, row_of: Callable[[int], FloatArray], average_B: FloatArray) -> None:
        """Add `row_of(context)`, (C,), whose average over *all* items is given; made and added one by one."""
        self._average_B += average_B
        self._rows.append(row_of)

    def scores(self) -> FloatArray:
        """Carry the sum out; (B, C)."""
        products = [*self._products, (-self._average_B[:, None], np.ones((self.asked_count, 1), np.float32))]
        left, right = (np.concatenate(factors, axis=1) for factors in zip(*products, strict=True))
        total_BC = np.asarray(left @ right.T)
        for contexts, items, values in self._cells:
            np.add.at(total_BC.reshape(-1), contexts * self.asked_count + items, values)
        for row_of in self._rows:
            for context in range(len(total_BC)):
                total_BC[context] += row_of(context)
        return total_BC
