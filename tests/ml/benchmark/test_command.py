"""The whole command, with real processes. The peers here need no more than numpy, so this environment runs them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.command import Options, benchmark
from bundle_ml.benchmark.datasets import read_orders
from bundle_ml.benchmark.peers import FOLDER, find_peers
from tests.ml.worlds import write_lines

pytestmark = pytest.mark.process

MAIN = 'if __name__ == "__main__":'
CRASHING = f"{MAIN}\n    raise ArithmeticError('The matrix is not positive definite.')\n"
ENDLESS = f"import time\n\n{MAIN}\n    print('epoch 1', flush=True)\n    time.sleep(600)\n"
CHEATING = f"""
import json, pathlib, sys

import numpy

{MAIN}
    split, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True)
    for path in split.glob("test_cases_*_offsets.npy"):
        size = path.stem.removeprefix("test_cases_").removesuffix("_offsets")
        numpy.save(out / f"top_{{size}}.npy", numpy.zeros((len(numpy.load(path)) - 1, 2), numpy.int32))
    (out / "about.json").write_text(json.dumps({{"seconds": {{}}, "peak_memory_bytes": 0}}))
"""
OPTIONS = ("--budget-seconds", "1", "--peers-python", sys.executable)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def results(orders_file: Path, work: Path) -> dict[str, Any]:
    """One run of the command, whose answers stay in the work directory."""
    arguments = ["--orders", orders_file, "--peers", "popularity,ease", "--work", work, "--json", work / "shop.json"]
    assert main(["benchmark", *map(str, arguments), *OPTIONS]) == 0
    read: dict[str, Any] = json.loads((work / "shop.json").read_text())
    return read


@pytest.fixture
def peers_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "peers"
    folder.mkdir()
    shutil.copy(FOLDER / "protocol.py", folder)
    shutil.copy(FOLDER / "popularity.py", folder)
    for name, script in (("crashing", CRASHING), ("endless", ENDLESS), ("cheating", CHEATING)):
        (folder / f"{name}.py").write_text(script)
    return folder


def _row(results: dict[str, Any], model: str) -> dict[str, Any]:
    (row,) = [row for row in results["rows"] if row["model"] == model]
    return dict(row)


def test_the_command_writes_results_a_table_and_plots(results: dict[str, Any], work: Path) -> None:
    assert {path.name for path in work.glob("shop*")} == {"shop.json", "shop.md", "shop_ndcg.svg", "shop_costs.svg"}
    assert results["protocol"]["dataset"] == "lines"
    assert results["protocol"]["baskets"]["test"] == results["protocol"]["cases"]["1"] > 50
    models = [row["model"] for row in results["rows"] if row["failed"] is None]
    assert models == ["bundle_ml.popularity", "bundle_ml.co_purchase", "bundle_ml.ease", "popularity", "ease"]
    assert "| bundle_ml.ease | " in (work / "shop.md").read_text()


def test_ours_and_theirs_are_asked_the_same(results: dict[str, Any]) -> None:
    """Two implementations of one statistic are nearly of one opinion."""
    ours, theirs = (_row(results, model)["mean"]["ndcg_at_10"] for model in ("bundle_ml.ease", "ease"))

    assert ours == pytest.approx(theirs, rel=0.1)
    assert ours > 1.5 * _row(results, "popularity")["mean"]["ndcg_at_10"]


def test_models_that_have_no_answers_have_a_reason(results: dict[str, Any]) -> None:
    assert _row(results, "bundle_ml.category")["failed"] == "no categories"
    assert "transformer_min_baskets" in _row(results, "bundle_ml.blend")["failed"]
    nothing: dict[str, object] = {"best_peer": {}, "without_transformer": {}, "without_each": {}}
    assert results["comparison"] == {**nothing, "training_seconds": None}


def test_a_second_run_takes_the_peers_answers_again(results: dict[str, Any], orders_file: Path, work: Path) -> None:
    answers = work / "answers" / "ease" / "top_1.npy"
    written = answers.stat().st_mtime_ns

    peers = find_peers("ease", python=Path(sys.executable))
    again = benchmark(read_orders(orders_file), peers, Options(budget_seconds=1, limit_seconds=60), work=work)

    assert answers.stat().st_mtime_ns == written
    assert not _row(results, "ease")["reused"]
    assert _row(again, "ease") == _row(results, "ease") | {"reused": True}
    assert _row(again, "bundle_ml.ease")["mean"] == _row(results, "bundle_ml.ease")["mean"]


def test_peers_alone_are_marked_without_ours(orders_file: Path, work: Path, results: dict[str, Any]) -> None:
    arguments = ["--orders", orders_file, "--peers", "ease", "--peers-alone", "--work", work, "--json"]
    assert main(["benchmark", *map(str, [*arguments, work / "alone.json"]), *OPTIONS]) == 0

    alone = json.loads((work / "alone.json").read_text())
    assert [row["model"] for row in alone["rows"]] == ["ease"]
    assert _row(alone, "ease")["mean"] == _row(results, "ease")["mean"]
    assert alone["comparison"]["best_peer"] == {}
    assert "What ships" not in (work / "alone.md").read_text()


def test_a_peer_that_fails_is_a_row_that_says_why(orders_file: Path, peers_folder: Path, tmp_path: Path) -> None:
    peers = find_peers("all", folder=peers_folder, python=Path(sys.executable))
    told: list[tuple[int, int, str]] = []

    results = benchmark(
        read_orders(orders_file),
        peers,
        Options(budget_seconds=0, limit_seconds=6, samples=20),
        work=tmp_path / "work",
        on_progress=lambda *what: told.append(what),
    )

    failed = {row["model"]: row["failed"] for row in results["rows"] if row["source"] == "peer"}
    assert failed["popularity"] is None
    assert failed["crashing"] == "ended with status 1: ArithmeticError: The matrix is not positive definite."
    assert failed["endless"] == "not done after 6 seconds, stopped while: epoch 1"
    assert "names an item twice; expected int32 item numbers" in failed["cheating"]
    assert told[-1] == (5, 5, "judging")
    assert any(message.startswith("endless ") and message.endswith("epoch 1") for _, _, message in told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "movies"], "error: Unknown data set 'movies'; expected one of online_retail_ii, "),
        (["--orders", "{few}"], "error: few holds 2 orders of two or more items; expected at least 300. "),
        (["--orders", "{sku}"], "error: sku.csv has the columns 'order_id', 'sku'; expected order_id and item_id, "),
        (["--orders", "{few}", "--peers", "easy"], "error: Unknown peer 'easy'; expected all, none, or some of als, "),
        (["--orders", "{few}", "--peers-alone"], "error: Found --peers-alone with --peers none; expected a model to "),
        (["--orders", "{few}", "--config", "{sku}"], "error: sku.csv is not JSON"),
    ],
)
def test_an_error_that_a_person_can_mend_ends_with_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    rows = [(order, item) for order in ("1", "2") for item in ("mug", "cup")]
    few = write_lines(tmp_path / "few.csv", rows, ("order_key", "item_key"))
    sku = write_lines(tmp_path / "sku.csv", rows, ("order_id", "sku"))
    filled = [argument.format(few=few, sku=sku) for argument in arguments]

    assert main(["benchmark", *filled, "--json", str(tmp_path / "results.json"), *OPTIONS]) == 2

    assert capsys.readouterr().err.splitlines()[-1].startswith(message)
    assert not (tmp_path / "results.json").exists()
