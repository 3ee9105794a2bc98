"""What shoppers have in hand together: the pairs of items from which bundles are composed for carts.

Two items say more of what a shopper is at than either does alone. But there are as many pairs as orders are long, so
bundles are composed for those that were bought together most often, and a bestseller does not take all places.

Not every such pair starts a bundle: the bundle holds both, and so they must be no substitutes of each other and of
categories that may meet (see `generation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import scipy.sparse

from bundle_ml.generation import Composer

CONTEXTS_PER_ITEM = 20


def common_contexts(composer: Composer) -> list[tuple[int, int]]:
    """List the pairs to compose for, the most frequent first; each ascending."""
    settings = composer.settings
    uses: Counter[int] = Counter()
    chosen: list[tuple[int, int]] = []
    for one, other in _most_frequent(composer.affinity.together_VV, least=settings.context_min_orders):
        if len(chosen) == settings.context_count:
            break
        if max(uses[one], uses[other]) < CONTEXTS_PER_ITEM and _may_start(composer, one, other):
            uses.update((one, other))
            chosen.append((one, other))
    return chosen


def _most_frequent(together_VV: scipy.sparse.csr_array, *, least: int) -> Iterator[tuple[int, int]]:
    """Yield the pairs of so many orders and more; a pair counts if either keeps the other as a neighbour."""
    pairs = scipy.sparse.triu(together_VV.maximum(together_VV.T), k=1).tocoo()
    keep = pairs.data >= least
    one, other, count = pairs.row[keep], pairs.col[keep], pairs.data[keep]
    for place in np.lexsort((other, one, -count)).tolist():
        yield int(one[place]), int(other[place])


def _may_start(composer: Composer, one: int, other: int) -> bool:
    can_be_sold = composer.shelf.sellable[one] and composer.shelf.sellable[other]
    return bool(
        can_be_sold and composer.templates.may_join((one,), other) and not composer.substitutes.replaces(one, other)
    )
