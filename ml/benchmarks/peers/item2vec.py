"""item2vec (Barkan and Koenigstein 2016) by gensim's Word2Vec: skip-gram over baskets in a new order each epoch.

Of the paper's two ways to do without an order this is the one whose cost does not grow with the square of a basket's
length. A context is the mean of its items' vectors, set against the items' own vectors by cosine ('in'), or against the
output vectors as in gensim's `predict_output_word` ('out').
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from gensim.models import Word2Vec
from matrices import incidence
from protocol import Fitted, Sets, by_scores, run

GRID = [
    {"size": size, "epochs": epochs, "ns_exponent": exponent, "against": against, "sample": sample}
    for size, epochs, exponent, against, sample in (
        (128, 10, 0.75, "out", 1e-3),
        (128, 20, 0.75, "in", 1e-3),
        (128, 20, 0.5, "out", 1e-4),
        (128, 40, 1.0, "in", 1e-4),
        (64, 20, -0.5, "in", 1e-4),
        (256, 40, 0.75, "out", 1e-3),
    )
]
WINDOW = 10


class Sentences:
    """Baskets as gensim wants them: words, read once an epoch."""

    def __init__(self, baskets: Sets) -> None:
        self._baskets, self._times = baskets, 0

    def __iter__(self) -> Iterator[list[str]]:
        self._times += 1
        shuffled = self._baskets.shuffled(self._times)
        for row in range(len(shuffled)):
            yield [str(item) for item in shuffled[row].tolist()]


def fit(
    baskets: Sets,
    item_count: int,
    _trial: Any,
    *,
    size: int,
    epochs: int,
    ns_exponent: float,
    against: str,
    sample: float,
) -> Fitted:
    model = Word2Vec(
        Sentences(baskets),
        vector_size=size,
        window=WINDOW,
        shrink_windows=False,
        min_count=1,
        sg=1,
        negative=10,
        ns_exponent=ns_exponent,
        sample=sample,
        epochs=epochs,
        seed=0,
        workers=int(os.environ.get("OMP_NUM_THREADS", "1")),
    )
    numbers = [int(key) for key in model.wv.index_to_key]
    inputs_VD, outputs_VD = np.zeros((2, item_count, size), np.float32)
    inputs_VD[numbers] = model.wv.get_normed_vectors() if against == "in" else model.wv.vectors
    outputs_VD[numbers] = model.wv.get_normed_vectors() if against == "in" else model.syn1neg

    def score(contexts: Sets) -> Any:
        return (incidence(contexts, item_count, 1.0 / contexts.lengths) @ inputs_VD) @ outputs_VD.T

    return Fitted(by_scores(score))


if __name__ == "__main__":
    run(fit, GRID, packages=["gensim", "numpy"])
