"""implicit's BM25: item-kNN with saturated counts. A context is scored as a new user."""

from __future__ import annotations

from neighbours import fit
from protocol import run

GRID = [
    {"kind": "bm25", "neighbours": neighbours, "K1": saturation, "B": length}
    for neighbours in (200, 800)
    for saturation, length in ((1.2, 0.75), (0.5, 0.3), (1.2, 0.3), (5.0, 0.75), (100.0, 0.5), (1.2, 1.0))
]

if __name__ == "__main__":
    run(fit, GRID, packages=["pm-implicit", "numpy"])
