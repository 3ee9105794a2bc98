"""Sparse matrices from item to item, as tensors and back."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from bundle_ml.artefact import Tensors
from bundle_ml.compressed import compressed_rows


def to_tensors(name: str, matrix: scipy.sparse.csr_array) -> Tensors:
    return {
        f"{name}/values": matrix.data.astype(np.float32),
        f"{name}/neighbours": matrix.indices.astype(np.int32),
        f"{name}/offsets": matrix.indptr.astype(np.int64),
    }


def from_tensors(name: str, tensors: Tensors, item_count: int) -> scipy.sparse.csr_array:
    values, neighbours, offsets = (tensors[f"{name}/{part}"] for part in ("values", "neighbours", "offsets"))
    return compressed_rows(values, neighbours, offsets, (item_count, item_count))
