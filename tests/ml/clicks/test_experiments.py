"""On simulated shops whose truth is known: what is learned is better, estimates hold, and bots gain little."""

from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks import experiments, trial
from bundle_ml.clicks.bandit import BanditSettings
from bundle_ml.clicks.experiments import Cells, Policy, Sizes, log_of, true_clicks, worth
from bundle_ml.clicks.trial import Learner, Oracle, Static, play
from bundle_ml.clicks.truth import Numbers, Pages
from bundle_ml.clicks.visits import Visits

SIZES = Sizes(
    impressions=20_000,
    days=10,
    replications=60,
    replication_pages=4000,
    truth_pages=100_000,
    ranked_policies=8,
    ranking_pages=100_000,
)


def _quietly(_message: str) -> None: ...


@pytest.fixture(scope="module")
def visits() -> Visits:
    return Visits.generate(0, anchor_count=6, shopper_count=2000)


@pytest.fixture(scope="module")
def learner(visits: Visits) -> Learner:
    world = visits.anew()
    learner = Learner(world, BanditSettings())
    play(world, learner, page_count=8000, day_count=10, seed=0)
    return learner


def test_what_is_learned_is_better_than_what_was_known_and_no_better_than_the_truth(visits: Visits) -> None:
    found = {}
    for policy in (Static, Oracle):
        world = visits.anew()
        found[policy.__name__] = play(world, policy(world), page_count=8000, day_count=10, seed=0).worth(slice(5, None))
    world = visits.anew()
    played = play(world, Learner(world, BanditSettings()), page_count=8000, day_count=10, seed=0)

    assert 1.1 * found["Static"] < played.best_worth(slice(5, None)) < 1.02 * found["Oracle"]
    assert 0 < played.exploration_cost_ratio < 0.05


def test_the_propensities_of_a_log_are_those_of_the_pages_it_filled(visits: Visits, learner: Learner) -> None:
    policy = Policy(learner.values, learner.beliefs, learner.settings)
    pages = visits.anew().draw(30_000, day=0, random=np.random.default_rng(0))

    (log,) = log_of(visits.anew(), pages, policy, [policy], np.random.default_rng(1))

    assert log.weights_N == pytest.approx(np.ones(90_000))
    assert (1 / log.logged_N).mean() > 3, "rare columns are shown, and rarely"


def test_intervals_hold_the_truth_of_the_simulator_about_as_often_as_they_say(visits: Visits) -> None:
    found = experiments.coverage(visits, seed=1, sizes=SIZES, tell=_quietly)

    for name in ("ips", "snips", "dr"):
        assert found[name]["coverage"] >= 0.85
        assert found[name]["bias_ratio"] == pytest.approx(0, abs=3 * found[name]["rmse_ratio"] / 60**0.5)


def test_estimates_rank_policies_as_the_truth_does() -> None:
    larger = Visits.generate(1, anchor_count=40, shopper_count=2000)

    found = experiments.rank_correlation(larger, seed=1, sizes=SIZES, tell=_quietly)

    assert found["snips"] > 0.8


def test_bots_lift_their_target_less_than_without_a_defence(visits: Visits) -> None:
    found = experiments.fraud(visits, seed=2, sizes=SIZES, tell=_quietly)

    assert found["undefended_points_at_5%"] > 20
    assert found["defended_points_at_5%"] < found["undefended_points_at_5%"] / 3


def test_a_policy_s_worth_is_what_its_pages_are_clicked(visits: Visits, learner: Learner) -> None:
    world, cells = visits.anew(), Cells.of(visits)
    policy = Policy(learner.values, learner.beliefs, learner.settings).ordered_by(learner.values.mean_RH)
    table_XCK = true_clicks(world, cells, page_count=50_000, random=np.random.default_rng(0))

    class Frozen:
        def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
            columns_NK = cells.plan(policy).best_NK[cells.cell_of(pages, world)]
            return columns_NK, columns_NK

        def learn(self, *_: object) -> None: ...

    played = trial.play(world, Frozen(), page_count=20_000, day_count=1, seed=0)

    # People alone are judged in a trial; the few bots, which click what they came for, are in the table.
    assert worth(table_XCK, cells, policy) * 3 == pytest.approx(played.worth(), rel=0.05)
