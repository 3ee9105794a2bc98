"""Which two items replace each other, and so must not share a bundle.

Two signs, both overruled by the shop's own orders:

* **Alike titles in one category**: equal but for one word ("Trail Backpack Blue", "Trail Backpack Red"; "Trail
  Backpack").
* **Alike company in one category**: bought with the same other things (cosine of their context vectors), by enough
  people.

In either case the pair counts as a set, not as substitutes, when it is bought together in a fair share of the rarer
item's orders: a red and a blue plate that people do buy as a pair may be sold as one. A title pattern that very many
items share is a naming scheme ("Poster 17"), not a product in several colours.

Not here: degrees of substitution, and learning from what was viewed but not bought.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bundle_ml.baskets import FloatArray
from bundle_ml.evidence import Postings

WORD = re.compile(r"[^\W_]+", re.UNICODE)
MIN_ORDERS_FOR_COMPANY = 20
MIN_ORDERS_TOGETHER = 5


def stems(title: str) -> frozenset[tuple[str, ...]]:
    """List what a title can be but for one word: itself, and itself without each word in turn.

    >>> shared = stems("Trail Backpack Blue") & stems("trail backpack red")
    >>> shared == {("trail", "backpack")}
    True
    >>> bool(stems("Trail Backpack") & stems("Trail Backpack Red"))
    True
    >>> bool(stems("Trail Backpack Blue") & stems("Trail Bottle Red"))
    False
    """
    words = tuple(WORD.findall(title.casefold()))
    if len(words) < 2:
        return frozenset({words} if words else ())
    without_one = (words[:number] + words[number + 1 :] for number in range(len(words)))
    return frozenset({words, *(stem for stem in without_one if any(len(word) > 1 for word in stem))})


@dataclass(frozen=True, slots=True, eq=False)
class TitleStems:
    """Stems of each item, without those that too many items share."""

    of_item: tuple[frozenset[tuple[str, ...]], ...]
    categories: tuple[str | None, ...]

    @classmethod
    def of(cls, titles: Sequence[str], categories: Sequence[str | None], *, max_variants: int) -> TitleStems:
        all_stems = [stems(title) for title in titles]
        sharers: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for item_stems in all_stems:
            for stem in item_stems:
                sharers[stem] += 1
        kept = (frozenset(stem for stem in each if sharers[stem] <= max_variants) for each in all_stems)
        return cls(tuple(kept), tuple(categories))

    def alike(self, one: int, other: int) -> bool:
        return self.categories[one] == self.categories[other] and not self.of_item[one].isdisjoint(self.of_item[other])


@dataclass(frozen=True, slots=True, eq=False)
class Substitutes:
    """Answers for pairs of item numbers.

    Shapes:
        vectors_VD: unit vectors of all items on the shelf, zero where nothing was learned.
    """

    titles: TitleStems
    postings: Postings
    vectors_VD: FloatArray
    together_ratio: float
    cosine: float

    def replaces(self, one: int, other: int) -> bool:
        """Say whether the two are substitutes."""
        return (self.titles.alike(one, other) or self._alike_company(one, other)) and not self._sold_as_a_set(
            one, other
        )

    def any_replaces(self, members: Sequence[int], other: int) -> bool:
        return any(self.replaces(member, other) for member in members)

    def _alike_company(self, one: int, other: int) -> bool:
        category = self.titles.categories[one]
        if category is None or category != self.titles.categories[other]:
            return False
        if min(self.postings.orders(one), self.postings.orders(other)) < MIN_ORDERS_FOR_COMPANY:
            return False
        return float(self.vectors_VD[one] @ self.vectors_VD[other]) >= self.cosine

    def _sold_as_a_set(self, one: int, other: int) -> bool:
        together = self.postings.together(one, other)
        rarer = min(self.postings.orders(one), self.postings.orders(other))
        return together >= MIN_ORDERS_TOGETHER and together >= self.together_ratio * rarer
