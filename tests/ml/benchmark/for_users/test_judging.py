from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.benchmark.for_users.judging import compare, judge
from tests.ml.for_users.worlds import ones


def test_marks_are_those_computed_by_hand() -> None:
    """One user finds two of three answers, at places 1 and 3; the other finds none on a short list."""
    answers = np.zeros((2, 30))
    answers[0, [4, 7, 29]] = answers[1, 3] = 1
    lists = np.full((2, 100), -1, np.int32)
    lists[0, :4] = [4, 1, 7, 2]
    lists[1, :1] = [5]

    mean = judge(lists, ones(answers), samples=200, seed=0).mean

    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert mean["recall_at_20"] == pytest.approx((2 / 3 + 0) / 2)
    assert mean["ndcg_at_20"] == pytest.approx((1 + 1 / 2) / ideal / 2)
    assert mean["coverage_at_20"] == pytest.approx(5 / 30)
    assert mean["recall_at_20_low"] == 0
    assert mean["recall_at_20_high"] == pytest.approx(2 / 3)


def test_what_stands_after_the_twentieth_place_earns_nothing() -> None:
    answers = np.zeros((1, 30))
    answers[0, 20] = 1

    assert judge(np.arange(30, dtype=np.int32)[None], ones(answers), samples=5, seed=0).mean["recall_at_20"] == 0
    assert judge(np.arange(1, 30, dtype=np.int32)[None], ones(answers), samples=5, seed=0).mean["recall_at_20"] == 1


def test_with_more_answers_than_places_a_full_list_has_the_best_ndcg_but_not_the_best_recall() -> None:
    mean = judge(np.arange(40, dtype=np.int32)[None], ones(np.ones((1, 40))), samples=5, seed=0).mean

    assert mean["ndcg_at_20"] == pytest.approx(1)
    assert mean["recall_at_20"] == pytest.approx(0.5)


def test_the_best_of_the_others_is_found_by_each_measure() -> None:
    answers = np.zeros((40, 30))
    answers[:, [0, 1]] = 1
    lists = {name: np.full((40, 100), -1, np.int32) for name in ("ours", "one", "other")}
    lists["ours"][:, :2] = [0, 1]
    lists["one"][:, 0] = 0
    lists["other"][:, [10, 11]] = [0, 1]
    marks = {
        name: judge(
            np.where(list_UK < 0, np.arange(2, 102) % 28 + 2, list_UK)[:, :12], ones(answers), samples=50, seed=0
        )
        for name, list_UK in lists.items()
    }

    found = compare(marks, ours="ours", others=["one", "other", "failed"])

    assert found["ndcg_at_20"]["other"] == "one"
    assert found["recall_at_20"]["other"] == "other"
    assert found["recall_at_20"]["ratio"] == 1
    assert found["ndcg_at_20"]["difference_low"] > 0
    assert found["ndcg_at_20"]["intervals_are_apart"]
    assert compare(marks, ours="ours", others=["failed"]) == {}
