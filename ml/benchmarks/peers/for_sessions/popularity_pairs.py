"""The pairs of a session's most popular items; an item that was never seen is as popular as its category makes it."""

from __future__ import annotations

from collections import Counter

import asked

GRID = [{"count": count} for count in (1, 2, 3, 5, 10, 45)]


def fit(known: asked.Sessions, *, count: int) -> asked.Named:
    seen = Counter(item for session in known.sessions for item in session.items)
    kinds = Counter(known.kind(item, None) for session in known.sessions for item in session.items)
    total = sum(kinds.values())

    def popularity(item: int) -> float:
        return seen[item] + kinds[known.kind(item, None)] / total

    def named(items: list[int]) -> asked.Bundles:
        ranked = sorted(asked.pairs(items), key=lambda pair: (-sum(popularity(item) for item in pair), sorted(pair)))
        return ranked[:count]

    return named


if __name__ == "__main__":
    asked.run(fit, GRID, packages=[])
