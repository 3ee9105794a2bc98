"""Which two items replace each other, and so must not share a bundle.

In this order, the first that has an answer:

1. **The shop's own word** on the two categories (see `category_pairs`).
2. **Variants**: titles of one category that differ in words which say little in this shop, such as colours ("Trail
   Backpack Blue", "Trail Backpack Red"). Orders must speak very clearly for two variants to share a bundle: a
   wholesaler's customers take every colour, and few other shoppers want a second one. Where the one title holds all
   words of the other and more, it may name a part or a cover of it ("Nova Phone", "Nova Phone Case"): there orders
   need not speak that clearly.
3. **The shop's orders**: what is bought together in a fair share of the rarer item's orders is no substitute; what
   keeps alike company, and is bought together far below chance, is one.
4. **Titles** of one category that are equal but for one word.
5. **Likeness**, where orders say nothing: what told substitutes from complements among the pairs on which orders did
   speak (see `likeness`).

A title pattern that very many items share is a naming scheme ("Poster 17"), not a product in several colours.

Not here: learning from what was viewed but not bought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bundle_ml.baskets import Baskets, FloatArray
from bundle_ml.category_pairs import CategoryPairs
from bundle_ml.evidence import Postings
from bundle_ml.likeness import ALIKE_COMPANY, LEAST_EXPECTED, SELDOM, Likeness, fit_likeness
from bundle_ml.logistic import Logistic
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.titles import words

MIN_ORDERS_TOGETHER = 5
MOST_REMEMBERED = 200_000
"""Pairs whose answer is kept."""


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
    all_words = words(title)
    if len(all_words) < 2:
        return frozenset({all_words} if all_words else ())
    without_one = (all_words[:number] + all_words[number + 1 :] for number in range(len(all_words)))
    return frozenset({all_words, *(stem for stem in without_one if any(len(word) > 1 for word in stem))})


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
    """Answers for pairs of item numbers."""

    titles: TitleStems
    likeness: Likeness
    model: Logistic
    pairs: CategoryPairs
    settings: Settings
    _remembered: dict[tuple[int, int], bool] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        shelf: Shelf,
        baskets: Baskets,
        vectors_VD: FloatArray,
        settings: Settings,
        *,
        pairs: CategoryPairs | None = None,
    ) -> Substitutes:
        """Learn from the orders; `vectors_VD` are unit vectors of the learned items' company."""
        likeness = Likeness.of(shelf, baskets, vectors_VD)
        model, _ = fit_likeness(likeness, baskets)
        stems_of_titles = TitleStems.of(shelf.titles, shelf.categories, max_variants=settings.max_variants)
        return cls(stems_of_titles, likeness, model, pairs or CategoryPairs(), settings)

    @property
    def postings(self) -> Postings:
        return self.likeness.postings

    def replaces(self, one: int, other: int) -> bool:
        """Say whether the two are substitutes; the search asks about the same pairs again and again."""
        pair = (one, other) if one < other else (other, one)
        if pair not in self._remembered:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[pair] = self._decide(*pair)
        return self._remembered[pair]

    def _decide(self, one: int, other: int) -> bool:
        decided = self.pairs.may_share(self.titles.categories[one], self.titles.categories[other])
        if decided is not None:
            return not decided
        same_kind = self.titles.categories[one] == self.titles.categories[other]
        if same_kind and self.likeness.alike_titles(one, other) >= self.settings.variant_cosine:
            return not self._bought_together(one, other, self._ratio_for_variants(one, other))
        if self._bought_together(one, other, self.settings.substitute_together_ratio):
            return False
        if self.titles.alike(one, other):
            return True
        return self._kept_apart(one, other) or self._probably(one, other)

    def any_replaces(self, members: Sequence[int], other: int) -> bool:
        return any(self.replaces(member, other) for member in members)

    def _ratio_for_variants(self, one: int, other: int) -> float:
        shorter, longer = sorted((self.likeness.titles[one], self.likeness.titles[other]), key=len)
        says_more = len(longer) > len(shorter) and shorter.keys() <= longer.keys()
        return self.settings.longer_title_together_ratio if says_more else self.settings.variant_together_ratio

    def _bought_together(self, one: int, other: int, ratio: float) -> bool:
        together = self.postings.together(one, other)
        rarer = min(self.postings.orders(one), self.postings.orders(other))
        return together >= MIN_ORDERS_TOGETHER and together >= ratio * rarer

    def _kept_apart(self, one: int, other: int) -> bool:
        """Say whether shoppers who need either take one of them: alike company, far below chance together."""
        chance = self.postings.orders(one) * self.postings.orders(other) / max(self.postings.basket_count, 1)
        if chance < LEAST_EXPECTED or (self.likeness.company(one, other) or 0.0) < ALIKE_COMPANY:
            return False
        return self.postings.together(one, other) <= SELDOM * chance

    def _probably(self, one: int, other: int) -> bool:
        """Ask likeness, unless the two are known to keep different company."""
        company = self.likeness.company(one, other)
        if company is not None and company < ALIKE_COMPANY:
            return False
        return self.model.probability(self.likeness.features_of(one, other)) >= self.settings.substitute_probability
