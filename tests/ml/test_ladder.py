from __future__ import annotations

import pytest

from bundle_ml.ladder import LADDER, allowed_rungs, choose_rung
from bundle_ml.metrics import Row
from bundle_ml.settings import Settings

SETTINGS = Settings()


def _row(model: str, ndcg: float, cases: int = 500, context: str = "1") -> Row:
    return Row(
        model=model,
        context=context,
        ndcg_at_10=ndcg,
        ndcg_at_10_low=0,
        ndcg_at_10_high=1,
        recall_at_10=0,
        recall_at_20=0,
        mrr=0,
        hit_rate_at_10=0,
        coverage_at_10=0,
        cases=cases,
    )


@pytest.mark.parametrize(
    ("baskets", "highest"), [(0, "category"), (30, "co_purchase"), (300, "ease"), (30_000, "blend")]
)
def test_a_shop_climbs_with_its_orders(baskets: int, highest: str) -> None:
    assert allowed_rungs(baskets_of_several=baskets, has_categories=True, settings=SETTINGS)[-1] == highest


def test_without_categories_and_orders_there_is_popularity() -> None:
    assert allowed_rungs(baskets_of_several=0, has_categories=False, settings=SETTINGS) == ("popularity",)


def test_a_rung_is_refused_when_a_simpler_one_beats_it() -> None:
    rows = [_row("co_purchase", 0.3), _row("ease", 0.2), _row("blend", 0.29), _row("transformer", 0.9)]

    decision = choose_rung(LADDER, rows, settings=SETTINGS)

    assert decision.rung == "co_purchase"
    assert decision.reason == "NDCG@10 0.3000 on 500 held-out baskets; refused: ease, blend"


def test_the_best_rung_is_taken_by_its_average_over_context_sizes() -> None:
    rows = [_row("ease", 0.3), _row("ease", 0.1, context="2"), _row("blend", 0.25), _row("blend", 0.2, context="2")]

    assert choose_rung(LADDER, rows, settings=SETTINGS).rung == "blend"


def test_of_equal_rungs_the_simpler_is_taken() -> None:
    assert choose_rung(LADDER, [_row("ease", 0.3), _row("blend", 0.3)], settings=SETTINGS).rung == "ease"


def test_too_few_held_out_baskets_judge_nobody() -> None:
    rows = [_row("popularity", 0.9, cases=5), _row("co_purchase", 0.1, cases=5)]

    decision = choose_rung(("popularity", "co_purchase"), rows, settings=SETTINGS)

    assert decision.rung == "co_purchase"
    assert "5 held-out baskets are too few to judge" in decision.reason
