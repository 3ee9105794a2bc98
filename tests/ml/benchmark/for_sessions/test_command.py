"""The whole command on the planted sessions, with real processes; the peers here need no package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.for_sessions.command import PEERS
from bundle_ml.benchmark.peers import PYTHON, find_peers

pytestmark = pytest.mark.process


def _run(data_folder: Path, work: Path, dataset: str, *, peers: str, python: Path) -> dict[str, Any]:
    arguments = ["--dataset", dataset, "--data", data_folder, "--peers", peers, "--peers-python", python]
    arguments += ["--budget-seconds", "1", "--work", work, "--json", work / f"{dataset}.json"]
    assert main(["benchmark", *map(str, arguments)]) == 0
    read: dict[str, Any] = json.loads((work / f"{dataset}.json").read_text())
    return read


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def results(data_folder: Path, work: Path) -> dict[str, Any]:
    return _run(data_folder, work, "bundlerec", peers="popularity_pairs,co_purchase", python=Path(sys.executable))


def _f1(domain: dict[str, Any], model: str) -> tuple[float, float]:
    (row,) = [row for row in domain["rows"] if row["model"] == model]
    assert row["failed"] is None
    return row["marks"]["hits"]["f1"], row["marks"]["overlap"]["f1"]


def test_one_command_writes_a_table_of_each_domain(results: dict[str, Any], work: Path) -> None:
    names = [domain["protocol"]["dataset"] for domain in results["domains"]]
    assert names == ["bundlerec_electronic", "bundlerec_clothing", "bundlerec_food"]
    table = (work / "bundlerec.md").read_text()
    assert table.count("| model | hits: precision | hits: recall | hits: F1 |") == 3
    assert "| bundle_ml.for_sessions | " in table
    assert "F1 by hits: " in table


def test_who_learns_from_known_bundles_finds_the_planted_ones(results: dict[str, Any]) -> None:
    for domain in results["domains"]:
        ours = _f1(domain, "bundle_ml.for_sessions")
        assert min(ours) > 0.9
        assert all(mine > theirs for mine, theirs in zip(ours, _f1(domain, "popularity_pairs"), strict=True))
        assert min(_f1(domain, "co_purchase")) > 0.5


def test_peers_that_answered_the_same_questions_are_not_asked_again(
    results: dict[str, Any], data_folder: Path, work: Path
) -> None:
    assert not any(row["reused"] for row in results["domains"][2]["rows"])

    again = _run(data_folder, work, "bundlerec_food", peers="popularity_pairs", python=Path(sys.executable))

    assert [row["reused"] for row in again["domains"][0]["rows"]] == [False, True]
    assert _f1(again["domains"][0], "popularity_pairs") == _f1(results["domains"][2], "popularity_pairs")


@pytest.mark.parametrize(
    ("more", "words"),
    [(["--config", "config.json"], "has no settings"), (["--ablation"], "is measured whole")],
)
def test_what_there_is_not_is_refused(
    more: list[str], words: str, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text("{}")
    named = [str(tmp_path / each) if each.endswith(".json") else each for each in more]
    arguments = ["--dataset", "bundlerec_food", "--data", data_folder, *named, "--json", tmp_path / "r.json"]

    assert main(["benchmark", *map(str, arguments)]) == 2
    assert f"the finder of bundles in sessions {words}" in capsys.readouterr().err


def test_what_peers_share_is_no_peer() -> None:
    names = {peer.name for peer in find_peers("all", folder=PEERS, python=Path(sys.executable))}

    assert names == {"popularity_pairs", "co_purchase", "fp_growth", "clusters"}


@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
def test_peers_of_other_packages_run_in_their_environment(data_folder: Path, tmp_path: Path) -> None:
    results = _run(data_folder, tmp_path, "bundlerec_food", peers="fp_growth,clusters", python=PYTHON)

    for model in ("fp_growth", "clusters"):
        assert min(_f1(results["domains"][0], model)) > 0.4
