"""Everything that a bundle may hold or be built around, numbered.

The learned items come first, under the numbers of the vocabulary; after them what the catalogue holds but nobody has
bought yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bundle_ml.baskets import BoolArray
from bundle_ml.catalogue import CatalogueItem


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    categories: tuple[str | None, ...]
    sellable: BoolArray
    content: BoolArray
    learned_count: int

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def has_categories(self) -> bool:
        return any(category is not None for category in self.categories)

    @property
    def category_numbers(self) -> tuple[int, ...]:
        """One number per category, in the order of names; items without one share a number."""
        names = sorted({category or "" for category in self.categories})
        number_of = {name: number for number, name in enumerate(names)}
        return tuple(number_of[category or ""] for category in self.categories)

    @classmethod
    def of(cls, learned_keys: Sequence[str], catalogue: Sequence[CatalogueItem]) -> Shelf:
        """Without a catalogue, what was bought is for sale under its key."""
        by_key = {item.key: item for item in catalogue}
        learned = [by_key.get(key) or CatalogueItem(key=key, title=key) for key in learned_keys]
        known = set(learned_keys)
        items = learned + [item for item in catalogue if item.key not in known]
        return cls(
            keys=tuple(item.key for item in items),
            titles=tuple(item.title for item in items),
            categories=tuple(item.category for item in items),
            sellable=np.asarray([item.sellable for item in items], bool),
            content=np.asarray([item.content for item in items], bool),
            learned_count=len(learned),
        )
