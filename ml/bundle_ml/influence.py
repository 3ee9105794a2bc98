"""What the parts of a bundle bring to each other: each is left out once, and the others are scored anew.

What an item c brings to the score of another part j is its jackknife pseudo-value, divided by the number n of items
that j has beside it. With f the blend that composed the bundle and C the other parts than j,

    loss(c, j)  = f(j | C) - f(j | C - {c})
    brings(c, j) = (f(j | C) + (n - 1) · loss(c, j)) / n

The loss alone would mislead. Most of a blend averages over its context, so that leaving out the weaker of two items
always makes a score rise, as if it had spoken against. The pseudo-value takes the averaging out: for a model that is a
mean it is exactly the item's summand, and all of them add up to the score. Negative is what does speak against.

It is the model's own answer, measured and not read off its attention. A bundle of m parts asks about m contexts of all
parts but one and m(m - 1)/2 of all but two, whatever anchor it was found for; they are scored in batches, each for the
few items of the batch alone. In a pair there is nothing to compare, and nothing is asked.

Source: Tukey 1958, "Bias and confidence in not quite large samples" (pseudo-values); Li, Monroe & Jurafsky 2016,
"Understanding Neural Networks through Representation Erasure" (leaving out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from bundle_ml.blend import Blend
from bundle_ml.cases import Contexts

BUNDLES_AT_ONCE = 64

Bundle = tuple[int, ...]
Influence = dict[tuple[int, int], float]
"""(Item, other item) → what the one brings to the other's score."""


def influences(blend: Blend, bundles: Sequence[Bundle]) -> Iterator[Influence]:
    """Yield what each item of each bundle brings to each other; nothing for pairs."""
    for start in range(0, len(bundles), BUNDLES_AT_ONCE):
        yield from _of_batch(blend, [tuple(sorted(bundle)) for bundle in bundles[start : start + BUNDLES_AT_ONCE]])


def _of_batch(blend: Blend, bundles: Sequence[Bundle]) -> Iterator[Influence]:
    contexts = sorted({context for bundle in bundles for context in _contexts(bundle)})
    items = sorted({item for bundle in bundles for item in bundle})
    row_of = {context: row for row, context in enumerate(contexts)}
    column_of = {item: column for column, item in enumerate(items)}
    scores_BC = blend.scores(Contexts.of(contexts), np.asarray(items, np.int32))

    def score(item: int, context: Bundle) -> float:
        return float(scores_BC[row_of[context], column_of[item]])

    def brings(one: int, item: int, bundle: Bundle) -> float:
        whole, count = score(item, _without(bundle, item)), len(bundle) - 1
        loss = whole - score(item, _without(bundle, item, one))
        return (whole + (count - 1) * loss) / count

    for bundle in bundles:
        yield {(one, item): brings(one, item, bundle) for one, item in permutations(bundle, 2) if len(bundle) > 2}


def _contexts(bundle: Bundle) -> Iterator[Bundle]:
    if len(bundle) > 2:
        yield from combinations(bundle, len(bundle) - 1)
        yield from combinations(bundle, len(bundle) - 2)


def _without(bundle: Bundle, *items: int) -> Bundle:
    return tuple(item for item in bundle if item not in items)
