from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.baskets import IntArray
from bundle_ml.benchmark.judging import Marks, judge
from bundle_ml.benchmark.protocol import Exam

NONE = np.empty(0, np.int32)


def _two_cases(exam: Exam) -> Exam:
    """Two baskets; one item shown, 7 and 9 hidden."""
    targets = {"1": np.asarray([7, 9], np.int32), "2": NONE}
    return replace(exam, targets=targets, basket_of_case={"1": np.arange(2), "2": np.arange(0)}, basket_count=2)


def _judged(exam: Exam, rows: list[list[int]]) -> Marks:
    lists = {"1": np.asarray(rows, np.int32), "2": np.empty((0, 100), np.int32)}
    return judge(lists, exam, samples=200, seed=0)


def test_marks_equal_those_computed_by_hand(exam: Exam) -> None:
    # 7 stands first, 9 third: NDCG 1 and 1/log2(4), reciprocal ranks 1 and 1/3.
    marks = _judged(_two_cases(exam), [[7, 1, 2], [3, 4, 9]]).by_size["1"]

    assert marks["ndcg_at_10"] == pytest.approx((1 + 1 / 2) / 2)
    assert marks["mrr"] == pytest.approx((1 + 1 / 3) / 2)
    assert (marks["recall_at_10"], marks["recall_at_20"], marks["cases"]) == (1.0, 1.0, 2)
    assert marks["coverage_at_10"] == pytest.approx(6 / exam.given.item_count)


def test_an_item_below_the_tenth_place_counts_only_where_more_places_do(exam: Exam) -> None:
    rows = [[*range(20, 35), 7], [9, *range(20, 35)]]

    marks = _judged(_two_cases(exam), rows).by_size["1"]

    assert (marks["ndcg_at_10"], marks["recall_at_10"], marks["recall_at_20"]) == (0.5, 0.5, 1.0)
    assert marks["mrr"] == pytest.approx((1 / 16 + 1) / 2)


def test_an_item_off_the_list_earns_nothing(exam: Exam) -> None:
    marks = _judged(_two_cases(exam), [[-1], [-1]]).by_size["1"]

    assert {marks[name] for name in ("ndcg_at_10", "recall_at_20", "mrr", "ndcg_at_10_high", "coverage_at_10")} == {0.0}


def test_a_size_without_cases_is_left_out_of_the_mean(exam: Exam) -> None:
    marks = _judged(_two_cases(exam), [[7], [9]])

    assert marks.by_size.keys() == {"1"}
    assert (marks.mean["ndcg_at_10"], marks.mean["ndcg_at_10_low"], marks.mean["ndcg_at_10_high"]) == (1.0, 1.0, 1.0)


def test_the_draws_are_the_same_for_all_models(exam: Exam) -> None:
    def lists_with(place: int) -> dict[str, IntArray]:
        """The hidden item at one place of every list."""
        lists = {}
        for size, targets in exam.targets.items():
            lists[size] = np.full((len(targets), place + 1), -1, np.int32)
            lists[size][:, place] = targets
        return lists

    first, second = (judge(lists_with(place), exam, samples=50, seed=0) for place in (0, 2))

    difference = first.ndcg_draws["mean"] - second.ndcg_draws["mean"]
    assert difference == pytest.approx(np.full(50, 0.5)), "what is alike in every basket is alike in every draw"


def test_a_basket_is_drawn_with_all_its_cases(exam: Exam) -> None:
    """One basket of two answers all its questions: in each draw every size earns the same."""
    targets = {size: np.asarray([7, 9], np.int32) for size in ("1", "2")}
    two = replace(exam, targets=targets, basket_of_case={size: np.arange(2) for size in targets}, basket_count=2)
    lists = {size: np.asarray([[7], [8]], np.int32) for size in targets}

    marks = judge(lists, two, samples=100, seed=0)

    assert (marks.ndcg_draws["1"] == marks.ndcg_draws["2"]).all()
    assert set(marks.ndcg_draws["1"].tolist()) == {0.0, 0.5, 1.0}
    assert marks.by_size["1"]["ndcg_at_10_low"] < 0.5 < marks.by_size["1"]["ndcg_at_10_high"]
