"""What a bundle is worth on a page is what the night that judges it says."""

from __future__ import annotations

import numpy as np
import pytest

from bundle_app.policy.worth import by_order, by_policy, features
from bundle_ml.clicks.bandit import Beliefs
from bundle_ml.clicks.nightly import Arms, Policy, order_values

BELIEFS = Beliefs(weights=(0.7, -0.3), intercept=-2.5, place_bias=(1.0,), arm_strength=20.0)


def test_a_page_and_the_night_agree_on_a_policy() -> None:
    scores, ranks, qualities, evidence = [0.9, 0.5, 0.001], [1, 2, 3], [1.4, 0.6, 1.0], [80.0, 25.0, 20.0]
    arms = Arms(np.zeros(3, np.int64), np.asarray([features(*each) for each in zip(scores, ranks, strict=True)]))
    values = Policy(BELIEFS, np.asarray(qualities), np.asarray(evidence)).values(arms)

    for number in range(3):
        worth = by_policy(
            BELIEFS.to_json(),
            score=scores[number],
            rank=ranks[number],
            quality=qualities[number],
            evidence=evidence[number],
        )
        assert worth.mean == pytest.approx(values.mean_RH[number, 0])
        assert worth.deviation == pytest.approx(values.deviation_RH[number, 0])


def test_a_bundle_that_was_never_shown_is_worth_what_its_score_promises() -> None:
    known = by_policy(BELIEFS.to_json(), score=0.5, rank=2, quality=1.0, evidence=20.0)

    assert by_policy(BELIEFS.to_json(), score=0.5, rank=2, quality=None, evidence=None) == known


def test_a_page_and_the_night_agree_on_the_models_order() -> None:
    assert [worth.mean for worth in by_order(6)] == pytest.approx(order_values(6).mean_RH[:, 0].tolist())
