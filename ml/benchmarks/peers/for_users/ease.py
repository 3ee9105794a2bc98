"""EASE on users' bundles, as for baskets: a user's bundles are a basket."""

from __future__ import annotations

import asked
from ease import GRID, fit

if __name__ == "__main__":
    asked.run(fit, GRID, packages=["numpy", "scipy"])
