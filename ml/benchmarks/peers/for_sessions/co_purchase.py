"""Weighted co-purchase: how often two items, or two of their categories, stand in one session, or in one bundle.

A session, or a bundle, of n items weighs 1 / (n - 1); the sum is divided by the root of the product of both counts.
Where items are too rare categories speak for them, at a depth that is tuned, as is what is counted. Pairs above a
threshold are named, or what they connect.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import asked

GRID = [
    {"count_in": count_in, "depth": depth, "least": least, "connect": connect}
    for count_in in ("bundles", "sessions")
    for depth in (None, 4, 3, 2)
    for least in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
    for connect in (False, True)
]


def fit(known: asked.Sessions, *, count_in: str, depth: int | None, least: float, connect: bool) -> asked.Named:
    rows = [
        row for session in known.sessions for row in (session.bundles if count_in == "bundles" else (session.items,))
    ]
    weights: Counter[tuple[Any, Any]] = Counter()
    counts: Counter[Any] = Counter()
    for row in rows:
        for names in ([f"#{item}" for item in row], [known.kind(item, depth) for item in row]):
            counts.update(names)
            for one, other in combinations(sorted(names), 2):
                weights[one, other] += 1 / (len(row) - 1)

    def strength(one: int, other: int) -> float:
        found = []
        for names in ((f"#{one}", f"#{other}"), (known.kind(one, depth), known.kind(other, depth))):
            pair = tuple(sorted(names))
            found.append(weights[pair] / max(counts[pair[0]] * counts[pair[1]], 1) ** 0.5 if all(pair) else 0.0)
        return max(found)

    def named(items: list[int]) -> asked.Bundles:
        strengths = {pair: strength(*sorted(pair)) for pair in asked.pairs(items)}
        ranked = sorted(strengths, key=lambda pair: (-strengths[pair], sorted(pair)))
        kept = [pair for pair in ranked if strengths[pair] >= least] or ranked[:1]
        return asked.connected(items, kept) if connect else kept

    return named


if __name__ == "__main__":
    asked.run(fit, GRID, packages=[])
