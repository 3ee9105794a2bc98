"""What the bundles of all anchors come to: no near-duplicates, no more than a shop wants, a varied list of the best.

`generation` looks at one anchor at a time. Here bundles that share most of their parts become one, so that a
merchandiser decides once; their number is bounded; and the list for the whole shop is chosen by maximal marginal
relevance, so that it does not show one need in ten ways.

Source of the latter: Carbonell & Goldstein 1998, "The use of MMR".

Shapes: N bundles, V items, D width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bundle_ml.artefact import Candidate
from bundle_ml.baskets import FloatArray
from bundle_ml.generation import Draft
from bundle_ml.similarity import unit_rows

BUNDLES_PER_ITEM = 3
"""In the list of the whole shop."""
LOOKED_AT = 2000
"""The strongest bundles among which that list is chosen."""


def jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    """
    >>> jaccard(frozenset({1, 2, 3}), frozenset({2, 3, 4}))
    0.5
    """
    return len(one & other) / len(one | other)


def merge_near_duplicates(
    by_anchor: Mapping[int, Sequence[Draft]], *, duplicate_ratio: float, max_overlap_ratio: float
) -> dict[int, list[Draft]]:
    """Let an anchor offer a better bundle of another anchor where that holds it and shares most parts with its own.

    The best bundle of each group of near-duplicates is kept. An anchor that would come to offer one bundle twice, or
    two that differ too little, keeps its own or drops it.
    """
    kept: defaultdict[int, list[Draft]] = defaultdict(list)
    """Item → bundles that stay, best first."""
    merged: dict[int, list[Draft]] = {anchor: [] for anchor in by_anchor}
    for draft in sorted((draft for drafts in by_anchor.values() for draft in drafts), key=_best_first):
        anchor, items = draft.items[0], frozenset(draft.items)
        alike = (each for each in kept[anchor] if jaccard(items, frozenset(each.items)) > duplicate_ratio)
        found = max(alike, key=lambda each: jaccard(items, frozenset(each.items)), default=None)
        offered = draft if found is None else _around(anchor, found)
        if frozenset(offered.items) in {frozenset(each.items) for each in merged[anchor]}:
            continue
        if found is not None and any(offered.overlaps(each) > max_overlap_ratio for each in merged[anchor]):
            found, offered = None, draft
        if found is None:
            for item in items:
                kept[item].append(draft)
        merged[anchor].append(offered)
    return {anchor: sorted(drafts, key=_best_first) for anchor, drafts in merged.items()}


def _best_first(draft: Draft) -> tuple[float, tuple[int, ...]]:
    return (-draft.value, draft.items)


def _around(anchor: int, draft: Draft) -> Draft:
    return replace(draft, items=(anchor, *(item for item in draft.items if item != anchor)))


def most_alike(items: frozenset[str], others: Iterable[Candidate], *, duplicate_ratio: float) -> Candidate | None:
    """Find the bundle of which one of these items would be a near-duplicate; None if there is none."""
    shared = [(jaccard(items, frozenset(key for key, _ in each.items)), each) for each in others]
    ratio, found = max(shared, key=lambda pair: pair[0], default=(0.0, None))
    return found if ratio > duplicate_ratio else None


def bounded(candidates: Sequence[Candidate], *, count: int | None) -> list[Candidate]:
    """Keep so many different bundles: every anchor's best before any anchor's second, the strongest first.

    Candidates stand grouped by anchor and stay so; ranks close up.
    """
    if count is None:
        return list(candidates)
    allowed: set[frozenset[tuple[str, int]]] = set()
    for candidate in sorted(candidates, key=lambda each: (each.rank, -each.score, each.items)):
        if len(allowed) < count:
            allowed.add(frozenset(candidate.items))
    ranks: defaultdict[tuple[str, ...], int] = defaultdict(int)
    kept = []
    for candidate in candidates:
        if frozenset(candidate.items) in allowed:
            start = candidate.evidence.context or (candidate.anchor,)
            ranks[start] += 1
            kept.append(replace(candidate, rank=ranks[start]))
    return kept


def best_of_shop(
    candidates: Iterable[Candidate],
    number_of_key: Mapping[str, int],
    vectors_VD: FloatArray,
    *,
    count: int,
    diversity: float,
    duplicate_ratio: float,
) -> list[Candidate]:
    """Choose the list of the whole shop out of anchors' best bundles, one by one.

    Each time the one with the highest (1 - diversity) · strength - diversity · likeness to the nearest one chosen:
    strength is the score, weighed by how often the bundle was bought, 1 for the shop's strongest; likeness the cosine
    of the mean vectors of what they hold. No item stands in more than a few, and no two share most parts.
    """
    ranked = sorted(candidates, key=lambda each: (-_strength(each), each.items))
    sets = [frozenset(number_of_key[key] for key, _ in each.items) for each in ranked]
    first = {items: place for place, items in reversed(list(enumerate(sets)))}
    ranked = [ranked[place] for place in sorted(first.values())][:LOOKED_AT]
    sets = [frozenset(number_of_key[key] for key, _ in each.items) for each in ranked]
    if not ranked:
        return []
    strength_N = np.asarray([_strength(each) for each in ranked]) / max(_strength(ranked[0]), 1e-9)
    means_ND = unit_rows(np.asarray([vectors_VD[sorted(items)].mean(axis=0) for items in sets], np.float32))
    nearest_N = np.zeros(len(ranked))
    is_open_N = np.ones(len(ranked), np.bool_)
    uses: defaultdict[int, int] = defaultdict(int)
    chosen: list[Candidate] = []
    while len(chosen) < count and is_open_N.any():
        worth_N = np.where(is_open_N, (1 - diversity) * strength_N - diversity * nearest_N, -np.inf)
        place = int(worth_N.argmax())
        chosen.append(ranked[place])
        nearest_N = np.maximum(nearest_N, means_ND @ means_ND[place])
        for item in sets[place]:
            uses[item] += 1
        for other in np.flatnonzero(is_open_N).tolist():
            is_open_N[other] = jaccard(sets[other], sets[place]) <= duplicate_ratio and all(
                uses[item] < BUNDLES_PER_ITEM for item in sets[other]
            )
    return chosen


def _strength(candidate: Candidate) -> float:
    return candidate.score * float(np.log1p(candidate.evidence.support + 1e-3))
