from __future__ import annotations

import itertools
import json
import xml.dom.minidom
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.sizes import generate, windows_of, write_window
from bundle_ml.lines import read_baskets
from tests.ml.worlds import baskets_of

BASKETS = baskets_of([[number % 7, 7 + number % 5, 12] for number in range(100)], item_count=13)


def test_windows_are_as_long_as_asked_spread_in_time_and_do_not_overlap() -> None:
    windows = list(windows_of(BASKETS, 60, count=4))

    assert [len(window.items) for window in windows] == [60] * 4
    assert windows[0].ordered_at[0] == BASKETS.ordered_at[0]
    assert windows[-1].ordered_at[-1] == BASKETS.ordered_at[-1]
    for earlier, later in itertools.pairwise(windows):
        assert earlier.ordered_at[-1] < later.ordered_at[0]


def test_there_are_as_many_windows_as_there_is_room_for_and_the_only_one_is_the_latest() -> None:
    assert len(list(windows_of(BASKETS, 150, count=9))) == 2
    assert list(windows_of(BASKETS, 301, count=9)) == []
    [only] = windows_of(BASKETS, 200, count=1)
    assert only.ordered_at[-1] == BASKETS.ordered_at[-1]


def test_a_window_is_read_back_as_it_was(tmp_path: Path) -> None:
    baskets, report = read_baskets(write_window(BASKETS, tmp_path / "window.parquet"))

    assert report.lines_kept == report.lines_read == 300
    assert baskets.ordered_at.tolist() == BASKETS.ordered_at.tolist()
    for row in range(100):
        assert [baskets.keys[item] for item in baskets[row]] == [BASKETS.keys[item] for item in BASKETS[row]]


def test_generated_orders_hold_needs(tmp_path: Path) -> None:
    path = generate(tmp_path / "lines.parquet", lines=40_000, items=500)

    table = pyarrow.parquet.read_table(path)
    assert len(table) == pytest.approx(40_000, rel=0.05)
    baskets, _ = read_baskets(path)
    assert baskets.item_count > 400
    need = np.asarray([int(key) // 25 for key in baskets.keys])
    shares = [np.bincount(need[baskets[row]]).max() / len(baskets[row]) for row in range(200) if len(baskets[row]) > 5]
    assert np.mean(shares) > 0.45
    again = generate(tmp_path / "again.parquet", lines=40_000, items=500)
    assert pyarrow.parquet.read_table(again).equals(table)


def test_every_size_gets_a_row_with_every_rung_and_pictures(tmp_path: Path) -> None:
    config, results = tmp_path / "config.json", tmp_path / "sizes.json"
    config.write_text(json.dumps({"width": 32, "epochs": 1, "threads": 1, "bootstrap_samples": 20}))

    code = main(
        ["sizes", "--generate-items", "60", "--lines", "20,4_000", "--config", str(config), "--json", str(results)]
    )

    assert code == 0
    rows = json.loads(results.read_text())["rows"]
    assert [row["lines"] for row in rows] == [20, 4000]
    assert set(rows[1]["ndcg_at_10"]) == {"popularity", "co_purchase", "ease", "blend"}
    assert rows[1]["peak_memory_bytes"] > 0
    assert "train" in rows[1]["seconds"]
    for picture in ("sizes_ndcg.svg", "sizes_costs.svg"):
        xml.dom.minidom.parse(str(tmp_path / picture))
    assert "| 4,000 | 1 |" in results.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--generate-items", "60", "--lines", "many"], "expected whole numbers above 0"),
        (["--generate-items", "60", "--lines", "0"], "expected whole numbers above 0"),
        (["--generate-items", "10", "--lines", "100"], "expected at least 50"),
        (["--orders", "nowhere.csv", "--lines", "100"], "Found no file"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sizes", *arguments, "--json", str(tmp_path / "sizes.json")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "sizes.json").exists()
