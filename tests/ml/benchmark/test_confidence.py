"""The whole command on the planted shop, in the order of time and in a random one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main
from tests.ml.worlds import PlantedShop, write_lines

QUICK = {"transformer_min_baskets": 10**6, "threads": 1, "bootstrap_samples": 50, "ease_l2": [30.0]}


def _run(folder: Path, *, with_times: bool, count: int = 1500) -> int:
    columns = ("order_id", "item_id", *(["ordered_at"] if with_times else []))
    rows = [(line[0], line[1], line[4])[: len(columns)] for line in PlantedShop(order_count=count).lines]
    orders = write_lines(folder / "orders.csv", rows, columns)
    (folder / "config.json").write_text(json.dumps(QUICK))
    arguments = ["--orders", orders, "--config", folder / "config.json", "--json", folder / "out.json"]
    return main(["confidence", *map(str, arguments)])


@pytest.mark.parametrize("with_times", [True, False])
def test_chances_are_set_beside_what_was_bought(with_times: bool, tmp_path: Path) -> None:
    assert _run(tmp_path, with_times=with_times) == 0

    results: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
    assert results["sliced_by"] == ("time" if with_times else "random")
    found = results["calibration"]
    assert found["expected_error"] < min(0.05, found["expected_error_of_softmax"])
    assert set(found["expected_error_by_size"]) == {"1", "2", "4", "all_but_one"}
    surest = found["bins"][-1]
    assert surest["observed_low"] - 0.05 < surest["predicted"] < surest["observed_high"] + 0.05
    table = (tmp_path / "out.md").read_text()
    assert "# Confidence: orders" in table
    assert f"| 10 | {surest['promised_by_softmax']:.2%} | {surest['predicted']:.2%} | " in table


def test_too_few_orders_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, with_times=True, count=4) == 2

    assert "too few to hold some out" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
