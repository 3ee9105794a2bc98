"""Three tables of ones: users by bundles, users by items, bundles by items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse

from bundle_ml.errors import DataError

Ones: TypeAlias = scipy.sparse.csr_array
"""A sparse matrix of float32 ones, each cell once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """What is known before a bundle is recommended.

    Shapes: U users, B bundles, I items. `items_UI` may be empty: then nothing is known of single items.
    """

    bundles_UB: Ones
    items_UI: Ones
    contents_BI: Ones

    def __post_init__(self) -> None:
        users, bundles, items = self.items_UI.shape[0], self.contents_BI.shape[0], self.contents_BI.shape[1]
        expected = {"bundles_UB": (users, bundles), "items_UI": (users, items)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise DataError(
                    f"{name} has the shape {getattr(self, name).shape}; expected {shape}, to go with {users} rows of "
                    f"items_UI and contents_BI of {bundles} bundles and {items} items."
                )

    @property
    def user_count(self) -> int:
        return int(self.bundles_UB.shape[0])

    @property
    def bundle_count(self) -> int:
        return int(self.bundles_UB.shape[1])

    @property
    def item_count(self) -> int:
        return int(self.contents_BI.shape[1])

    @property
    def sizes_U(self) -> npt.NDArray[np.int64]:
        """How many bundles each user has."""
        return np.asarray(np.diff(self.bundles_UB.indptr), np.int64)


def table_of(pairs_N2: npt.NDArray[np.int64], *, rows: int, columns: int, name: str) -> Ones:
    """Make a table of (row, column) pairs; a pair that comes twice counts once.

    Raises:
        DataError: a number is outside the table.
    """
    pairs_N2 = np.asarray(pairs_N2, np.int64).reshape(-1, 2)
    if len(pairs_N2) and (pairs_N2.min() < 0 or (pairs_N2.max(axis=0) >= (rows, columns)).any()):
        raise DataError(
            f"{name} holds numbers up to {tuple(pairs_N2.max(axis=0).tolist())} and down to {pairs_N2.min()}; "
            f"expected rows 0..{rows - 1} and columns 0..{columns - 1}."
        )
    cells = np.unique(pairs_N2[:, 0] * columns + pairs_N2[:, 1]) if columns else np.empty(0, np.int64)
    offsets = np.searchsorted(cells, np.arange(rows + 1) * columns) if columns else np.zeros(rows + 1, np.int64)
    return scipy.sparse.csr_array(
        (np.ones(len(cells), np.float32), (cells % max(columns, 1)).astype(np.int32), offsets), shape=(rows, columns)
    )
