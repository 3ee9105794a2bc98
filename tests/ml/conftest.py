"""One small shop, trained once for all tests that only look at the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from bundle_ml.artefact import Candidate, Manifest, iter_candidates
from bundle_ml.pipeline import train
from bundle_ml.settings import Settings
from tests.ml.worlds import PlantedShop

torch.set_num_threads(1)  # networks this small gain nothing from more, and lose much on a busy machine

QUICK = Settings(
    training_teraflops=0.02,
    width=32,
    epochs=3,
    threads=1,
    transformer_min_baskets=500,
    bootstrap_samples=100,
    checkpoint_seconds=0.0,
)


@dataclass(frozen=True, slots=True)
class TrainedShop:
    shop: PlantedShop
    lines: Path
    items: Path
    artefact: Path
    manifest: Manifest

    def candidates(self) -> list[Candidate]:
        """Those of an anchor, and of the whole shop."""
        return [each for each in iter_candidates(self.artefact) if not each.evidence.context]

    def for_contexts(self) -> list[Candidate]:
        return [each for each in iter_candidates(self.artefact) if each.evidence.context]


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> TrainedShop:
    directory = tmp_path_factory.mktemp("planted_shop")
    shop = PlantedShop()
    lines, items = shop.write(directory)
    manifest = train(lines, items, directory / "artefact", settings=QUICK)
    return TrainedShop(shop, lines, items, directory / "artefact", manifest)
