from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.evaluation import Evaluation
from bundle_ml.ladder import LADDER, allowed_rungs, choose_rung
from bundle_ml.metrics import Row
from bundle_ml.settings import Settings

SETTINGS = Settings()
NOISE = np.random.default_rng(0).standard_normal(1000)


def _measured(ndcg: dict[str, float], *, noise: float = 0.0, baskets: int = 500) -> Evaluation:
    """Rungs of one context size; `noise` is the spread of the difference of any two."""
    rows = [
        Row(
            model=model,
            context="1",
            ndcg_at_10=value,
            ndcg_at_10_low=0,
            ndcg_at_10_high=1,
            recall_at_10=0,
            recall_at_20=0,
            mrr=0,
            hit_rate_at_10=0,
            coverage_at_10=0,
            novelty_at_10=0,
            cases=baskets,
        )
        for model, value in ndcg.items()
    ]
    draws = {model: value + noise * number * NOISE for number, (model, value) in enumerate(ndcg.items())}
    return Evaluation(rows, [], draws, baskets)


@pytest.mark.parametrize(
    ("baskets", "highest"), [(0, "category"), (30, "co_purchase"), (300, "ease"), (30_000, "blend")]
)
def test_a_shop_climbs_with_its_orders(baskets: int, highest: str) -> None:
    assert allowed_rungs(baskets_of_several=baskets, has_categories=True, settings=SETTINGS)[-1] == highest


def test_without_categories_and_orders_there_is_popularity() -> None:
    assert allowed_rungs(baskets_of_several=0, has_categories=False, settings=SETTINGS) == ("popularity",)


def test_a_rung_is_refused_when_a_simpler_one_beats_it_outside_noise() -> None:
    measured = _measured({"co_purchase": 0.3, "ease": 0.2, "blend": 0.29, "transformer": 0.9}, noise=0.001)

    decision = choose_rung(LADDER, measured, settings=SETTINGS)

    assert decision.rung == "co_purchase"
    assert [(each.rung, each.by) for each in decision.refused] == [("blend", "co_purchase")]
    assert decision.refused[0].difference == pytest.approx(0.01)
    assert 0 < decision.refused[0].difference_low < 0.01 < decision.refused[0].difference_high
    assert decision.reason.startswith(
        "NDCG@10 0.3000 on 500 held-out baskets; refused: blend (co_purchase is better by 0.0100, 95 % +0.00"
    )


def test_within_noise_the_higher_rung_stays() -> None:
    measured = _measured({"co_purchase": 0.3, "blend": 0.29}, noise=0.02)

    decision = choose_rung(LADDER, measured, settings=SETTINGS)

    assert (decision.rung, decision.refused) == ("blend", ())


def test_the_best_of_those_that_beat_it_takes_its_place() -> None:
    measured = _measured({"popularity": 0.31, "co_purchase": 0.33, "ease": 0.32, "blend": 0.3}, noise=0.0001)

    decision = choose_rung(LADDER, measured, settings=SETTINGS)

    assert [(each.rung, each.by) for each in decision.refused] == [("blend", "co_purchase")]


def test_of_equal_rungs_the_higher_stays() -> None:
    assert choose_rung(LADDER, _measured({"ease": 0.3, "blend": 0.3}), settings=SETTINGS).rung == "blend"


def test_too_few_held_out_baskets_judge_nobody() -> None:
    measured = _measured({"popularity": 0.9, "co_purchase": 0.1}, baskets=5)

    decision = choose_rung(("popularity", "co_purchase"), measured, settings=SETTINGS)

    assert decision.rung == "co_purchase"
    assert "5 held-out baskets are too few to judge" in decision.reason
