"""Clusters of item vectors: scikit-learn's agglomerative clustering of a session's items.

Vectors are TF-IDF of titles and of category paths, side by side, each reduced by SVD or not; how much either counts,
the linkage and the distance at which clusters stay apart are tuned.
"""

from __future__ import annotations

import asked
import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

GRID = [
    {"categories": categories, "width": width, "linkage": linkage, "distance": distance}
    for categories in (0.8, 0.5, 1.0, 0.0)
    for width in (64, None)
    for linkage in ("average", "complete", "single")
    for distance in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
]
_vectors: dict[tuple[object, ...], np.ndarray] = {}


def _cosines(known: asked.Sessions, categories: float, width: int | None) -> np.ndarray:
    if (categories, width) not in _vectors:
        paths = [" ".join(name for path in each for name in path) for each in known.paths]
        blocks = []
        for texts, weight in ((known.titles, 1 - categories), (paths, categories)):
            block = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
            block = (
                TruncatedSVD(min(width, block.shape[1]), random_state=0).fit_transform(block)
                if width
                else block.toarray()
            )
            blocks.append(normalize(block) * weight**0.5)
        _vectors[categories, width] = np.hstack(blocks).astype(np.float32)
    return _vectors[categories, width]


def fit(known: asked.Sessions, *, categories: float, width: int | None, linkage: str, distance: float) -> asked.Named:
    vectors = _cosines(known, categories, width)

    def named(items: list[int]) -> asked.Bundles:
        own = vectors[list(items)]
        distances = np.clip(1 - own @ own.T, 0, 2)
        labels = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage=linkage, distance_threshold=distance
        ).fit_predict(distances)
        groups = [frozenset(items[place] for place in np.flatnonzero(labels == label)) for label in np.unique(labels)]
        groups = [group for group in groups if len(group) > 1]
        if groups:
            return groups
        np.fill_diagonal(distances, np.inf)
        one, other = np.unravel_index(distances.argmin(), distances.shape)
        return [frozenset((items[one], items[other]))]

    return named


if __name__ == "__main__":
    asked.run(fit, GRID, packages=["scikit-learn", "numpy"])
