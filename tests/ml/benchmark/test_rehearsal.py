from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bundle_ml.__main__ import main
from bundle_ml.benchmark.sizes import generate

QUICK = {
    "transformer_min_baskets": 10**9, "ease_l2": [30.0], "ease_half_life_days": [365.0], "bootstrap_samples": 50,
    "threads": 1,
}  # fmt: skip


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    return generate(tmp_path / "orders.parquet", lines=20_000, items=200)


def _rehearse(orders: Path, folder: Path, *options: str) -> int:
    config = folder / "quick.json"
    config.write_text(json.dumps(QUICK))
    given = ["--orders", str(orders), "--config", str(config), "--json", str(folder / "out.json"), "--seeds", "1"]
    return main(["rehearse", *given, *options])


def test_what_clicks_would_teach_is_told_for_each_number_of_showings(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _rehearse(orders, tmp_path, "--anchors", "150", "--showings", "3000,2000000", "--exploration-ratio", "0.5") == 0
    )

    little, much, nothing = json.loads((tmp_path / "out.json").read_text())
    assert (little["code"] == "better", little["clicks_ratio"], little["new_ratio"]) == (False, 1.0, 0.0)
    assert (much["code"], much["has_appeal"]) == ("better", True)
    assert min(much["clicks_ratio"], much["hidden_clicks_ratio"]) > 1
    assert much["new_ratio"] > 0
    assert (nothing["code"] == "better", nothing["has_appeal"]) == (False, False)
    told = capsys.readouterr().out
    assert told == (tmp_path / "out.md").read_text()
    assert len(told.splitlines()) == 5


def test_orders_of_which_little_can_be_composed_say_so(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _rehearse(orders, tmp_path, "--anchors", "5") == 2

    assert "items with two bundles or more; expected at least 20. Give more orders." in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
