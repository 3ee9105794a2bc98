"""The closed-form rungs of the ladder: popularity, category, co-purchase; EASE, which is one too, is in `ease`.

Cheap, exact, explainable, and right for small shops. Each answers the same question: given sets of items, how well does
every item fit as the next one? Scores of different rungs have different scales; `blend` puts them on one.

Unusual: co-purchase weighs each basket by 1/(length - 1), so that a basket of n items speaks as loudly about each of
its items as a basket of two; and an item-to-item matrix keeps only the strongest neighbours of each item, which bounds
memory and costs no measurable accuracy.

Shapes: B contexts, V items, C items asked about (all of them, or some); in `Category` C categories.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse

from bundle_ml.baskets import Baskets, FloatArray, IntArray, OffsetArray
from bundle_ml.cases import Contexts
from bundle_ml.compressed import compressed_rows, like
from bundle_ml.tally import Tally

POPULARITY, CATEGORY, CO_PURCHASE, EASE, TRANSFORMER = "popularity", "category", "co_purchase", "ease", "transformer"
COSINE, EASE_FOR_FEW = "co_purchase_cosine", "ease_for_few"
"""Parts of the blend that are no rungs of the ladder."""
FAMILY = {COSINE: CO_PURCHASE, EASE_FOR_FEW: EASE}
"""Whose variant each of them is."""
ROWS_AT_ONCE = 256


class Rung(Protocol):
    """Anything that ranks the next item."""

    @property
    def item_count(self) -> int: ...

    @abstractmethod
    def scores(self, contexts: Contexts) -> FloatArray:
        """Score every item for every context; (B, V). Items of the context itself are not excluded."""
        ...

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        """Hand in what this rung makes of each cell, times the context's factor.

        A rung that can do without a row of all items has a shorter way of its own.
        """
        scores_BV = self.scores(contexts)
        scores_BC = scores_BV if tally.items is None else scores_BV[:, tally.items]
        average_B = np.asarray(factor_B * scores_BV.mean(axis=1), np.float32)
        tally.add_rows(lambda context: factor_B[context] * scores_BC[context], average_B)


def incidence(baskets: Baskets, row_weights: npt.NDArray[np.float64] | None = None) -> scipy.sparse.csr_array:
    """Return baskets as rows of ones, or of the row's weight."""
    weights = np.ones(len(baskets)) if row_weights is None else row_weights
    values = np.repeat(weights, baskets.lengths).astype(np.float32)
    return compressed_rows(values, baskets.items, baskets.offsets, (len(baskets), baskets.item_count))


@dataclass(frozen=True, slots=True, eq=False)
class Popularity(Rung):
    """log p(item), counted with a half-life; the context does not matter."""

    log_share_V: FloatArray

    @property
    def item_count(self) -> int:
        return len(self.log_share_V)

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.repeat(self.log_share_V[None, :], len(contexts), axis=0)

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        tally.add_product(factor_B[:, None], self.log_share_V[:, None])


def fit_popularity(baskets: Baskets, *, half_life_days: float) -> Popularity:
    """Count recent baskets, backed by a hundredth of all baskets and a pinch for what was never bought."""
    weights = np.repeat(baskets.recency(half_life_days), baskets.lengths)
    recent = np.bincount(baskets.items, weights, minlength=baskets.item_count)
    counts = recent + 0.01 * baskets.order_counts() + 1e-3
    return Popularity(np.log(counts / counts.sum()).astype(np.float32) if len(counts) else np.empty(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Category(Rung):
    """Items of the categories that are bought together with the context's categories.

    Shapes:
        of_item_V, chance_CC (row: category in the context, column: category of the next item), share_V.
    """

    of_item_V: IntArray
    chance_CC: FloatArray
    share_V: FloatArray
    """An item's share of its category's sales."""

    @property
    def item_count(self) -> int:
        return len(self.of_item_V)

    def scores(self, contexts: Contexts) -> FloatArray:
        return np.asarray(self._chances(contexts)[:, self.of_item_V] * self.share_V, np.float32)

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        chances_BC = factor_B[:, None] * self._chances(contexts)
        of_asked = self.of_item_V if tally.items is None else self.of_item_V[tally.items]
        share = tally.asked(self.share_V)
        share_C = np.bincount(self.of_item_V, self.share_V, len(self.chance_CC)).astype(np.float32)
        average_B = np.asarray(chances_BC @ share_C / self.item_count, np.float32)
        tally.add_rows(lambda context: chances_BC[context][of_asked] * share, average_B)

    def _chances(self, contexts: Contexts) -> FloatArray:
        """Say how likely each category is next; (B, C)."""
        category_count = len(self.chance_CC)
        counts_BC = np.zeros((len(contexts), category_count), np.float32)
        np.add.at(counts_BC, (contexts.row_numbers(), self.of_item_V[contexts.items]), 1)
        counts_BC /= np.maximum(counts_BC.sum(axis=1, keepdims=True), 1)
        return np.asarray(counts_BC @ self.chance_CC, np.float32)


def fit_category(baskets: Baskets, category_of_item: Sequence[int], popularity: Popularity) -> Category:
    """Count category pairs in baskets; with no baskets at all, a category goes with itself."""
    of_item = np.asarray(category_of_item, np.int32)
    category_count = int(of_item.max(initial=-1)) + 1
    membership = scipy.sparse.csr_array(
        (np.ones(len(of_item), np.float32), (np.arange(len(of_item)), of_item)), shape=(len(of_item), category_count)
    )
    several = baskets.of_several()
    weights = 1.0 / np.maximum(several.lengths - 1, 1)
    in_basket = incidence(several) @ membership
    in_basket_weighted = incidence(several, weights) @ membership
    pairs_CC = (in_basket.T @ in_basket_weighted).toarray()
    pairs_CC -= np.diag(np.bincount(of_item[several.items], np.repeat(weights, several.lengths), category_count))
    pairs_CC += 0.5 * np.eye(category_count) + 0.01
    share = np.exp(popularity.log_share_V.astype(np.float64))
    total_C = np.bincount(of_item, share, category_count)
    chance_CC = pairs_CC / pairs_CC.sum(axis=1, keepdims=True)
    return Category(of_item, chance_CC.astype(np.float32), (share / total_C[of_item]).astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class ItemToItem(Rung):
    """A sparse matrix from an item of the context (row) to the next one (column); a context is the mean of its rows."""

    weights_VV: scipy.sparse.csr_array

    @property
    def item_count(self) -> int:
        return int(self.weights_VV.shape[0])

    def scores(self, contexts: Contexts) -> FloatArray:
        averaging_BV = contexts.averaging_matrix(self.item_count)
        return np.asarray((averaging_BV @ self.weights_VV).toarray(), np.float32)

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        rows = self.weights_VV[contexts.items]
        lengths = np.diff(rows.indptr)
        factors = (factor_B / np.maximum(np.diff(contexts.offsets), 1)).astype(np.float32)[contexts.row_numbers()]
        tally.add_cells(
            np.repeat(contexts.row_numbers(), lengths), rows.indices, rows.data * np.repeat(factors, lengths)
        )


@dataclass(frozen=True, slots=True, eq=False)
class CoPurchase(ItemToItem):
    """Weighted co-purchase; keeps beside it the plain number of baskets that hold both items."""

    together_VV: scipy.sparse.csr_array


def fit_co_purchase(
    baskets: Baskets, *, exponent: float, neighbour_count: int, length_exponent: float = 1.0
) -> CoPurchase:
    """Compute Σ 1/(length-1) ** length_exponent over the baskets with i and j, divided by sqrt(nᵢ·nⱼ) ** exponent.

    nᵢ counts the baskets of two or more that hold i. Exponent 1 is the cosine; below it, popular items are held back
    less. Rows are computed in blocks and cut to the strongest neighbours.
    """
    several = baskets.of_several()
    count = several.item_count
    plain = incidence(several)
    plain_columns = plain.tocsc()
    damped_V = np.maximum(several.order_counts(), 1).astype(np.float32) ** np.float32(exponent / 2)
    rows: list[tuple[IntArray, FloatArray]] = []
    together = [np.empty(0, np.float32)]
    weights = np.asarray((several.lengths - 1.0) ** -length_exponent, np.float64)
    for own, shared_BV in shared_baskets(several, weights):
        together_BV = scipy.sparse.csr_array(plain_columns[:, own].T @ plain)
        together_BV.sort_indices()  # The cells of both stand in the same places.
        for row, item in enumerate(own.tolist()):
            cells = slice(shared_BV.indptr[row], shared_BV.indptr[row + 1])
            others = shared_BV.indices[cells]
            strength = np.where(others == item, 0, shared_BV.data[cells] / (damped_V[item] * damped_V[others]))
            kept = places_of_strongest(strength, neighbour_count)
            rows.append((others[kept].astype(np.int32), strength[kept]))
            together.append(together_BV.data[cells][kept])
    weights_VV = stacked(rows, count)
    return CoPurchase(weights_VV, like(weights_VV, np.concatenate(together)))


def shared_baskets(
    several: Baskets, basket_weights: npt.NDArray[np.float64] | None = None
) -> Iterator[tuple[IntArray, scipy.sparse.csr_array]]:
    """Yield the items in blocks, and the weight of the baskets that they share with each item: 1/(length-1), or given.

    Only cells that are not zero are ever held: (block, V), the item with itself included, item numbers ascending.
    """
    weights = 1.0 / (several.lengths - 1.0) if basket_weights is None else basket_weights
    plain = incidence(several)
    weighted = incidence(several, np.asarray(weights)).tocsc()
    for start in range(0, several.item_count, ROWS_AT_ONCE):
        own = np.arange(start, min(start + ROWS_AT_ONCE, several.item_count), dtype=np.int32)
        shared_BV = scipy.sparse.csr_array(weighted[:, own].T @ plain)
        shared_BV.sort_indices()
        yield own, shared_BV


def places_of_strongest(values: FloatArray, count: int) -> OffsetArray:
    """Find the largest absolute values that are not zero; places ascending."""
    places = np.flatnonzero(values)
    if len(places) <= count:
        return places
    strongest = np.argpartition(np.abs(values[places]), len(places) - count)[len(places) - count :]
    return np.sort(places[strongest])


def stacked(rows: Sequence[tuple[IntArray, FloatArray]], item_count: int) -> scipy.sparse.csr_array:
    offsets = np.concatenate([[0], np.cumsum([len(neighbours) for neighbours, _ in rows])]).astype(np.int64)
    neighbours = np.concatenate([np.empty(0, np.int32), *(row[0] for row in rows)])
    values = np.concatenate([np.empty(0, np.float32), *(row[1] for row in rows)]).astype(np.float32)
    return compressed_rows(values, neighbours, offsets, (item_count, item_count))
