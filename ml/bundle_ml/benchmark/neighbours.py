"""What other shoppers' pasts would add to the personal blend: the nearest shoppers, by taste and by size.

Measured here and left out of what a shop trains: both remember every shopper's profile, and an artefact holds nobody's
past. Chosen and weighed as the other parts are.

Shapes: B shoppers asked about, U shoppers known, V items, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from bundle_ml.baskets import Baskets, FloatArray
from bundle_ml.cases import Cases, Contexts
from bundle_ml.fitting import average_ndcg
from bundle_ml.histories import Fading, Histories, histories_of, past_of
from bundle_ml.personalising import QUESTION, fadings_for
from bundle_ml.rungs import Rung

ALIKE, NEAR = "shoppers_alike", "shoppers_near"
NEIGHBOUR_COUNTS = (100, 300)
NEAR_COUNT = 300
"""Shoppers near count alike, so there may be many."""
SAME_SHOPPER = 1 - 1e-5
"""A cosine above it: the shopper, who is among those known, or one who adds nothing to what is known already."""
SHOPPERS_AT_ONCE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourChoices:
    """What the validation baskets chose."""

    alike: Fading
    neighbour_count: int
    near: Fading


def choose_neighbours(train: Baskets, cases: Cases) -> NeighbourChoices:
    """Pick how fast pasts fade and how many neighbours are asked, one after the other."""
    validation, histories, fadings = {QUESTION: cases}, histories_of(train), fadings_for(train)

    def alike(fading: Fading, count: int) -> float:
        return average_ndcg(fit_shoppers_alike(histories, fading=fading, neighbour_count=count), validation)

    def near(fading: Fading) -> float:
        return average_ndcg(fit_shoppers_near(histories, fading=fading, neighbour_count=NEAR_COUNT), validation)

    of_alike = max(fadings, key=lambda fading: alike(fading, NEIGHBOUR_COUNTS[0]))
    return NeighbourChoices(
        alike=of_alike,
        neighbour_count=max(NEIGHBOUR_COUNTS, key=lambda count: alike(of_alike, count)),
        near=max(fadings, key=near),
    )


def fit_neighbours(baskets: Baskets, choices: NeighbourChoices) -> dict[str, Rung]:
    histories = histories_of(baskets)
    return {
        ALIKE: fit_shoppers_alike(histories, fading=choices.alike, neighbour_count=choices.neighbour_count),
        NEAR: fit_shoppers_near(histories, fading=choices.near, neighbour_count=NEAR_COUNT),
    }


@dataclass(frozen=True, slots=True, eq=False)
class ShoppersAlike(Rung):
    """The average profile of the nearest shoppers by the cosine, each weighed by it.

    Shapes:
        profiles_UV, lengths_U (Euclidean, of the profiles).
    """

    profiles_UV: scipy.sparse.csr_array
    lengths_U: FloatArray
    fading: Fading
    neighbour_count: int

    @property
    def item_count(self) -> int:
        return int(self.profiles_UV.shape[1])

    def scores(self, contexts: Contexts) -> FloatArray:
        asked_BV = past_of(contexts).profiles(self.fading)
        parts = [
            self._neighbours(asked_BV[start : start + SHOPPERS_AT_ONCE])
            for start in range(0, asked_BV.shape[0], SHOPPERS_AT_ONCE)
        ]
        if not parts:
            return np.zeros(asked_BV.shape, np.float32)
        return np.asarray((scipy.sparse.vstack(parts, format="csr") @ self.profiles_UV).toarray(), np.float32)

    def _neighbours(self, asked_BV: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Weigh the nearest shoppers; (B, U), rows sum to 1."""
        cosines_BU = (asked_BV @ self.profiles_UV.T).toarray()
        cosines_BU /= np.maximum(_lengths(asked_BV)[:, None] * self.lengths_U, 1e-12)
        cosines_BU[cosines_BU > SAME_SHOPPER] = 0
        count = min(self.neighbour_count, cosines_BU.shape[1])
        near_BK = np.argpartition(-cosines_BU, count - 1, axis=1)[:, :count]
        weights_BK = np.take_along_axis(cosines_BU, near_BK, axis=1)
        weights_BK /= np.maximum(weights_BK.sum(axis=1, keepdims=True), 1e-12)
        offsets = np.arange(0, near_BK.size + 1, count)
        return scipy.sparse.csr_array((weights_BK.ravel(), near_BK.ravel(), offsets), shape=cosines_BU.shape)


@dataclass(frozen=True, slots=True, eq=False)
class ShoppersNear(ShoppersAlike):
    """The average profile of the nearest shoppers by the Euclidean distance, all weighed alike.

    Who bought little is near to all who bought little; so this says what beginners buy, where the cosine would ask for
    the same taste.
    """

    def _neighbours(self, asked_BV: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        near_BU = 2 * (asked_BV @ self.profiles_UV.T).toarray() - self.lengths_U**2
        lengths_B1 = _lengths(asked_BV)[:, None]
        is_same_BU = np.abs(near_BU - lengths_B1**2) <= (1 - SAME_SHOPPER) * lengths_B1**2
        near_BU[is_same_BU] = -np.inf
        count = min(self.neighbour_count, near_BU.shape[1])
        near_BK = np.argpartition(-near_BU, count - 1, axis=1)[:, :count]
        weights_BK = np.isfinite(np.take_along_axis(near_BU, near_BK, axis=1)).astype(np.float32)
        weights_BK *= lengths_B1 > 0
        weights_BK /= np.maximum(weights_BK.sum(axis=1, keepdims=True), 1)
        offsets = np.arange(0, near_BK.size + 1, count)
        return scipy.sparse.csr_array((weights_BK.ravel(), near_BK.ravel(), offsets), shape=near_BU.shape)


def fit_shoppers_near(histories: Histories, *, fading: Fading, neighbour_count: int) -> ShoppersNear:
    """Remember every shopper who has a past. Source: that of `fit_shoppers_alike`, whose distance is this one."""
    alike = fit_shoppers_alike(histories, fading=fading, neighbour_count=neighbour_count)
    return ShoppersNear(alike.profiles_UV, alike.lengths_U, fading, neighbour_count)


def fit_shoppers_alike(histories: Histories, *, fading: Fading, neighbour_count: int) -> ShoppersAlike:
    """Remember every shopper who has a past.

    Source: Hu, He, Gao & Zhang 2020, "Modeling Personalized Item Frequency Information for Next-basket Recommendation"
    (TIFU-kNN); here baskets are not put into groups, and neighbours are weighed by their cosine.
    """
    profiles_UV = histories.take(np.flatnonzero(histories.sizes > 0)).profiles(fading)
    return ShoppersAlike(profiles_UV, _lengths(profiles_UV), fading, neighbour_count)


def _lengths(profiles: scipy.sparse.csr_array) -> FloatArray:
    return np.sqrt(np.asarray(profiles.multiply(profiles).sum(axis=1), np.float32)).ravel()
