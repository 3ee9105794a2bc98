from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.rungs import fit_popularity
from bundle_ml.settings import Settings
from bundle_ml.training import Trained, fit_transformer, warmed_up
from tests.ml.worlds import baskets_of

SETTINGS = Settings(width=16, epochs=3, context_length=4, batch_baskets=8, threads=1, checkpoint_seconds=0.0)
RANDOM = np.random.default_rng(0)
BASKETS = baskets_of(
    [RANDOM.choice(np.arange(number % 2, 20, 2), 4, replace=False).tolist() for number in range(120)], item_count=21
)
"""Even items are bought with even ones, odd with odd; item 20 never."""
POPULARITY = fit_popularity(BASKETS, half_life_days=1000)
VALIDATION = cases_by_context_size(BASKETS.between(100, 120), seed=0, limit=20)


class PowerCut(Exception):
    """Stands for the end of the process."""


def _fit(work: Path | None = None, *, settings: Settings = SETTINGS, steps_until_power_cut: int = -1) -> Trained:
    steps = 0

    def on_step(_done: float, _epoch: int, _loss: float, _ndcg: float | None) -> None:
        nonlocal steps
        steps += 1
        if steps == steps_until_power_cut:
            raise PowerCut

    return fit_transformer(BASKETS, VALIDATION, POPULARITY, settings, work=work, on_step=on_step)


def _weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.rung.model.state_dict()


def _equal(one: Trained, other: Trained) -> bool:
    return all(torch.equal(value, _weights(other)[name]) for name, value in _weights(one).items())


def test_it_learns_which_items_keep_company() -> None:
    contexts = Contexts.of([[0], [1], [4, 8]])

    scores = contexts.exclude_from(_fit().rung.scores(contexts))

    for row, parity in enumerate((0, 1, 0)):
        right = scores[row, parity:20:2]
        assert right[np.isfinite(right)].min() > scores[row, 1 - parity : 20 : 2].max()


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    assert _equal(_fit(), _fit())
    assert not _equal(_fit(), _fit(settings=replace(SETTINGS, seed=1)))


@pytest.mark.parametrize("steps", [1, 2, 14, 17, 29, 42])
def test_a_run_that_was_cut_short_ends_with_the_weights_of_one_that_was_not(tmp_path: Path, steps: int) -> None:
    whole = _fit()
    with pytest.raises(PowerCut):
        _fit(tmp_path, steps_until_power_cut=steps)

    resumed = _fit(tmp_path)

    assert _equal(whole, resumed)
    assert whole.history == resumed.history


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    _fit(tmp_path)

    _fit(tmp_path, steps_until_power_cut=1)  # would raise at the first step


def test_a_checkpoint_judged_by_other_held_out_baskets_is_ignored(tmp_path: Path) -> None:
    _fit(tmp_path)
    others = cases_by_context_size(BASKETS.between(99, 119), seed=0, limit=20)
    fresh = fit_transformer(BASKETS, others, POPULARITY, SETTINGS)

    judged_anew = fit_transformer(BASKETS, others, POPULARITY, SETTINGS, work=tmp_path)

    assert judged_anew.history == fresh.history
    assert _equal(judged_anew, fresh)


def test_a_checkpoint_of_other_settings_is_ignored(tmp_path: Path) -> None:
    _fit(tmp_path, settings=replace(SETTINGS, learning_rate=0.1))

    assert _equal(_fit(), _fit(tmp_path))


def test_training_stops_when_the_held_out_slice_no_longer_improves_and_keeps_the_best_epoch() -> None:
    eager = replace(SETTINGS, epochs=30, patience_epochs=1, cool_down_ratio=0.0)

    history = _fit(settings=eager).history

    measured = [entry["validation_ndcg"] for entry in history]
    assert len(history) < 30
    assert max(measured) == measured[-2]


def test_what_was_stopped_early_cools_down_from_its_best_epoch_on() -> None:
    stopped = _fit(settings=replace(SETTINGS, epochs=30, patience_epochs=1, cool_down_ratio=0.0)).history
    cooled = _fit(settings=replace(SETTINGS, epochs=30, patience_epochs=1, cool_down_ratio=2.0)).history

    best_epoch = max(stopped, key=lambda entry: entry["validation_ndcg"])["epoch"]
    assert cooled[: len(stopped)] == stopped
    assert len(cooled) == len(stopped) + 2 * best_epoch
    assert cooled[-1]["loss"] < stopped[-1]["loss"]


def test_a_run_that_was_cut_short_while_it_cooled_down_ends_with_the_same_weights(tmp_path: Path) -> None:
    eager = replace(SETTINGS, epochs=30, patience_epochs=1, cool_down_ratio=2.0)
    whole = _fit(settings=eager)
    steps_per_epoch = 15
    with pytest.raises(PowerCut):
        _fit(tmp_path, settings=eager, steps_until_power_cut=(len(whole.history) - 1) * steps_per_epoch + 3)

    resumed = _fit(tmp_path, settings=eager)

    assert _equal(whole, resumed)
    assert whole.history == resumed.history


def test_with_a_draw_of_competitors_it_learns_the_same_company_and_is_as_repeatable() -> None:
    sampled = replace(SETTINGS, full_softmax_max_items=5, drawn_competitors=6)
    contexts = Contexts.of([[0], [1], [4, 8]])

    trained = _fit(settings=sampled)

    scores = contexts.exclude_from(trained.rung.scores(contexts))
    for row, parity in enumerate((0, 1, 0)):
        right = scores[row, parity:20:2]
        assert right[np.isfinite(right)].min() > scores[row, 1 - parity : 20 : 2].max()
    assert _equal(trained, _fit(settings=sampled))
    assert not _equal(trained, _fit())


def test_the_rate_rises_shortly_and_falls_to_nothing() -> None:
    rates = [warmed_up(share) for share in (0.0, 0.02, 0.05, 0.5, 1.0)]

    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4] == 0.0
