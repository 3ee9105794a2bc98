"""What ranks by a shopper's past: own frequency, what follows what from basket to basket, views.

Each is a rung: it scores `Histories`, or `Visits`, as others score sets of items. So they are blended with one another
and with the rungs of the basket by the code that blends those, and the weights are curves over the number of past
baskets. A shopper without a past gets zeros.

All look at the past through profiles: a shopper's baskets averaged, the latest counting most (see `histories.Fading`).

What is unusual: the item-to-item matrix from one basket to the next keeps its diagonal. How often a thing is bought
again stands there, beside what is bought instead and what is bought after it. Left out: whatever remembers other
shoppers (`benchmark.neighbours` has it, to show what that costs), and EASE and co-purchase, which say what is bought
together, asked about a past; beside the others they added nothing measurable.

Shapes: B shoppers asked about, V items, T baskets that had one before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse

from bundle_ml.baskets import UNKNOWN_TIME, FloatArray, OffsetArray
from bundle_ml.cases import Contexts
from bundle_ml.histories import Fading, Histories, past_of
from bundle_ml.rungs import ROWS_AT_ONCE, Rung, incidence, places_of_strongest, stacked
from bundle_ml.views import Views

FREQUENCY, NEXT_BASKET, VIEWS = "frequency", "next_basket", "views"


@dataclass(frozen=True, slots=True, eq=False)
class PersonalFrequency(Rung):
    """How often a shopper bought each item, the latest baskets counting most."""

    fading: Fading
    item_count: int

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.asarray(past_of(contexts).profiles(self.fading).toarray())


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt(Rung):
    """What a shopper looked at and did not buy since; a view is halved for every half-life of its age."""

    half_life_days: float
    item_count: int

    def scores(self, contexts: Contexts) -> FloatArray:
        past = past_of(contexts)
        scores_BV = np.zeros((len(past), self.item_count), np.float32)
        views = past.looked_at
        if views is None or not len(views.items):
            return scores_BV
        weights = 0.5 ** (views.ages_days / self.half_life_days)
        weights[views.viewed_at <= self._bought_at(past, views)] = 0
        np.add.at(scores_BV, (views.rows, views.items), weights.astype(np.float32))
        return scores_BV

    def _bought_at(self, past: Histories, views: Views) -> OffsetArray:
        """When the shopper last bought what was looked at; for each view."""
        baskets = past.baskets
        shopper_of_basket = np.repeat(np.arange(len(past)), past.sizes)
        cells = np.repeat(shopper_of_basket, baskets.lengths) * self.item_count + baskets.items
        bought_at = np.repeat(baskets.ordered_at, baskets.lengths)
        order = np.lexsort((bought_at, cells))  # of each cell the last one is the latest
        asked = views.rows * self.item_count + views.items
        places = np.searchsorted(cells[order], asked, side="right") - 1
        found = places >= 0
        found[found] = cells[order][places[found]] == asked[found]
        latest = np.full(len(asked), UNKNOWN_TIME)
        latest[found] = bought_at[order][places[found]]
        return latest


@dataclass(frozen=True, slots=True, eq=False)
class OfPast(Rung):
    """Asks a rung about the past alone, whatever is shown: a blend of the past has its weights by past baskets."""

    rung: Rung

    @property
    def item_count(self) -> int:
        return self.rung.item_count

    def scores(self, contexts: Contexts) -> FloatArray:
        return self.rung.scores(past_of(contexts))


@dataclass(frozen=True, slots=True, eq=False)
class OfProfile(Rung):
    """What goes with a shopper's past by an item-to-item matrix, each item counted by its weight in the profile."""

    weights_VV: scipy.sparse.csr_array
    fading: Fading

    @property
    def item_count(self) -> int:
        return int(self.weights_VV.shape[0])

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.asarray((past_of(contexts).profiles(self.fading) @ self.weights_VV).toarray())


def fit_next_basket(
    histories: Histories,
    *,
    fading: Fading,
    l2: float,
    neighbour_count: int,
    max_items: int,
    length_exponent: float = 0.5,
    dropout: float = 0.0,
) -> OfProfile:
    """Solve for the item-to-item matrix that best makes each basket out of the shopper's profile before it.

    B = (G + l2·I + dropout / (1 - dropout)·diag(G))⁻¹ XᵀWY, where G = XᵀWX; X holds the profiles before, Y the baskets,
    and W weighs a basket of n items by 1/n ** length_exponent; the weights sum to the number of baskets. Unlike EASE's,
    the diagonal is free, and B is not symmetric even in its signs: coffee after filters is not filters after coffee.
    Only the `max_items` most bought items are looked at in the past; each keeps its strongest successors.

    Source: the ridge regression from one half of a session to the other in Choi, Kim, Lee, Shim & Lee 2021,
    "Session-aware Linear Item-Item Models for Session-based Recommendation" (SLIT), here from baskets to the next.
    """
    before_TV, after = histories.transitions(fading)
    count = histories.baskets.item_count
    bought = np.asarray((before_TV != 0).sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-bought, kind="stable")[: min(max_items, int((bought > 0).sum()))])
    if len(kept) == 0:
        return OfProfile(scipy.sparse.csr_array((count, count), dtype=np.float32), fading)
    weights = np.maximum(after.lengths, 1).astype(np.float64) ** -length_exponent
    weights *= len(after) / weights.sum()
    columns = before_TV[:, kept]
    weighted = (scipy.sparse.diags_array(weights.astype(np.float32)) @ columns).tocsr()
    gram = (columns.T @ weighted).toarray().astype(np.float32, order="F")
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += np.float32(l2) + np.float32(dropout / (1 - dropout)) * gram[diagonal]
    wanted = (weighted.T @ incidence(after)).toarray().astype(np.float32, order="F")
    factor, failed = scipy.linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise ArithmeticError(f"The matrix of profiles is not positive definite (LAPACK {failed}); raise l2.")
    solved, _ = scipy.linalg.lapack.spotrs(factor, wanted, lower=1, overwrite_b=1)
    nothing = (np.empty(0, np.int32), np.empty(0, np.float32))
    rows = [nothing] * count
    for start in range(0, len(kept), ROWS_AT_ONCE):
        for offset, values in enumerate(solved[start : start + ROWS_AT_ONCE]):
            successors = places_of_strongest(values, neighbour_count)
            rows[kept[start + offset]] = (successors.astype(np.int32), values[successors])
    return OfProfile(stacked(rows, count), fading)
