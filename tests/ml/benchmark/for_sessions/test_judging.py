from __future__ import annotations

import pytest

from bundle_ml.benchmark.for_sessions.judging import compare, hits, judge, overlap
from bundle_ml.benchmark.for_sessions.protocol import HITS, OVERLAP, Named
from bundle_ml.for_sessions.sessions import Session

TRUTH = (frozenset({1, 2, 3, 4}), frozenset({5, 6}))
TEST = (Session((1, 2, 3, 4, 5, 6), TRUTH),) * 3 + (Session((7, 8, 9), (frozenset({7, 8}),)),)
ALL_PAIRS = tuple(frozenset({one, other}) for one in range(1, 7) for other in range(1, one))


def _judge(*named: tuple[frozenset[int], ...]) -> dict[str, dict[str, float]]:
    each: Named = named
    return dict(judge({HITS: each, OVERLAP: each}, TEST, samples=50, seed=0).by_measure)


def test_the_truth_has_all_marks() -> None:
    marks = _judge(TRUTH, TRUTH, TRUTH, TEST[3].bundles)

    for measure in (HITS, OVERLAP):
        assert [marks[measure][name] for name in ("precision", "recall", "f1", "f1_low")] == [1, 1, 1, 1]
    assert marks[HITS]["coverage"] == 1
    assert marks[HITS]["named"] == 7 / 4


def test_a_hit_lies_inside_a_bundle() -> None:
    assert hits([frozenset({1, 2})], TRUTH) == (1, 0.5, 0.5, 2)
    assert hits([frozenset({4, 5})], TRUTH) == (0, 0, 0, 2)
    assert hits([frozenset({1, 2, 3, 4, 5, 6})], TRUTH) == (0, 0, 0, 2)


def test_all_pairs_miss_no_bundle_but_overlap_little() -> None:
    precision, recall, _, _ = hits(ALL_PAIRS, TRUTH)

    assert (precision, recall) == (7 / 15, 1)
    assert overlap(ALL_PAIRS, TRUTH)[1] == (0.5 + 1) / 2
    assert overlap(ALL_PAIRS, TRUTH)[0] < 0.5


def test_overlap_is_the_jaccard_of_the_nearest() -> None:
    assert overlap([frozenset({1, 2, 3, 4, 5, 6})], TRUTH) == (4 / 6, (4 / 6 + 2 / 6) / 2)


def test_who_names_nothing_has_no_marks() -> None:
    marks = _judge((), (), (), ())

    assert marks[HITS]["f1"] == marks[OVERLAP]["f1"] == marks[HITS]["coverage"] == 0


def test_f1_is_of_the_averages_over_sessions() -> None:
    marks = _judge((frozenset({1, 2}),), (frozenset({4, 5}),), (), TEST[3].bundles)

    precision, recall = (1 + 0 + 0 + 1) / 4, (0.5 + 0 + 0 + 1) / 4
    assert marks[HITS]["precision"] == precision
    assert marks[HITS]["recall"] == recall
    assert marks[HITS]["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert marks[HITS]["coverage"] == pytest.approx((0.5 + 1) / 7)
    assert marks[HITS]["f1_low"] < marks[HITS]["f1"] < marks[HITS]["f1_high"]


def test_the_best_of_the_others_is_chosen_by_measure() -> None:
    truth: Named = (TRUTH, TRUTH, TRUTH, TEST[3].bundles)
    pairs: Named = (ALL_PAIRS, ALL_PAIRS, ALL_PAIRS, TEST[3].bundles)
    larger: Named = ((TRUTH[0],), (TRUTH[0],), (TRUTH[0],), (frozenset({7, 8, 9}),))
    marks = {
        name: judge({HITS: named, OVERLAP: named}, TEST, samples=50, seed=0)
        for name, named in (("ours", truth), ("pairs", pairs), ("larger", larger))
    }

    compared = compare(marks, ours="ours", others=["pairs", "larger"])

    assert (compared[HITS]["other"], compared[OVERLAP]["other"]) == ("pairs", "larger")
    assert compared[HITS]["difference_low"] > 0
    assert compare(marks, ours="nobody", others=["pairs"]) == compare(marks, ours="ours", others=[]) == {}
