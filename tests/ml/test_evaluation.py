from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.evaluation import evaluate_rungs
from bundle_ml.rungs import Rung, fit_co_purchase, fit_popularity
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[0, 1], [2, 3], [4, 5], [6, 7]] * 20, item_count=30)


def test_the_truth_earns_everything_and_batches_do_not_matter() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=300)
    rungs: dict[str, Rung] = {
        "popularity": fit_popularity(BASKETS, half_life_days=1000),
        "co_purchase": fit_co_purchase(BASKETS, exponent=0.7, neighbour_count=5),
    }

    evaluation = evaluate_rungs(rungs, cases, order_counts_V=BASKETS.order_counts(), samples=10, seed=0)

    found = {(row.model, row.context): row for row in evaluation.rows}
    assert set(found) == {(model, context) for model in rungs for context in ("1", "all_but_one")}
    best = found["co_purchase", "1"]
    assert (best.ndcg_at_10, best.recall_at_10, best.mrr, best.hit_rate_at_10) == (1.0, 1.0, 1.0, 1.0)
    assert best.ndcg_at_10_low == best.ndcg_at_10_high == 1.0
    assert found["popularity", "1"].ndcg_at_10 < 0.7
    assert evaluation.mean_ndcg()["co_purchase"] == 1.0
    assert evaluation.draws["co_purchase"].tolist() == [1.0] * 10
    assert {row.ndcg_at_10 for row in evaluation.segments if row.model == "co_purchase"} == {1.0}


class LovesWhatIsThere(Rung):
    """A rung that would offer again what is in the basket already, and then the right item."""

    item_count = 30

    def scores(self, contexts: Contexts) -> FloatArray:
        scores_BV = np.zeros((len(contexts), 30), np.float32)
        for row in range(len(contexts)):
            scores_BV[row, contexts[row]] = 2.0
            scores_BV[row, contexts[row] ^ 1] = 1.0  # the partner of item 2k is item 2k + 1
        return scores_BV


def test_what_is_in_the_basket_is_not_offered_again() -> None:
    cases = cases_by_context_size(BASKETS, seed=0, limit=300)

    evaluation = evaluate_rungs(
        {"greedy": LovesWhatIsThere()}, cases, order_counts_V=BASKETS.order_counts(), samples=10, seed=0
    )

    assert {row.ndcg_at_10 for row in evaluation.rows} == {1.0}


def test_the_cases_of_the_segments_add_up() -> None:
    varied = baskets_of([[0, 1], [2, 3, 4], [4, 5, 6, 7, 8, 9], [6, 7]] * 20, item_count=30)
    cases = cases_by_context_size(varied, seed=0, limit=300)

    evaluation = evaluate_rungs(
        {"popularity": fit_popularity(varied, half_life_days=1000)},
        cases,
        order_counts_V=varied.order_counts(),
        samples=10,
        seed=0,
    )

    for row in evaluation.rows:
        parts = {each.segment: each for each in evaluation.segments if each.context == row.context}
        for one, other in (("common_items", "rare_items"), ("small_baskets", "large_baskets")):
            kinds = [parts[name] for name in (one, other) if name in parts]
            assert sum(each.cases for each in kinds) == row.cases
            whole = sum(each.ndcg_at_10 * each.cases for each in kinds) / row.cases
            assert whole == pytest.approx(row.ndcg_at_10)
