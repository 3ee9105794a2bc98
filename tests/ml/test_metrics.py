"""The formulas themselves are doctests of `bundle_ml.metrics`; here they are computed a second time, by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bundle_ml.cases import Contexts
from bundle_ml.metrics import ndcg, novelty, ranks_of_targets, summarise, top_items


def test_ranks_agree_with_sorting() -> None:
    scores = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32)
    targets = np.arange(20, dtype=np.int32)

    ranks = ranks_of_targets(scores, targets)

    for row, target in enumerate(targets.tolist()):
        assert sorted(range(30), key=lambda item: -scores[row, item]).index(target) == ranks[row]
    assert (top_items(scores, 30)[np.arange(20), ranks] == targets).all()


def test_a_target_whose_score_is_no_number_comes_last() -> None:
    scores = np.array([[np.nan, 0.2, 0.1], [0.3, 0.2, 0.1]], np.float32)

    assert ranks_of_targets(scores, np.array([0, 0], np.int32)).tolist() == [2, 0]


def test_ndcg_agrees_with_its_definition() -> None:
    for rank in range(12):
        assert ndcg(np.asarray([rank]), 10)[0] == pytest.approx(1 / math.log2(rank + 2) if rank < 10 else 0)


def test_a_model_that_scores_everything_alike_earns_nothing() -> None:
    assert ndcg(ranks_of_targets(np.zeros((1, 50), np.float32), np.asarray([3], np.int32)), 10).tolist() == [0.0]


def test_a_row_of_the_table_holds_the_means() -> None:
    row = summarise(
        np.asarray([0, 14]),
        np.asarray([[3, 4], [3, 5]], np.int32),
        Contexts.of([[3], [5, 6]]),
        model="blend",
        context="1",
        order_counts_V=np.asarray([6, 0, 0, 1, 1, 1, 1, 0, 0, 0]),
        ndcg_interval=(0.1, 0.9),
    )

    assert (row.ndcg_at_10, row.recall_at_10, row.recall_at_20, row.hit_rate_at_10) == (0.5, 0.5, 1.0, 1.0)
    assert row.mrr == pytest.approx((1 + 1 / 15) / 2)
    assert row.coverage_at_10 == 0.3
    assert (row.ndcg_at_10_low, row.ndcg_at_10_high) == (0.1, 0.9)
    assert row.cases == 2


def test_what_sells_less_is_more_novel_and_what_never_sold_counts_as_one_order() -> None:
    counts = np.asarray([100, 10, 0, 1])

    known, rare, never, once = (novelty(np.asarray([[item]], np.int32), counts) for item in range(4))

    assert known < rare < never == once
    assert novelty(np.empty((0, 10), np.int32), counts) == 0.0
