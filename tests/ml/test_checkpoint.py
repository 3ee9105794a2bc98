from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bundle_ml import checkpoint


def _learner(seed: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def _step(model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()


def _save(directory: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
    progress = checkpoint.Progress(epoch=2, step=5, loss_sum=1.25, best_ndcg=0.5, history=[{"epoch": 1}])
    best = {"weight": torch.zeros(2, 3)}
    checkpoint.save(directory, belongs_to="me", progress=progress, model=model, optimiser=optimiser, best=best)


def test_going_on_from_a_checkpoint_is_going_on(tmp_path: Path) -> None:
    model, optimiser = _learner(0)
    _step(model, optimiser)
    _save(tmp_path, model, optimiser)
    other, other_optimiser = _learner(1)

    found = checkpoint.load(tmp_path, belongs_to="me", model=other, optimiser=other_optimiser)
    _step(model, optimiser)
    _step(other, other_optimiser)

    assert found is not None
    progress, best = found
    assert (progress.epoch, progress.step, progress.history) == (2, 5, [{"epoch": 1}])
    assert torch.equal(best["weight"], torch.zeros(2, 3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_checkpoint_of_another_run_is_not_used(tmp_path: Path) -> None:
    model, optimiser = _learner(0)
    _save(tmp_path, model, optimiser)

    assert checkpoint.load(tmp_path, belongs_to="you", model=model, optimiser=optimiser) is None


@pytest.mark.parametrize("length", [0, 4, 40, 200])
def test_a_torn_checkpoint_is_not_used(tmp_path: Path, length: int) -> None:
    model, optimiser = _learner(0)
    _step(model, optimiser)
    _save(tmp_path, model, optimiser)
    file = tmp_path / checkpoint.FILE
    file.write_bytes(file.read_bytes()[:length])

    assert checkpoint.load(tmp_path, belongs_to="me", model=model, optimiser=optimiser) is None


def test_without_a_checkpoint_there_is_nothing_to_load(tmp_path: Path) -> None:
    model, optimiser = _learner(0)

    assert checkpoint.load(tmp_path, belongs_to="me", model=model, optimiser=optimiser) is None
