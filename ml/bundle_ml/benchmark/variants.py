"""Which items are one product in several colours or sizes, by a rule that the composer does not know.

Two titles are variants where they are equal once all words for colours and sizes are taken out of them, in whatever
places these stand, and how many there are. The composer knows no such words (see `substitutes`): it weighs words by how
rare they are in the shop, and learns from orders. So the rule finds variants that the composer misses ("Bowl Big Red
Spotty", "Green Spotty Bowl"), and the composer refuses much that is no variant by this rule.

The same title under two keys is one product as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from bundle_ml.titles import words

COLOURS = frozenset(
    """
    amber amethyst aqua asstd assorted beige black blue bluebell bright bronze brown burgundy champagne charcoal clear
    col color colour copper coral cream crystal cyan dark emerald fuchsia fuschia gold golden gray green grey gunmetal
    indigo ivory jade jet khaki lavender light lilac lime magenta maroon mauve midnight mint multi multicolor
    multicolour natural navy ochre olive orange pale pastel peach pearl pink plum purple red rose ruby sapphire scarlet
    silver taupe teal topaz turquoise violet white yellow
    """.split()
)
SIZES = frozenset(
    """
    big extra giant jumbo l large lge little long lrg m med medium midi mini narrow s short sml small tall tiny wide xl
    xs
    """.split()
)
JOINING = frozenset({"and"})
SHORTEST_WORD = 4
"""One word that is left must be at least so long to name a product."""


def product_of(title: str) -> tuple[str, ...] | None:
    """Take the words for colours and sizes out; None where too little is left to name a product.

    >>> product_of("RED/WHITE DOTS RUFFLED UMBRELLA"), product_of("Large Red")
    (('dots', 'ruffled', 'umbrella'), None)
    """
    kept = tuple(word for word in words(title) if word not in COLOURS | SIZES | JOINING)
    names_something = len(kept) > 1 or (len(kept) == 1 and len(kept[0]) >= SHORTEST_WORD)
    return kept if names_something else None


@dataclass(frozen=True, slots=True)
class Variants:
    """The product of each item number; items of one product are variants."""

    products: tuple[tuple[str, ...] | None, ...]

    @classmethod
    def of(cls, titles: Sequence[str]) -> Variants:
        return cls(tuple(product_of(title) for title in titles))

    def are(self, one: int, other: int) -> bool:
        return one != other and self.products[one] is not None and self.products[one] == self.products[other]

    def any_two(self, items: Sequence[int]) -> bool:
        """Say whether a bundle holds two variants of one product."""
        return any(self.are(one, other) for one, other in combinations(items, 2))

    def pairs(self) -> Iterator[tuple[int, int]]:
        of_product: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for item, product in enumerate(self.products):
            if product is not None:
                of_product[product].append(item)
        for items in of_product.values():
            yield from combinations(items, 2)
