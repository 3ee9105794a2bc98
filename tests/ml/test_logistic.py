from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.logistic import fit_logistic


def test_the_weights_that_made_the_data_are_found_again() -> None:
    random = np.random.default_rng(0)
    features_NF = random.standard_normal((20_000, 2))
    is_true_N = random.random(20_000) < 1 / (1 + np.exp(-(2 * features_NF[:, 0] - features_NF[:, 1])))

    model = fit_logistic(features_NF, is_true_N)

    assert model.weights_F.tolist() == pytest.approx([2, -1], abs=0.1)
    assert model.intercept == pytest.approx(0, abs=0.1)


def test_both_outcomes_weigh_the_same_however_rare_one_is() -> None:
    features_NF = np.zeros((1000, 1))

    model = fit_logistic(features_NF, np.arange(1000) < 10)

    assert model.probabilities(features_NF[:1]).tolist() == pytest.approx([0.5], abs=1e-3)


def test_what_can_be_told_apart_without_error_leaves_weights_finite() -> None:
    model = fit_logistic(np.asarray([[0.0], [1.0]] * 100), np.asarray([False, True] * 100))

    assert np.isfinite(model.weights_F).all()
    assert model.probabilities(np.asarray([[0.0], [1.0]])).round().tolist() == [0.0, 1.0]


def test_one_case_alone_has_the_probability_that_it_has_among_others() -> None:
    model = fit_logistic(np.asarray([[0.0, 1.0], [1.0, 0.5]] * 50), np.asarray([False, True] * 50))
    cases_NF = np.asarray([[0.2, 0.9], [500.0, 0.0], [-1e6, 3.0]])

    alone = [model.probability(case) for case in cases_NF.tolist()]

    assert alone == pytest.approx(model.probabilities(cases_NF).tolist())
