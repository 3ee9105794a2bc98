"""Two real processes, joined by gloo as torchrun joins them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundle_ml import parallel
from bundle_ml.artefact import read_manifest
from tests.ml.conftest import QUICK, TrainedShop

SETTINGS = replace(QUICK, epochs=2, dropout=0.0)


def _train(shop: TrainedShop, directory: Path, *, processes: int) -> list[dict[str, float]]:
    directory.mkdir()
    config = directory / "config.json"
    config.write_text(json.dumps(SETTINGS.to_json()))
    begin = [sys.executable, "-m"]
    if processes > 1:
        begin += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    files = ["--lines", shop.lines, "--items", shop.items, "--out", directory / "artefact", "--config", config]
    files += ["--work", directory / "work", "--progress", "none"]
    done = subprocess.run(
        [*begin, "bundle_ml", "train", *map(str, files)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]
    return read_manifest(directory / "artefact").history


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="gloo over the loopback device, as torchrun sets it up"
)
def test_two_processes_give_the_loss_curve_of_one(trained_shop: TrainedShop, tmp_path: Path) -> None:
    alone = _train(trained_shop, tmp_path / "alone", processes=1)
    together = _train(trained_shop, tmp_path / "together", processes=2)

    assert len(alone) == len(together) == 2
    np.testing.assert_allclose([each["loss"] for each in together], [each["loss"] for each in alone], rtol=1e-3)
    np.testing.assert_allclose(
        [each["validation_ndcg"] for each in together], [each["validation_ndcg"] for each in alone], atol=0.01
    )


def test_one_process_has_all_rows_and_agrees_with_itself() -> None:
    assert (parallel.rank(), parallel.process_count(), parallel.is_assistant()) == (0, 1, False)
    assert (parallel.total(2.5), parallel.agreed(1.5)) == (2.5, 1.5)
    with parallel.joined():
        assert parallel.process_count() == 1
