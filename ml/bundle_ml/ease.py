"""EASE: the item-to-item matrix with zero diagonal that best rebuilds each basket from itself.

B = I - P / diag(P), where P is the inverse of A = G + l2·I + dropout / (1 - dropout)·diag(G), and G = XᵀWX. The term in
`dropout` is what it comes to when each item is hidden with that probability while its basket is rebuilt: popular items
are held back more than rare ones. W weighs a basket of n items by 1/n ** length_exponent, halved for every half-life
before the latest one; the weights sum to the number of baskets, so that l2 means the same whatever they are.

Unusual: exact is the solution for the most bought items alone, by the inverse of a dense matrix. A column of B is a
ridge regression of one item on all others; each rarer item is regressed on its strongest companions, a few of which
say all that its few orders can. What the rarer item says of bestsellers follows from the symmetry of P: a regression
leaves the residual 1 / P_jj, and B_ji = B_ij · P_jj / P_ii. To solve for *all* items by their companions was tried:
where a few bestsellers are in every other basket it ranks worse than leaving the rare items out.

Source: Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", eq. 8; Steck 2020, "Autoencoders that don't
overfit towards the Identity" (dropout); Steck 2019, "Markov Random Fields for Collaborative Filtering" (columns of P
out of neighbourhoods).

Shapes: V items, H most bought ones, R rarer ones in a block, N companions of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from bundle_ml.baskets import Baskets, BoolArray, FloatArray, IntArray, OffsetArray
from bundle_ml.rungs import ROWS_AT_ONCE, ItemToItem, incidence, places_of_strongest, shared_baskets, stacked

GRAM_CELLS = 500
"""Kept of each row of G while rarer items are solved for; a cell that is kept in neither of its two rows is zero."""
RARE_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """What is added to the diagonal."""

    l2: float
    dropout: float

    def added_to(self, diagonal: FloatArray) -> FloatArray:
        return np.asarray(diagonal + (self.l2 + self.dropout / (1 - self.dropout) * diagonal), np.float32)


def fit_ease(
    baskets: Baskets,
    *,
    l2: float,
    neighbour_count: int,
    max_items: int,
    companion_count: int = 0,
    half_life_days: float | None = None,
    length_exponent: float = 0.0,
    dropout: float = 0.0,
) -> ItemToItem:
    """Solve exactly for the `max_items` most bought items, and for rarer ones with so many companions.

    Of a row of the exact solution the strongest neighbours are kept. Memory grows with max_items², and with the number
    of items beyond those.
    """
    several = baskets.of_several()
    counts = several.order_counts()
    by_count = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    most_bought, rarer = np.sort(by_count[:max_items]), np.sort(by_count[max_items:])
    if not len(by_count):
        return ItemToItem(scipy.sparse.csr_array((len(counts), len(counts)), dtype=np.float32))
    basket_weights = several.lengths.astype(np.float64) ** -length_exponent
    if half_life_days is not None:
        basket_weights *= several.recency(half_life_days)
    basket_weights *= len(several) / basket_weights.sum()
    ridge = Ridge(l2=l2, dropout=dropout)
    exact_VV, residual_H = _exact(several, basket_weights, most_bought, ridge, neighbour_count)
    if not len(rarer) or not companion_count:
        return ItemToItem(exact_VV)
    neighbourhoods = Neighbourhoods.of(several, basket_weights, ridge)
    blocks = list(neighbourhoods.regressed(rarer, companion_count))
    of_rarer_VV = _both_ways(blocks, most_bought, residual_H, len(counts), least_residual=l2)
    return ItemToItem(scipy.sparse.csr_array(exact_VV + of_rarer_VV))


def _exact(
    several: Baskets,
    basket_weights: npt.NDArray[np.float64],
    kept: OffsetArray,
    ridge: Ridge,
    neighbour_count: int,
) -> tuple[scipy.sparse.csr_array, FloatArray]:
    """Solve for the kept items alone; returns the residual of each as well, 1 / P_ii."""
    nothing = (np.empty(0, np.int32), np.empty(0, np.float32))
    rows = [nothing] * several.item_count
    if not len(kept):
        return stacked(rows, several.item_count), np.empty(0, np.float32)
    gram = _dense_gram(several, basket_weights, kept)
    np.fill_diagonal(gram, ridge.added_to(np.diag(gram)))
    inverse = _invert_in_place(gram)
    residual_H = np.asarray(1 / np.diag(inverse), np.float32)
    inverse *= -residual_H
    np.fill_diagonal(inverse, 0)
    for start in range(0, len(kept), ROWS_AT_ONCE):
        for offset, values in enumerate(inverse[start : start + ROWS_AT_ONCE]):
            neighbours = places_of_strongest(values, neighbour_count)
            rows[kept[start + offset]] = (kept[neighbours].astype(np.int32), values[neighbours])
    return stacked(rows, several.item_count), residual_H


def _dense_gram(several: Baskets, basket_weights: npt.NDArray[np.float64], kept: OffsetArray) -> FloatArray:
    """Compute G of the kept items in blocks: as sparse cells the whole of it would take twice the memory."""
    columns, weighted = incidence(several).tocsc()[:, kept], incidence(several, basket_weights)[:, kept]
    gram = np.empty((len(kept), len(kept)), np.float32, order="F")
    for start in range(0, len(kept), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        gram[:, block] = (columns[:, block].T @ weighted).toarray().T  # G is symmetric.
    return gram


def _invert_in_place(matrix: FloatArray) -> FloatArray:
    """Invert a symmetric positive definite matrix with one copy of it in memory."""
    factor, failed = scipy.linalg.lapack.spotrf(matrix, lower=1, overwrite_a=1)
    if failed:
        raise ArithmeticError(f"EASE's matrix is not positive definite (LAPACK {failed}); raise the setting 'ease_l2'.")
    inverse, _ = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), ROWS_AT_ONCE):  # LAPACK fills one triangle; mirror it without a copy of all
        block = slice(start, min(start + ROWS_AT_ONCE, len(inverse)))
        corner = np.tril(inverse[block, block])
        inverse[block, block] = corner + np.tril(corner, -1).T
        inverse[block, block.stop :] = inverse[block.stop :, block].T
    return np.asarray(inverse)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rarer items, regressed: one entry per companion of each, and the residual of each item.

    Shapes:
        companions, items, weights (pairs); own_R, residual_R.
    """

    companions: IntArray
    items: IntArray
    weights: FloatArray
    own_R: OffsetArray
    residual_R: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhoods:
    """The strongest cells of G beside its diagonal, and the diagonal of A."""

    cells_VV: scipy.sparse.csr_array
    diagonal_V: FloatArray

    @classmethod
    def of(cls, several: Baskets, basket_weights: npt.NDArray[np.float64], ridge: Ridge) -> Neighbourhoods:
        """Look a cell's strength up in G_ij² / A_ii, the part of item j that item i explains alone."""
        weights = np.repeat(basket_weights, several.lengths)
        diagonal_V = ridge.added_to(np.bincount(several.items, weights, several.item_count).astype(np.float32))
        scale_V = np.sqrt(diagonal_V)
        rows: list[tuple[IntArray, FloatArray]] = []
        for own, shared_BV in shared_baskets(several, basket_weights):
            for row, item in enumerate(own.tolist()):
                cells = slice(shared_BV.indptr[row], shared_BV.indptr[row + 1])
                others, values = shared_BV.indices[cells], shared_BV.data[cells]
                kept = places_of_strongest(np.where(others == item, 0, values / scale_V[others]), GRAM_CELLS)
                rows.append((others[kept].astype(np.int32), values[kept]))
        return cls(stacked(rows, several.item_count), diagonal_V)

    def regressed(self, items: OffsetArray, companion_count: int) -> Iterator[Block]:
        """Regress each item on its strongest companions, some items at once."""
        place_RV = np.full((RARE_AT_ONCE, len(self.diagonal_V)), -1, np.int32)
        for start in range(0, len(items), RARE_AT_ONCE):
            own_R = items[start : start + RARE_AT_ONCE]
            companions_RN, with_each_RN, is_there_RN = self._companions(own_R, companion_count)
            rows, columns = np.nonzero(is_there_RN)
            companions = companions_RN[is_there_RN]
            place_RV[rows, companions] = columns
            among_RNN = self._among(rows, columns, companions, place_RV, companion_count)
            place_RV[rows, companions] = -1
            weights_RN = np.linalg.solve(among_RNN[: len(own_R)], with_each_RN[..., None])[..., 0]
            residual_R = self.diagonal_V[own_R] - (weights_RN * with_each_RN).sum(axis=1)
            yield Block(companions, own_R[rows].astype(np.int32), weights_RN[is_there_RN], own_R, residual_R)

    def _companions(self, own_R: OffsetArray, count: int) -> tuple[IntArray, FloatArray, BoolArray]:
        """Name the companions of each item, what it shares with each, and where there is one at all; (R, N)."""
        companions_RN = np.zeros((len(own_R), count), np.int32)
        with_each_RN = np.zeros((len(own_R), count), np.float32)
        scale_V = np.sqrt(self.diagonal_V)
        found = np.zeros(len(own_R), np.int64)
        for row, item in enumerate(own_R.tolist()):
            cells = slice(self.cells_VV.indptr[item], self.cells_VV.indptr[item + 1])
            others, values = self.cells_VV.indices[cells], self.cells_VV.data[cells]
            kept = places_of_strongest(values / scale_V[others], count)
            found[row] = len(kept)
            companions_RN[row, : len(kept)] = others[kept]
            with_each_RN[row, : len(kept)] = values[kept]
        return companions_RN, with_each_RN, np.arange(count) < found[:, None]

    def _among(
        self, rows: OffsetArray, columns: OffsetArray, companions: IntArray, place_RV: IntArray, count: int
    ) -> FloatArray:
        """Cut A down to the companions of each item; an identity where there are fewer; (R, N, N)."""
        cells = self.cells_VV[companions]
        lengths = np.diff(cells.indptr)
        rows_of_cells, columns_of_cells = np.repeat(rows, lengths), np.repeat(columns, lengths)
        others = place_RV[rows_of_cells, cells.indices]
        known = others >= 0
        among_RNN = np.zeros((len(place_RV), count, count), np.float32)
        among_RNN[rows_of_cells[known], columns_of_cells[known], others[known]] = cells.data[known]
        among_RNN = np.maximum(among_RNN, among_RNN.transpose(0, 2, 1))
        diagonal = np.arange(count)
        among_RNN[:, diagonal, diagonal] = 1
        among_RNN[rows, columns, columns] = self.diagonal_V[companions]
        return among_RNN


def _both_ways(
    blocks: list[Block], most_bought: OffsetArray, residual_H: FloatArray, item_count: int, *, least_residual: float
) -> scipy.sparse.csr_array:
    """What companions say of the rarer items, and what those say of the most bought ones among them; (V, V).

    In an exact solution no residual is smaller than l2; cells taken for zero could make it so.
    """
    residual_V = np.zeros(item_count, np.float32)
    residual_V[most_bought] = residual_H
    is_exact_V = residual_V > 0
    for block in blocks:
        residual_V[block.own_R] = np.maximum(block.residual_R, least_residual)
    companions = np.concatenate([block.companions for block in blocks])
    items = np.concatenate([block.items for block in blocks])
    weights = np.concatenate([block.weights for block in blocks])
    back = is_exact_V[companions]
    mirrored = (weights * residual_V[companions] / residual_V[items])[back]
    rows, columns = np.concatenate([companions, items[back]]), np.concatenate([items, companions[back]])
    values = np.concatenate([weights, mirrored]).astype(np.float32)
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(item_count, item_count))
