"""implicit's item-to-item recommenders other than BM25: cosine and TF-IDF. A context is scored as a new user."""

from __future__ import annotations

from neighbours import fit
from protocol import run

GRID = [{"kind": kind, "neighbours": neighbours} for neighbours in (200, 50, 800) for kind in ("cosine", "tfidf")]

if __name__ == "__main__":
    run(fit, GRID, packages=["pm-implicit", "numpy"])
