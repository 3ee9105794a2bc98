"""Frequent sets of categories: mlxtend's FP-growth over training bundles, or over sessions.

Items are too rare to be frequent, so, as in the authors' code, what is mined are their categories. A frequent set of
categories names the items of a session that are in them, where it has two or more; the larger and the more frequent
sets first.
"""

from __future__ import annotations

import asked
import pandas as pd
from mlxtend.frequent_patterns import fpgrowth
from mlxtend.preprocessing import TransactionEncoder

GRID = [
    {"mined": mined, "depth": depth, "min_share": share, "largest": largest, "count": count, "by_size": by_size}
    for mined in ("bundles", "sessions")
    for depth in (None, 4, 3, 2)
    for share in (1e-3, 3e-3, 1e-2)
    for largest in (1, 2, 4)
    for count in (1, 2, 3, 5, 10, 50)
    for by_size in (True, False)
]
_mined: dict[tuple[object, ...], list[tuple[frozenset[str], float]]] = {}


def _frequent(
    known: asked.Sessions, mined: str, depth: int | None, share: float, largest: int
) -> list[tuple[frozenset[str], float]]:
    key = (len(known.sessions), mined, depth, share, largest)
    if key not in _mined:
        rows = [
            [known.kind(item, depth) for item in row]
            for session in known.sessions
            for row in (session.bundles if mined == "bundles" else (session.items,))
        ]
        encoder = TransactionEncoder()
        table = pd.DataFrame(
            encoder.fit_transform([[name for name in row if name] for row in rows]), columns=encoder.columns_
        )
        found = fpgrowth(table, min_support=max(share, 2 / len(rows)), use_colnames=True, max_len=largest)
        _mined[key] = list(zip(found["itemsets"], found["support"], strict=True))
    return _mined[key]


def fit(
    known: asked.Sessions,
    *,
    mined: str,
    depth: int | None,
    min_share: float,
    largest: int,
    count: int,
    by_size: bool,
) -> asked.Named:
    frequent = _frequent(known, mined, depth, min_share, largest)

    def named(items: list[int]) -> asked.Bundles:
        kinds = {item: known.kind(item, depth) for item in items}
        shown = set(kinds.values())
        found: dict[frozenset[int], float] = {}
        for categories, support in frequent:
            if categories <= shown:
                bundle = frozenset(item for item in items if kinds[item] in categories)
                if len(bundle) > 1:
                    found[bundle] = max(found.get(bundle, 0.0), support)
        ranked = sorted(found, key=lambda each: (-len(each) if by_size else 0, -found[each], sorted(each)))
        return ranked[:count]

    return named


if __name__ == "__main__":
    asked.run(fit, GRID, packages=["mlxtend", "pandas"])
