"""The whole command on the clubs, with real processes; the peers here need no more than numpy and scipy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.for_users.command import PEERS
from bundle_ml.benchmark.peers import PYTHON, find_peers

pytestmark = pytest.mark.process

NAMES = "popularity,item_knn,ease,ease_items"


def _run(
    data_folder: Path, work: Path, dataset: str, *, peers: str, python: Path = PYTHON, more: tuple[str, ...] = ()
) -> dict[str, Any]:
    arguments = [*more, "--dataset", dataset, "--data", data_folder, "--peers", peers, "--peers-python", python]
    arguments += ["--budget-seconds", "1", "--work", work, "--json", work / f"{dataset}.json"]
    assert main(["benchmark", *map(str, arguments)]) == 0
    read: dict[str, Any] = json.loads((work / f"{dataset}.json").read_text())
    return read


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def results(data_folder: Path, work: Path) -> dict[str, Any]:
    return _run(data_folder, work, "youshu", peers=NAMES, python=Path(sys.executable))


def _recall(results: dict[str, Any], model: str) -> float:
    (row,) = [row for row in results["rows"] if row["model"] == model]
    assert row["failed"] is None
    return float(row["mean"]["recall_at_20"])


def test_the_command_writes_results_a_table_and_plots(results: dict[str, Any], work: Path) -> None:
    written = {path.name for path in work.glob("youshu*")}
    assert written == {"youshu.json", "youshu.md", "youshu_marks.svg", "youshu_costs.svg"}
    assert results["protocol"]["asked"] == 120
    assert results["protocol"]["pairs"] == {"train": 480, "tune": 120, "test": 240, "user_items": 600}
    table = (work / "youshu.md").read_text()
    assert "| model | Recall@20 | NDCG@20 | coverage@20 |" in table
    assert "| bundle_ml.for_users | " in table
    assert "What ships against the best tuned peer" in table


def test_models_that_look_at_the_user_find_the_club(results: dict[str, Any]) -> None:
    """Twenty of 32 bundles are listed, so chance finds well above a half, and who knows the club finds all."""
    for model in ("bundle_ml.for_users", "bundle_ml.taken_with", "bundle_ml.in_hand", "ease", "item_knn", "ease_items"):
        assert _recall(results, model) > 0.95, model
    assert _recall(results, "popularity") < 0.9


def test_the_comparison_is_with_peers_and_not_with_the_model_that_knows_tune(results: dict[str, Any]) -> None:
    assert set(results["comparison"]) == {"recall_at_20", "ndcg_at_20"}
    assert {found["other"] for found in results["comparison"].values()} <= set(NAMES.split(","))


def test_without_items_of_users_a_peer_that_needs_them_is_a_row_that_says_why(data_folder: Path, work: Path) -> None:
    results = _run(data_folder, work, "steam", peers="popularity,ease_items", python=Path(sys.executable))

    failed = {row["model"]: row["failed"] for row in results["rows"] if row["failed"]}
    assert failed == {"ease_items": "ended with status 1: This data set has no items of users to learn from."}
    assert _recall(results, "bundle_ml.for_users") > 0.95
    assert "* **ease_items**: ended with status 1" in (work / "steam.md").read_text()


def test_ours_is_measured_without_each_of_its_parts(data_folder: Path, work: Path) -> None:
    results = _run(data_folder, work, "youshu", peers="none", more=("--ablation",))

    without = results["without_each"]
    assert {"popularity", "taken_with", "alike", "in_hand"} <= {part for part, found in without.items() if found}
    for part, found in without.items():
        other = f"bundle_ml.for_users_without_{part}"
        assert {each["other"] for each in found.values()} <= {other}
        assert all(each["theirs"] == _recall(results, other) for name, each in found.items() if "recall" in name)
    told = (work / "youshu.md").read_text()
    assert "| without | Recall@20 | ratio | difference, 95 % | NDCG@20 | ratio | difference, 95 % |" in told
    assert "| taken_with | " in told


def test_what_peers_share_is_no_peer() -> None:
    names = {peer.name for peer in find_peers("all", folder=PEERS, python=Path(sys.executable))}

    assert names == {"popularity", "item_knn", "ease", "ease_items", "lightgcn"}


@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
def test_lightgcn_runs_in_the_peers_environment(data_folder: Path, tmp_path: Path) -> None:
    results = _run(data_folder, tmp_path, "youshu", peers="lightgcn", python=PYTHON)

    assert _recall(results, "lightgcn") > 0.9
