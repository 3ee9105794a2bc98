from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks.estimators import (
    Logged,
    choose_threshold,
    doubly_robust,
    ips,
    joined,
    snips,
    switch_doubly_robust,
)
from bundle_ml.errors import DataError

REWARDS = np.array([1.0, 0.0, 1.0, 0.0])
LOGGED = np.array([0.5, 0.5, 0.25, 0.25])
TARGET = np.array([0.75, 0.25, 1.0, 0.0])  # weights 1.5, .5, 4, 0
PREDICTED = np.array([0.5, 0.5, 0.5, 0.5])
EXPECTED = np.array([0.6, 0.6, 0.4, 0.4])


def _log(**changes: object) -> Logged:
    arrays: dict[str, object] = {"rewards_N": REWARDS, "logged_N": LOGGED, "target_N": TARGET}
    return Logged(**(arrays | {"predicted_N": PREDICTED, "expected_N": EXPECTED} | changes))  # type: ignore[arg-type]


def test_each_estimate_is_what_a_pencil_says() -> None:
    log = _log()

    assert ips(log).mean == pytest.approx((1.5 + 4) / 4)
    assert snips(log).mean == pytest.approx((1.5 + 4) / 6)
    assert doubly_robust(log).mean == pytest.approx((0.6 + 0.75 + 0.6 - 0.25 + 0.4 + 2 + 0.4) / 4)
    assert switch_doubly_robust(log, threshold=2).mean == pytest.approx((0.6 + 0.75 + 0.6 - 0.25 + 0.4 + 0.4) / 4)
    assert switch_doubly_robust(log, threshold=0).mean == pytest.approx(EXPECTED.mean())
    assert ips(log).effective_count == pytest.approx(6**2 / (1.5**2 + 0.5**2 + 4**2))
    assert ips(log).largest_weight == 4


def test_the_standard_error_is_that_of_a_mean() -> None:
    contributions = np.array([1.5, 0, 4, 0])

    estimate = ips(_log())

    assert estimate.standard_error == pytest.approx(contributions.std(ddof=1) / 2)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.959964 * estimate.standard_error)


def test_rows_of_one_page_err_together() -> None:
    twice = {
        name: np.repeat(each, 2)
        for name, each in {"rewards_N": REWARDS, "logged_N": LOGGED, "target_N": TARGET}.items()
    }

    once = ips(Logged(REWARDS, LOGGED, TARGET))
    on_pages = ips(Logged(**twice, units_N=np.repeat(np.arange(4), 2)))

    assert on_pages.standard_error == pytest.approx(once.standard_error)
    assert ips(Logged(REWARDS[:1], LOGGED[:1], TARGET[:1])).standard_error == float("inf")


def test_a_policy_that_is_the_logging_one_is_worth_the_mean_reward() -> None:
    log = Logged(REWARDS, LOGGED, LOGGED)

    assert ips(log).mean == snips(log).mean == 0.5
    assert ips(log).effective_count == 4


def test_a_difference_is_of_the_same_rows() -> None:
    one, other = ips(_log()), ips(_log(target_N=LOGGED))

    lead = one.minus(other)

    assert lead.mean == pytest.approx(one.mean - other.mean)
    assert lead.standard_error == pytest.approx(np.array([0.5, 0, 3, 0]).std(ddof=1) / 2)
    with pytest.raises(DataError, match="The estimates are of 4 and 1 rows; expected the same rows of one log"):
        one.minus(ips(Logged(REWARDS[:1], LOGGED[:1], TARGET[:1])))


def test_estimates_come_near_the_truth_of_a_world_made_for_it() -> None:
    """Two actions that pay .1 and .5; the log shows the second one time in five, the target always."""
    random = np.random.default_rng(0)
    is_second = random.random(40_000) < 0.2
    rewards = (random.random(40_000) < np.where(is_second, 0.5, 0.1)).astype(float)
    model = {"predicted_N": np.where(is_second, 0.6, 0.1), "expected_N": np.full(40_000, 0.6)}

    log = Logged(rewards, np.where(is_second, 0.2, 0.8), is_second.astype(float), **model)

    for estimate in (ips(log), snips(log), doubly_robust(log), switch_doubly_robust(log, threshold=10)):
        assert estimate.low < 0.5 < estimate.high
    assert snips(log).standard_error < ips(log).standard_error
    assert switch_doubly_robust(log, threshold=1).mean == pytest.approx(0.6), "the model's word, wrong as it is"


def test_the_threshold_cuts_only_where_it_costs_little() -> None:
    even = _log(logged_N=np.full(4, 0.5), target_N=np.full(4, 0.5))
    rare = Logged(
        np.repeat([0.0, 1.0], [4999, 1]),
        np.repeat([0.9, 0.001], [4999, 1]),
        np.repeat([0.9, 0.5], [4999, 1]),
        np.full(5000, 0.01),
        np.full(5000, 0.01),
    )

    assert choose_threshold(even) == 1
    assert choose_threshold(rare) < 500


def test_logs_are_joined_without_mixing_their_units() -> None:
    log = _log(units_N=np.array([0, 0, 1, 1]))

    both = joined([log, log])

    assert both.units_N is not None
    assert both.units_N.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert doubly_robust(both).mean == doubly_robust(log).mean


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards_N": np.empty(0)}, "The log has no row; expected at least one impression"),
        ({"target_N": np.ones(3)}, r"target_N has the shape \(3,\); expected \(4,\), a number for every reward"),
        ({"logged_N": np.array([0.5, 0.5, 0.0, 0.5])}, "logged_N is 0.0 in row 2; expected a propensity above 0"),
        ({"logged_N": np.array([0.5, 1.5, 0.1, 0.5])}, "logged_N is 1.5 in row 1; expected a propensity above 0"),
        ({"target_N": np.array([0.5, -0.5, 0.1, 0.5])}, "target_N is -0.5 in row 1; expected a propensity 0 to 1"),
        ({"rewards_N": np.array([0.5, np.nan, 0.1, 0.5])}, "rewards_N is nan in row 1; expected a finite number"),
        ({"expected_N": None}, "Found one of predicted_N and expected_N; expected both"),
    ],
)
def test_what_is_no_log_says_why(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _log(**changes)


def test_what_an_estimator_cannot_do_says_why() -> None:
    plain = Logged(REWARDS, LOGGED, TARGET)

    with pytest.raises(DataError, match="The log has no predictions; expected predicted_N and expected_N"):
        doubly_robust(plain)
    with pytest.raises(DataError, match="The policy would have shown nothing that was logged: all weights are 0"):
        snips(Logged(REWARDS, LOGGED, np.zeros(4)))
    with pytest.raises(DataError, match="The threshold is nan; expected 0"):
        switch_doubly_robust(_log(), threshold=float("nan"))
