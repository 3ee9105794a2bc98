"""Which peers there are, and what the scripts share: `ml/benchmarks/peers` is no package, so it runs as it does for users."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.benchmark.answers import read_answers
from bundle_ml.benchmark.judging import judge
from bundle_ml.benchmark.peers import FOLDER, PYTHON, Peer, find_peers
from bundle_ml.benchmark.protocol import Exam, write_given
from bundle_ml.errors import SettingsError

HERE = Path(sys.executable)
RANKED_BY_NUMBER = """
import time

import numpy as np
from protocol import Fitted, run


def fit(baskets, item_count, trial, *, first, work=0.0, epochs=None):
    started = time.process_time()
    while time.process_time() < started + work:
        pass
    assert (trial is None) == (epochs is not None), "the last fit is told what tuning found"

    def top(contexts):
        ranked = np.roll(np.arange(item_count), -first)
        return np.tile(np.concatenate([ranked[:3], ranked])[:100], (len(contexts), 1))

    return Fitted(top, {"epochs": 4}, 0.25)


if __name__ == "__main__":
    run(fit, GRID, packages=["numpy"])
"""

TRAINED = """
import torch
from epochs import PATIENCE, train
from protocol import Trial

SCORES = [0.1, 0.3, 0.2, 0.3] + [0.0] * 50
network = torch.nn.Linear(1, 1, bias=False)
epochs = []


def train_epoch():
    epochs.append(len(epochs) + 1)
    torch.nn.init.constant_(network.weight, epochs[-1])
    return network


class Always(Trial):
    def __init__(self, over): self.over = over
    def ndcg(self, top): return SCORES[top - 1]
    def is_over(self): return self.over


def answering():
    return int(network.weight)


fitted = train(train_epoch, answering, Always(False), epochs=0)
assert (fitted.top, fitted.found) == (2, {"epochs": 2}), fitted
assert len(epochs) == 2 + PATIENCE
assert fitted.scores == SCORES[: 2 + PATIENCE]
assert 0 < fitted.seconds_to_best < 5

epochs.clear()
assert train(train_epoch, answering, Always(True), epochs=0).found == {"epochs": 1}
epochs.clear()
assert train(train_epoch, answering, None, epochs=7).top == len(epochs) == 7
"""


@pytest.fixture(scope="module")
def split(exam: Exam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers") / "split"
    write_given(exam.given, folder)
    return folder


def _folder(tmp_path: Path, **scripts: str) -> Path:
    for name, script in scripts.items():
        (tmp_path / f"{name}.py").write_text(script)
    shutil.copy(FOLDER / "protocol.py", tmp_path)
    return tmp_path


def _answer(peer: Peer, split: Path, out: Path, *, budget_seconds: float) -> dict[str, Any]:
    subprocess.run(peer.command(split, out, budget_seconds=budget_seconds), check=True, capture_output=True)
    about: dict[str, Any] = json.loads((out / "about.json").read_text())
    return about


def test_all_scripts_with_a_main_part_are_peers() -> None:
    names = [peer.name for peer in find_peers("all", python=HERE)]

    assert {
        "ease",
        "als",
        "bm25",
        "slim",
        "item2vec",
        "sasrec",
        "esasrec",
        "hstu",
        "bert4rec",
        "lightgcn",
        "fp_growth",
    } <= set(names)
    assert not {"protocol", "matrices", "neighbours", "epochs", "sessions"} & set(names)
    assert [peer.name for peer in find_peers("popularity, ease", python=HERE)] == ["popularity", "ease"]
    assert find_peers("none", folder=Path("nowhere")) == []


@pytest.mark.parametrize(
    ("wanted", "options", "message"),
    [
        ("easy", {"python": HERE}, "Unknown peer 'easy'; expected all, none, or some of als, "),
        ("protocol", {"python": HERE}, "Unknown peer 'protocol'"),
        ("ease", {"folder": Path("/nowhere")}, "Found no folder '/nowhere' of peers; .*--peers none"),
        ("ease", {"python": Path("/nowhere/python")}, "Found no '/nowhere/python'; .*Build it with make benchmark"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(wanted: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        find_peers(wanted, **options)


def test_a_version_changes_with_the_script_and_with_what_it_shares_only(tmp_path: Path) -> None:
    folder = _folder(tmp_path, one=f"GRID = []{RANKED_BY_NUMBER}", other=f"GRID = []{RANKED_BY_NUMBER}")
    one, other = find_peers("all", folder=folder, python=HERE)
    before = one.version()

    (folder / "other.py").write_text(f"GRID = [1]{RANKED_BY_NUMBER}")
    assert one.version() == before != other.version()
    (folder / "protocol.py").write_text("# changed")
    assert one.version() != before


@pytest.mark.process
def test_a_peer_tries_its_grid_and_keeps_the_best(exam: Exam, split: Path, tmp_path: Path) -> None:
    grid = "GRID = [{'first': first} for first in (70, 0, 60)]"
    (peer,) = find_peers("all", folder=_folder(tmp_path, ranked=grid + RANKED_BY_NUMBER), python=HERE)

    about = _answer(peer, split, tmp_path / "out", budget_seconds=60)

    best = max(about["tried"], key=lambda each: float(each["ndcg_at_10"]))
    assert len(about["tried"]) == 3
    assert about["settings"] == best["settings"]
    assert about["settings"]["epochs"] == 4
    assert about["seconds"]["to_best"] == 0.25
    # The context and what was named twice are taken out, and the lists are what the judge wants.
    answers = read_answers(tmp_path / "out", exam.given.test_contexts, item_count=exam.given.item_count)
    assert answers.lists["1"].shape[1] == 100
    assert answers.lists["1"][0, 0] in range(best["settings"]["first"], best["settings"]["first"] + 2)


@pytest.mark.process
def test_a_budget_that_is_spent_begins_no_other_setting(split: Path, tmp_path: Path) -> None:
    grid = "GRID = [{'first': first, 'work': 0.3} for first in (0, 60)]"
    (peer,) = find_peers("all", folder=_folder(tmp_path, slow=grid + RANKED_BY_NUMBER), python=HERE)

    about = _answer(peer, split, tmp_path / "out", budget_seconds=0.1)

    assert [each["settings"]["first"] for each in about["tried"]] == [0]
    assert about["seconds"]["tuning"] > 0.3


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells the peak of one process alone")
def test_the_peak_of_memory_is_the_peer_s_own(split: Path, tmp_path: Path) -> None:
    """This process holds torch; a peer that needs numpy alone must not be charged with it."""
    (peer,) = find_peers("popularity", python=HERE)

    about = _answer(peer, split, tmp_path / "out", budget_seconds=1)

    assert 2**24 < about["peak_memory_bytes"] < 2**27


@pytest.mark.process
def test_a_network_goes_back_to_its_best_epoch_and_the_last_fit_takes_as_many() -> None:
    done = subprocess.run([sys.executable, "-c", TRAINED], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def _mean_ndcg(name: str, python: Path, exam: Exam, split: Path, out: Path) -> float:
    (peer,) = find_peers(name, python=python)
    _answer(peer, split, out, budget_seconds=1)
    answers = read_answers(out, exam.given.test_contexts, item_count=exam.given.item_count)
    return judge(answers.lists, exam, samples=10, seed=0).mean["ndcg_at_10"]


@pytest.mark.process
@pytest.mark.parametrize("name", ["ease", "item_knn"])
def test_a_peer_that_looks_at_the_context_beats_popularity(name: str, exam: Exam, split: Path, tmp_path: Path) -> None:
    popularity = _mean_ndcg("popularity", HERE, exam, split, tmp_path / "popularity")

    assert _mean_ndcg(name, HERE, exam, split, tmp_path / "other") > 1.5 * popularity


@pytest.mark.process
@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
@pytest.mark.parametrize("name", ["bm25", "als"])
def test_a_package_s_model_runs_in_the_peers_environment(name: str, exam: Exam, split: Path, tmp_path: Path) -> None:
    assert _mean_ndcg(name, PYTHON, exam, split, tmp_path / "out") > 0.2


@pytest.mark.process
@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
@pytest.mark.parametrize("name", ["esasrec", "hstu"])
def test_a_transformer_answers_all_questions_and_tells_its_epochs(
    name: str, exam: Exam, split: Path, tmp_path: Path
) -> None:
    (peer,) = find_peers(name, python=PYTHON)

    about = _answer(peer, split, tmp_path / "out", budget_seconds=1)

    read_answers(tmp_path / "out", exam.given.test_contexts, item_count=exam.given.item_count)
    (tried,) = about["tried"]
    assert max(tried["scores"]) == tried["ndcg_at_10"] > 0.05
