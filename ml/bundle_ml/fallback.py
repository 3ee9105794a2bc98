"""Bundles for items about which too little is known: by category, then by popularity.

An anchor with few orders is paired with what goes with its category (a laptop's category with mice, once anybody has
bought the two kinds together), else with what sells best. With no order at all everything sells alike, and items of the
anchor's own category come first. Pairs only: nothing is known that would justify more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import FloatArray, IntArray
from bundle_ml.rungs import CATEGORY, POPULARITY, Category
from bundle_ml.shelf import Shelf
from bundle_ml.substitutes import Substitutes

LOOKED_AT = 200
PAIRS_PER_ANCHOR = 3
TOP_SCORE = {CATEGORY: 0.2, POPULARITY: 0.1}
"""Scores of the best pair of each kind: below nearly all bundles with evidence of their own."""


@dataclass(frozen=True, slots=True)
class Pair:
    anchor: int
    part: int
    rung: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Fallback:
    """Pairs an anchor with companions, best first; an answer for every anchor while two items can be sold."""

    shelf: Shelf
    substitutes: Substitutes
    category_numbers: IntArray
    companions_of_category: tuple[npt.NDArray[np.int64], ...]
    best_sellers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, shelf: Shelf, substitutes: Substitutes, category: Category, log_share_V: FloatArray) -> Fallback:
        sellable = np.flatnonzero(shelf.sellable)

        def best(scores_V: FloatArray) -> npt.NDArray[np.int64]:
            return sellable[np.argsort(-scores_V[sellable], kind="stable")][:LOOKED_AT]

        number_of_category = category.of_item_V
        companions = tuple(best(chance_C[number_of_category] * category.share_V) for chance_C in category.chance_CC)
        return cls(shelf, substitutes, number_of_category, companions, best(log_share_V))

    def pairs(self, anchor: int, *, count: int = PAIRS_PER_ANCHOR) -> list[Pair]:
        chosen: list[Pair] = []
        taken = {anchor}
        for rung, part in self._companions(anchor):
            if len(chosen) == count:
                break
            if part not in taken and not self.substitutes.any_replaces([anchor], part):
                chosen.append(Pair(anchor, part, rung, TOP_SCORE[rung] / (1 + len(chosen))))
                taken.add(part)
        if not chosen:  # everything else replaces it: better a substitute than an empty box
            others = [part for part in self.best_sellers.tolist() if part != anchor]
            chosen = [Pair(anchor, part, POPULARITY, TOP_SCORE[POPULARITY] / 10) for part in others[:1]]
        return chosen

    def _companions(self, anchor: int) -> Iterator[tuple[str, int]]:
        if self.shelf.categories[anchor] is not None:
            companions = self.companions_of_category[self.category_numbers[anchor]]
            yield from ((CATEGORY, part) for part in companions.tolist())
        yield from ((POPULARITY, part) for part in self.best_sellers.tolist())
