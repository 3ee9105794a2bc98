"""Complements told from substitutes, learned from the shop's own orders.

Orders label pairs without anybody's help. Of two items that keep alike company (whatever is in a basket with the one
is in a basket with the other), most are bought together accordingly; a few hardly ever are, because the one does for
the other. Pairs far below what so alike company leads to expect are substitutes, pairs that reach it are complements.
What tells the two apart where no orders speak yet is a logistic regression on alike titles, one category and the same
shoppers at different times.

A shop with too few such pairs takes `USUAL`: what the same fit finds on a supermarket's orders (see
`benchmark/variants`, which reproduces it). Titles, which also label variants in the benchmark, label nothing here.

Shapes: N pairs, F features, V items, D width, B items in a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import Baskets, BoolArray, FloatArray
from bundle_ml.evidence import Postings
from bundle_ml.logistic import Cells, Logistic, fit_logistic
from bundle_ml.rungs import ROWS_AT_ONCE, incidence
from bundle_ml.shelf import Shelf
from bundle_ml.titles import Vector, cosine, title_vectors

FEATURES = ("alike_titles", "same_category", "same_shoppers")
USUAL = Logistic(np.asarray([8.4, 2.5, 0.0]), -2.7)
ALIKE_COMPANY = 0.5
"""Cosine of context vectors above which two items keep alike company."""
MIN_ORDERS_FOR_COMPANY = 20
ITEMS_LOOKED_AT = 4000
LEAST_EXPECTED = 8.0
"""Orders with both that chance alone must make of a pair for it to be a label."""
SELDOM, OFTEN = 0.5, 1.5
"""Of the orders with both that chance would make: at most so many make substitutes, at least so many complements."""
LEAST_LABELS = 50
"""Of either kind, for a model of the shop's own."""
MOST_LABELS = 20_000
"""About so many of either kind are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What is known of two items beside the orders that hold both."""

    titles: tuple[Vector, ...]
    categories: tuple[str | None, ...]
    vectors_VD: FloatArray
    postings: Postings
    shoppers: Postings | None
    """For each item the shoppers who bought it; None where nobody is known."""

    @classmethod
    def of(cls, shelf: Shelf, baskets: Baskets, vectors_VD: FloatArray) -> Likeness:
        """`vectors_VD` may stop at the learned items; nothing is known of others' company."""
        count = len(shelf)
        return cls(
            title_vectors(shelf.titles),
            shelf.categories,
            np.pad(vectors_VD, ((0, count - len(vectors_VD)), (0, 0))),
            Postings.of(baskets, item_count=count),
            _by_shopper(baskets, item_count=count),
        )

    def features(self, pairs: Sequence[tuple[int, int]]) -> Cells:
        """(N, F)."""
        return np.asarray([self.features_of(*pair) for pair in pairs], np.float64).reshape(-1, len(FEATURES))

    def features_of(self, one: int, other: int) -> tuple[float, ...]:
        """In the order of `FEATURES`."""
        return self.alike_titles(one, other), float(self._one_category(one, other)), self._same_shoppers(one, other)

    def alike_titles(self, one: int, other: int) -> float:
        return cosine(self.titles[one], self.titles[other])

    def _one_category(self, one: int, other: int) -> bool:
        return self.categories[one] is not None and self.categories[one] == self.categories[other]

    def company(self, one: int, other: int) -> float | None:
        """Say how alike their company is; None where one of them has too few orders to tell."""
        if min(self.postings.orders(one), self.postings.orders(other)) < MIN_ORDERS_FOR_COMPANY:
            return None
        return float(self.vectors_VD[one] @ self.vectors_VD[other])

    def _same_shoppers(self, one: int, other: int) -> float:
        """Compare the shoppers of both at different times with what chance would make; a logarithm, 0 if unknown."""
        if self.shoppers is None:
            return 0.0
        apart = max(self.shoppers.together(one, other) - self.postings.together(one, other), 0)
        expected = self.shoppers.orders(one) * self.shoppers.orders(other) / max(self.shoppers.basket_count, 1)
        return float(np.log((apart + 1) / (expected + 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Pairs that orders tell something about."""

    pairs: tuple[tuple[int, int], ...]
    are_substitutes: BoolArray

    @property
    def suffice(self) -> bool:
        return min(int(self.are_substitutes.sum()), int((~self.are_substitutes).sum())) >= LEAST_LABELS

    def thinned(self) -> Labels:
        """Keep an even choice of each kind where there are very many."""
        kept = np.sort(
            np.concatenate(
                [
                    places[:: max(1, len(places) // MOST_LABELS)]
                    for places in (np.flatnonzero(self.are_substitutes), np.flatnonzero(~self.are_substitutes))
                ]
            )
        )
        return Labels(tuple(self.pairs[place] for place in kept.tolist()), self.are_substitutes[kept])


def label_by_orders(vectors_VD: FloatArray, baskets: Baskets) -> Labels:
    """Find, of the pairs that keep alike company, those bought together far below chance and those clearly above it."""
    orders_V = baskets.order_counts()
    often = np.argsort(-orders_V, kind="stable")[:ITEMS_LOOKED_AT]
    often = np.sort(often[orders_V[often] >= MIN_ORDERS_FOR_COMPANY]).astype(np.int32)
    pairs: list[tuple[int, int]] = []
    answers = [np.empty(0, np.bool_)]
    bought = incidence(baskets)[:, often].tocsc()
    for start in range(0, len(often), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(often)))
        together_BV = (bought[:, rows].T @ bought).toarray()
        chance_BV = np.outer(orders_V[often[rows]], orders_V[often]) / max(len(baskets), 1)
        alike_BV = vectors_VD[often[rows]] @ vectors_VD[often].T >= ALIKE_COMPANY
        alike_BV &= np.arange(len(often)) > rows[:, None]  # each pair once
        apart_BV = alike_BV & (chance_BV >= LEAST_EXPECTED) & (together_BV <= SELDOM * chance_BV)
        often_BV = alike_BV & (chance_BV >= LEAST_EXPECTED) & (together_BV >= OFTEN * chance_BV)
        row_N, other_N = np.nonzero(apart_BV | often_BV)
        pairs += zip(often[rows[row_N]].tolist(), often[other_N].tolist(), strict=True)
        answers.append(apart_BV[row_N, other_N])
    return Labels(tuple(pairs), np.concatenate(answers)).thinned()


def fit_likeness(likeness: Likeness, baskets: Baskets) -> tuple[Logistic, Labels]:
    """Learn from the shop's own pairs, or take what is usual where there are too few."""
    labels = label_by_orders(likeness.vectors_VD, baskets)
    if not labels.suffice:
        return USUAL, labels
    return fit_logistic(likeness.features(labels.pairs), labels.are_substitutes), labels


def _by_shopper(baskets: Baskets, *, item_count: int) -> Postings | None:
    """For each item the shoppers who bought it, in whatever order."""
    if baskets.shoppers is None or not (baskets.shoppers >= 0).any():
        return None
    shopper_of_pair = np.repeat(baskets.shoppers, baskets.lengths)
    known = shopper_of_pair >= 0
    pairs = np.unique(np.stack([baskets.items[known], shopper_of_pair[known]], axis=1), axis=0).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=item_count))]).astype(np.int64)
    return Postings(offsets, pairs[:, 1], len(np.unique(pairs[:, 1])))
