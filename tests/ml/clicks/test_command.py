"""The whole command at a small size: what it writes, and that a truth of another's making is measured alike."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.__main__ import main as command_line
from bundle_ml.benchmark.peers import PYTHON
from bundle_ml.clicks.command import find_truth, gathered, main, mean_with_interval, measure_seed
from bundle_ml.clicks.experiments import Sizes
from bundle_ml.clicks.peers import NAMES, SCRIPTS, PeerError, begun
from bundle_ml.clicks.report import ROWS, as_markdown, write_report
from bundle_ml.clicks.trial import play
from bundle_ml.clicks.visits import Compositions, Visits
from bundle_ml.errors import SettingsError

SMALL = Sizes(
    impressions=3000,
    days=4,
    replications=2,
    replication_pages=300,
    truth_pages=1000,
    gate_trials=1,
    gate_pages=1000,
    ranked_policies=4,
    ranking_pages=500,
    fraud_draws=2,
    composed_bundles=300,
    composer_epochs=1,
)


def small_shop(seed: int) -> Visits:
    return Visits.generate(seed, anchor_count=6, shopper_count=200)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    def compositions(seed: int) -> Compositions:
        return Compositions.generate(seed, anchor_count=6)

    figures = [measure_seed(small_shop, compositions, seed=seed, sizes=SMALL) for seed in (3, 4)]
    return gathered({**asdict(SMALL), "seeds": [3, 4]}, figures)


def test_every_row_has_a_figure_and_the_files_stand_beside_each_other(results: dict[str, Any], tmp_path: Path) -> None:
    written = write_report(results, tmp_path / "clicks.json")

    assert [path.name for path in written] == ["clicks.json", "clicks.md", "clicks_learning.svg"]
    figures = json.loads((tmp_path / "clicks.json").read_text())["figures"]
    of_peers = {f"bandit_to_{name}" for name in NAMES}
    assert {row.name for row in ROWS} - set(figures) == of_peers
    table = (tmp_path / "clicks.md").read_text()
    assert "| bandit : oracle of what can be known | ≥ 90 % |" in table
    assert "![Clicks an impression over impressions](clicks_learning.svg)" in table


def test_a_missed_figure_stands_there_like_a_met_one(results: dict[str, Any]) -> None:
    figures = results["figures"] | {
        "bandit_to_static": mean_with_interval([1.1, 1.2]),
        "bandit_to_oracle": mean_with_interval([0.91, 0.95]),
    }

    table = as_markdown(results | {"figures": figures})

    assert "| ≥ 1.25 | 1.15 ± 0.64 (1.10 … 1.20) | **missed** |" in table
    assert "| ≥ 90 % | 93.0 % ± 25.4 (91.0 … 95.0) | met |" in table


def test_one_figure_can_be_measured_again(results: dict[str, Any]) -> None:
    again = measure_seed(small_shop, None, seed=3, sizes=SMALL)

    assert again["learning"] == results["seeds"][0]["learning"]
    assert again["fraud"] == results["seeds"][0]["fraud"]
    assert "composing" not in again


def test_no_policy_beats_the_oracle_by_more_than_boredom(results: dict[str, Any]) -> None:
    for figures in results["seeds"]:
        learning = figures["learning"]
        assert learning["static"]["ctr_after"] < learning["oracle"]["ctr_after"] < learning["mind_reader"]["ctr_after"]
        assert learning["static"]["exploration_cost_ratio"] == 0


def test_a_truth_is_found_by_its_path_and_a_wrong_one_is_told() -> None:
    assert find_truth("bundle_ml.clicks.visits:Visits.generate") == Visits.generate
    with pytest.raises(
        SettingsError, match="Found no truth at nowhere:Shop: .*Expected module:Class, called with a seed"
    ):
        find_truth("nowhere:Shop")
    with pytest.raises(SettingsError, match="bundle_ml:__version__ is str; expected something to call with a seed"):
        find_truth("bundle_ml:__version__")


def test_unknown_peers_and_a_missing_environment_are_told(tmp_path: Path) -> None:
    class Options:
        peers, peers_python = "linucb,ucb9", None
        truth, seeds, impressions, json = "bundle_ml.clicks.visits:Visits.generate", 1, 10, tmp_path / "x.json"

    with pytest.raises(SettingsError, match="Found the peers ucb9; expected all, none, or some of linucb"):
        main(Options())  # type: ignore[arg-type]
    truth = small_shop(0)
    promised = np.ones(truth.features_RHF.shape[:2])
    with (
        pytest.raises(SettingsError, match="expected the source tree and the peers' environment"),
        begun("linucb", truth, promised, seed=0, python=tmp_path / "python"),
    ):
        pass


def test_every_peer_has_a_script() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {"asked", *NAMES}


def test_a_peer_that_cannot_go_on_says_why() -> None:
    truth = small_shop(0)
    promised = np.ones(truth.features_RHF.shape[:2])
    without_mabwiser = Path(sys.executable)

    with (
        pytest.raises(PeerError, match="linucb ended while answering: ModuleNotFoundError: No module named 'mabwiser'"),
        begun("linucb", truth, promised, seed=0, python=without_mabwiser),
    ):
        pass


@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
@pytest.mark.parametrize("name", NAMES)
def test_a_peer_fills_pages_and_learns(name: str) -> None:
    truth = small_shop(0)
    promised = np.full(truth.features_RHF.shape[:2], 0.03)

    with begun(name, truth, promised, seed=0) as peer:
        played = play(truth, peer, page_count=60, day_count=2, seed=0)

    assert played.worth() > 0


def test_the_command_line_measures_a_truth_of_the_caller_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "clicks.json"
    arguments = [
        "clicks",
        "--truth",
        f"{__name__}:small_shop",
        "--seeds",
        "1",
        "--impressions",
        "600",
        "--json",
        str(out),
    ]

    assert command_line(arguments) == 0

    assert capsys.readouterr().out.startswith("# Learning from clicks")
    found = json.loads(out.read_text())
    assert found["protocol"]["impressions"] == 600
    assert found["protocol"]["gate_pages"] == 3000
    assert "composer_taught_to_supervised" not in found["figures"], "the shop of bundles is the shipped truth's"
