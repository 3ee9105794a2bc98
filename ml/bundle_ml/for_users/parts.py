"""Reasons to show a bundle to a user, each a closed form.

    popularity      users with about as many bundles took it
    taken_with      users with these bundles and items took it: EASE over both at once, where the items may include
                    those that are in the bundles
    alike           it holds what the user's bundles hold
    in_hand         it holds items that the user has

Shapes: U users asked for, T users with a bundle, B bundles, I items, F = B + I features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse

from bundle_ml.baskets import FloatArray
from bundle_ml.for_users.histories import Histories, Ones

POPULARITY, TAKEN_WITH, ALIKE, IN_HAND = "popularity", "taken_with", "alike", "in_hand"
UserNumbers = npt.NDArray[np.int64]


class Part(Protocol):
    """One reason."""

    def scores(self, users: UserNumbers) -> FloatArray:
        """Score every bundle for each of these users; (U, B). What a user has already is not excluded."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """log of how many users with about as many bundles took it.

    Whoever starts takes other bundles than whoever collects. A user with n bundles is about to take one more, so the
    users to look at are those with about n + 1; about is a bell of `WIDTH` over the logarithm of the number.
    """

    histories: Histories

    WIDTH = 0.3
    ALL_USERS = 0.01
    """What a user of any other number counts."""

    def scores(self, users: UserNumbers) -> FloatArray:
        sizes = self.histories.sizes_U
        has_any = sizes > 0
        asked, row_of_user = np.unique(sizes[users], return_inverse=True)
        distances = (np.log2(np.maximum(sizes, 1) + 1)[None, :] - np.log2(asked + 2)[:, None]) / self.WIDTH
        weights = (np.exp(-(distances**2) / 2) + self.ALL_USERS) * has_any
        counts = (self.histories.bundles_UB.T @ weights.T.astype(np.float32)).T
        return np.asarray(np.log(counts + self.ALL_USERS)[row_of_user], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TakenWith:
    """A weight from each feature, a bundle or an item that a user has, to each bundle."""

    histories: Histories
    weights_FB: FloatArray
    in_bundles: float
    """See `_features`."""

    def scores(self, users: UserNumbers) -> FloatArray:
        return np.asarray(_features(self.histories, users, self.in_bundles) @ self.weights_FB, np.float32)


def fit_taken_with(
    histories: Histories, *, bundle_l2: float, item_l2: float, length_exponent: float, in_bundles: float
) -> TakenWith:
    """Solve for the weights that best rebuild each user's bundles from the other bundles and the items of that user.

    With P the inverse of FᵀF + Λ, where row t of F holds the features of user t times the root of
    1/n ** length_exponent (n bundles) and Λ is diagonal with `bundle_l2` and `item_l2`, the weights to bundle b are
    -P[:, b] / P[b, b], and 0 from b itself. Where there are fewer users than features, P comes from the smaller
    matrix I + FΛ⁻¹Fᵀ:

        P = Λ⁻¹ - Λ⁻¹Fᵀ (I + FΛ⁻¹Fᵀ)⁻¹ FΛ⁻¹

    Users without a bundle teach nothing here. With `in_bundles` a bundle is rebuilt from its own contents too. To keep
    those out of its own sum was tried, exactly, and ranked worse: Recall@20 .288 rather than .298 on Youshu's tune.

    Source: Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data", eq. 8, with the items of a user as
    features that are never targets; the second form is Woodbury's identity.
    """
    sizes = histories.sizes_U
    taught = np.flatnonzero(sizes)
    weights_T = sizes[taught] ** (-length_exponent / 2.0)
    features_TF = (
        (scipy.sparse.diags_array(weights_T) @ _features(histories, taught, in_bundles)).astype(np.float64).tocsr()
    )
    bundle_count = histories.bundle_count
    l2_F = np.repeat([bundle_l2, item_l2], [bundle_count, histories.item_count]).astype(np.float64)
    in_primal = features_TF.shape[1] <= len(taught)
    columns_FB = (_of_gram if in_primal else _of_kernel)(features_TF, l2_F, bundle_count)
    diagonal_B = columns_FB[np.arange(bundle_count), np.arange(bundle_count)].copy()
    columns_FB /= -diagonal_B
    columns_FB[np.arange(bundle_count), np.arange(bundle_count)] = 0
    return TakenWith(histories, columns_FB, in_bundles)


def _features(histories: Histories, users: UserNumbers, in_bundles: float) -> Ones:
    """Set a user's bundles beside the user's items, to which each bundle of n items adds `in_bundles` / √n of each.

    So a bundle that nobody else took is still known by what it holds, and an item counts alike however it came.
    """
    bundles_UB, items_UI = histories.bundles_UB[users], histories.items_UI[users]
    if in_bundles:
        shares_B = in_bundles / np.sqrt(np.maximum(np.diff(histories.contents_BI.indptr), 1))
        items_UI = items_UI + bundles_UB @ (scipy.sparse.diags_array(shares_B) @ histories.contents_BI)
    return scipy.sparse.hstack([bundles_UB, items_UI], format="csr", dtype=np.float32)


def _of_gram(features_TF: Ones, l2_F: npt.NDArray[np.float64], bundle_count: int) -> FloatArray:
    """The first columns of P, by the inverse of an F x F matrix."""
    gram_FF = (features_TF.T @ features_TF).toarray()
    gram_FF[np.diag_indices_from(gram_FF)] += l2_F
    units_FB = np.eye(len(gram_FF), bundle_count)
    columns_FB = scipy.linalg.solve(gram_FF, units_FB, assume_a="pos", overwrite_a=True, overwrite_b=True)
    return np.asarray(columns_FB, np.float32)


def _of_kernel(features_TF: Ones, l2_F: npt.NDArray[np.float64], bundle_count: int) -> FloatArray:
    """The same columns by the inverse of a T x T matrix."""
    scaled_TF = features_TF @ scipy.sparse.diags_array(1 / l2_F)
    kernel_TT = (scaled_TF @ features_TF.T).toarray()
    kernel_TT[np.diag_indices_from(kernel_TT)] += 1
    bundles_TB = scaled_TF[:, :bundle_count].toarray()
    solved_TB = scipy.linalg.solve(kernel_TT, bundles_TB, assume_a="pos", overwrite_a=True, overwrite_b=True)
    columns_FB = np.asarray(scaled_TF.T.astype(np.float32) @ -solved_TB.astype(np.float32), np.float32)
    columns_FB[np.arange(bundle_count), np.arange(bundle_count)] += (1 / l2_F[:bundle_count]).astype(np.float32)
    return columns_FB


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Bundles that hold what the user's bundles hold."""

    histories: Histories
    similarity_BB: Ones

    def scores(self, users: UserNumbers) -> FloatArray:
        return np.asarray((self.histories.bundles_UB[users] @ self.similarity_BB).toarray(), np.float32)


def fit_alike(histories: Histories) -> Alike:
    """Compute the cosine of contents, over the root of what a bundle is alike to all others in sum.

    The root holds back bundles that are a little like everything.
    """
    contents = histories.contents_BI
    lengths = np.sqrt(np.maximum(np.diff(contents.indptr), 1))
    unit = (scipy.sparse.diags_array(1 / lengths) @ contents).tocsr()
    cosine = (unit @ unit.T).tolil()
    cosine.setdiag(0)
    cosine = cosine.tocsr()
    held_back = np.sqrt(np.maximum(np.asarray(cosine.sum(axis=0)).ravel(), 0) + 0.1)
    return Alike(histories, (cosine @ scipy.sparse.diags_array(1 / held_back)).astype(np.float32).tocsr())


@dataclass(frozen=True, slots=True, eq=False)
class InHand:
    """How many of the bundle's items the user has."""

    histories: Histories

    def scores(self, users: UserNumbers) -> FloatArray:
        held = self.histories.items_UI[users] @ self.histories.contents_BI.T
        return np.asarray(held.toarray(), np.float32)
