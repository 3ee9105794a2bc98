from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bundle_ml.artefact import Candidate, Evidence
from bundle_ml.assortment import best_of_shop, bounded, merge_near_duplicates
from bundle_ml.generation import Draft


def _draft(*items: int, value: float) -> Draft:
    return Draft(items, (value,) * (len(items) - 1))


def _merged(*drafts: Draft) -> dict[int, list[tuple[int, ...]]]:
    by_anchor: dict[int, list[Draft]] = {}
    for draft in drafts:
        by_anchor.setdefault(draft.items[0], []).append(draft)
    merged = merge_near_duplicates(by_anchor, duplicate_ratio=0.5, max_overlap_ratio=0.4)
    return {anchor: [draft.items for draft in drafts] for anchor, drafts in merged.items()}


def test_anchors_with_nearly_the_same_bundle_share_the_better_one() -> None:
    merged = _merged(_draft(0, 1, 2, value=2.0), _draft(1, 0, 2, 3, value=1.0))

    assert merged == {0: [(0, 1, 2)], 1: [(1, 0, 2)]}


def test_a_bundle_without_the_anchor_is_no_replacement() -> None:
    merged = _merged(_draft(0, 1, 2, value=2.0), _draft(3, 0, 1, 2, value=1.0))

    assert merged == {0: [(0, 1, 2)], 3: [(3, 0, 1, 2)]}


def test_bundles_that_share_only_half_stay_apart() -> None:
    merged = _merged(_draft(0, 1, 2, value=2.0), _draft(1, 2, 3, value=1.0))

    assert merged == {0: [(0, 1, 2)], 1: [(1, 2, 3)]}


def test_no_anchor_comes_to_offer_one_bundle_twice() -> None:
    merged = _merged(_draft(0, 1, 2, 3, value=3.0), _draft(1, 0, 2, value=2.0), _draft(1, 0, 3, value=1.0))

    assert merged[1] == [(1, 0, 2, 3)]


def test_two_bundles_of_one_anchor_still_differ_in_most_parts() -> None:
    merged = _merged(
        _draft(0, 1, 2, 3, value=4.0),
        _draft(1, 3, 4, value=3.0),
        _draft(1, 0, 2, value=2.0),
    )

    for one, other in ((one, other) for one in merged[1] for other in merged[1] if one < other):
        mine, theirs = set(one[1:]), set(other[1:])
        assert len(mine & theirs) / len(mine | theirs) <= 0.4


def _candidate(anchor: str, parts: Sequence[str], *, score: float = 0.5, rank: int = 1, support: int = 9) -> Candidate:
    evidence = Evidence(
        orders=99, support=support, anchor_orders=20, confidence=0.5, lift=2.0, shares={"ease": 1.0}, parts={}
    )
    items = ((anchor, 1), *((part, 1) for part in parts))
    return Candidate(anchor=anchor, items=items, score=score, rank=rank, rung="ease", kind="pair", evidence=evidence)


def test_a_bound_keeps_every_anchors_best_before_any_second() -> None:
    candidates = [
        _candidate("a", "b", score=0.9),
        _candidate("a", "c", score=0.8, rank=2),
        _candidate("b", "d", score=0.2),
    ]

    assert bounded(candidates, count=None) == candidates
    assert [each.items[1][0] for each in bounded(candidates, count=2)] == ["b", "d"]
    assert [each.items[1][0] for each in bounded(candidates, count=1)] == ["b"]


def test_ranks_close_up_where_a_bound_takes_a_bundle_out() -> None:
    candidates = [
        _candidate("a", "b", score=0.9),
        _candidate("b", "c", score=0.1),
        _candidate("b", "a", score=0.1, rank=2),
    ]

    kept = bounded([*candidates[:2], replace(candidates[2], items=candidates[0].items)], count=1)

    assert [(each.anchor, each.rank) for each in kept] == [("a", 1), ("b", 1)]


VECTORS = np.asarray([[1, 0], [1, 0], [1, 0.1], [1, 0.1], [0, 1], [0, 1]], np.float32)
KEYS = {key: number for number, key in enumerate("abcdef")}
NEED = [_candidate("a", "b", score=0.9), _candidate("c", "d", score=0.85), _candidate("e", "f", score=0.6)]


def _best(candidates: Sequence[Candidate], *, count: int = 9, diversity: float = 0.5) -> list[str]:
    chosen = best_of_shop(candidates, KEYS, VECTORS, count=count, diversity=diversity, duplicate_ratio=0.5)
    return [each.anchor for each in chosen]


def test_the_list_of_the_shop_shows_another_need_before_the_same_one_again() -> None:
    assert _best(NEED) == ["a", "e", "c"]
    assert _best(NEED, diversity=0.0) == ["a", "c", "e"]
    assert _best(NEED, count=2) == ["a", "e"]


def test_one_bundle_of_two_anchors_and_near_duplicates_stand_once() -> None:
    candidates = [_candidate("a", "b", score=0.9), _candidate("b", "a", score=0.8), _candidate("c", "abd", score=0.7)]

    assert _best(candidates, diversity=0.0) == ["a", "c"]
    assert _best([_candidate("a", "bcd"), _candidate("b", "ac", score=0.4)]) == ["a"]


def test_no_item_is_in_the_whole_list() -> None:
    candidates = [_candidate("a", part, score=0.9) for part in "bcdef"]

    assert len(_best(candidates, diversity=0.0)) == 3


def test_a_shop_without_bundles_has_an_empty_list() -> None:
    assert _best([]) == []
