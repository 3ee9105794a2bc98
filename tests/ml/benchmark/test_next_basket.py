from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.answers import read_answers
from bundle_ml.benchmark.datasets import Orders, read_dataset
from bundle_ml.benchmark.next_basket import (
    NextBasketExam,
    NextBasketGiven,
    draw_exam,
    judge,
    read_given,
    write_given,
)
from bundle_ml.benchmark.own import PREFIX
from bundle_ml.benchmark.own_next_basket import MODELS, answer_all
from bundle_ml.benchmark.peers import FOLDER, PYTHON, Peer, find_peers
from bundle_ml.errors import DataError
from bundle_ml.lines import ReadReport
from bundle_ml.personal_learning import PERSONAL
from bundle_ml.personalising import QUESTION
from bundle_ml.settings import Settings
from tests.ml.worlds import REGULAR_ITEMS, baskets_of, regulars, write_lines

HERE = Path(sys.executable)
SHOPPER_COUNT, VISITS = 120, 6
NEXT_BASKET = {"python": HERE, "prefix": "next_basket_"}

FORMULA = """
import numpy as np
from next_basket_tifu_knn import fit, group_weights
from protocol import Sets
from shoppers import Orders, Pasts

rows = [[0], [0, 1], [2], [0, 3], [4]]
sets = Sets(np.array([0, 1, 3, 4, 6, 7]), np.array([0, 0, 1, 2, 0, 3, 4], np.int32))
orders = Orders(sets, np.array([0, 0, 0, 1, 2], np.int32))
# Shopper 0: groups (0) and (1, 2) of two, counted from the last.
u = 1 / 2 * (0.5 * np.eye(5)[0] + 1 / 2 * (0.9 * (np.eye(5)[0] + np.eye(5)[1]) + np.eye(5)[2]))
weights = group_weights(orders, m=2, r_b=0.9, r_g=0.5)
np.testing.assert_allclose(weights, [0.25, 0.225, 0.25, 1, 1])
neighbour = np.eye(5)[0] + np.eye(5)[3]  # nearer than shopper 2: |u - v|2 = |u|2 - 2uv + |v|2
assert np.sum((u - neighbour) ** 2) < np.sum((u - np.eye(5)[4]) ** 2) + 1
k1 = fit(orders, 5, None, m=2, r_b=0.9, r_g=0.5, k=2, alpha=0.7).top(Pasts(np.array([0], np.int32), orders))
score = 0.7 * u + 0.3 * (neighbour + np.eye(5)[4]) / 2
assert k1[0].tolist()[:2] == np.argsort(-score, kind="stable").tolist()[:2] == [0, 2], (k1, score)
"""


def _orders() -> Orders:
    shoppers, rows = regulars(SHOPPER_COUNT, visits=VISITS)
    once = [[0, 1]] * 30  # shoppers who came once, and orders of nobody
    baskets = baskets_of(
        rows + once, REGULAR_ITEMS, shoppers=[*shoppers, *range(SHOPPER_COUNT, SHOPPER_COUNT + 20), *[-1] * 10]
    )
    return Orders(name="regulars", baskets=baskets, items={}, report=ReadReport())


@pytest.fixture(scope="module")
def exam() -> NextBasketExam:
    return draw_exam(_orders(), seed=0)


@pytest.fixture(scope="module")
def split(exam: NextBasketExam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("next_basket") / "split"
    write_given(exam.given, folder)
    return folder


def _ndcg(folder: Path, exam: NextBasketExam) -> float:
    given = exam.given
    answers = read_answers(folder, given.test_contexts, item_count=given.item_count)
    return judge(answers.lists, exam, samples=10, seed=0).mean["ndcg_at_10"]


def test_the_last_basket_is_the_test_and_the_one_before_it_validates(exam: NextBasketExam) -> None:
    given = exam.given

    assert len(given.validation) == len(exam.nexts) == SHOPPER_COUNT
    assert len(given.train) == SHOPPER_COUNT * (VISITS - 2) + 30, "who came once, and nobody, teach"
    pasts = given.test_contexts[QUESTION]
    assert pasts.sizes.tolist() == [VISITS - 1] * SHOPPER_COUNT
    last = given.histories(given.train, given.test_shoppers).baskets.ordered_at.max()
    assert last < exam.nexts.ordered_at.min()


def test_what_a_model_is_given_comes_back_from_its_folder_without_the_answers(
    exam: NextBasketExam, split: Path
) -> None:
    given = read_given(split)

    assert (given.train.fingerprint(), given.fingerprint) == (exam.given.train.fingerprint(), exam.given.fingerprint)
    np.testing.assert_array_equal(given.validation.shoppers, exam.given.validation.shoppers)
    assert (given.test_shoppers == exam.given.test_shoppers).all()
    assert not [path for path in split.iterdir() if "test" in path.name and path.name != "test_shoppers.npy"]


def test_an_item_bought_ever_before_is_a_repeat() -> None:
    """All buy 0 in the first visit and 1 in the second; in the last one they buy both, and 2, which others know."""
    shoppers = [shopper for _ in range(4) for shopper in range(30)]
    rows = [[0]] * 30 + [[1]] * 60 + [[0, 1, 2]] * 30
    baskets = baskets_of([*rows, *[[2]] * 5], 3, shoppers=[*shoppers, *[-1] * 5])

    exam = draw_exam(replace(_orders(), baskets=baskets), seed=0)

    assert exam.nexts.items[exam.repeat_of_pair].tolist() == [0, 1] * 30


def test_marks_are_of_the_whole_basket_and_apart_of_repeats_and_of_new_items(exam: NextBasketExam) -> None:
    perfect = np.full((SHOPPER_COUNT, 100), -1, np.int32)
    for row in range(SHOPPER_COUNT):
        perfect[row, : len(exam.nexts[row])] = exam.nexts[row]

    marks = judge({QUESTION: perfect}, exam, samples=20, seed=0)

    assert marks.mean["ndcg_at_10"] == marks.mean["recall_at_10"] == pytest.approx(1.0)
    assert marks.by_size.keys() == marks.ndcg_draws.keys() - {"mean"} == {"repeat", "new"}
    assert marks.by_size["repeat"]["recall_at_10"] == 1.0
    assert marks.by_size["new"]["cases"] < SHOPPER_COUNT == marks.mean["cases"]


def test_our_models_hand_in_answers_and_the_blend_leads(split: Path, exam: NextBasketExam, tmp_path: Path) -> None:
    given = read_given(split)

    answer_all(given, tmp_path, Settings(threads=1))

    measured = {name: _ndcg(tmp_path / (PREFIX + name), exam) for name in MODELS}
    assert measured["popularity"] < 0.5 * measured[PERSONAL]
    assert measured[PERSONAL] >= 0.98 * max(measured.values())
    assert measured[PERSONAL] > 0.7


@pytest.mark.process
@pytest.mark.parametrize("name", ["frequency", "tifu_knn"])
def test_a_peer_that_looks_at_the_past_beats_popularity(
    name: str, split: Path, exam: NextBasketExam, tmp_path: Path
) -> None:
    for peer in find_peers(f"popularity,{name}", **NEXT_BASKET):  # type: ignore[arg-type]
        _answer(peer, split, tmp_path / peer.name)

    assert _ndcg(tmp_path / name, exam) > 1.5 * _ndcg(tmp_path / "popularity", exam)


def _answer(peer: Peer, split: Path, out: Path) -> dict[str, Any]:
    subprocess.run(peer.command(split, out, budget_seconds=1), check=True, capture_output=True)
    about: dict[str, Any] = json.loads((out / "about.json").read_text())
    return about


@pytest.mark.process
def test_tifu_knn_agrees_with_its_formulas() -> None:
    done = subprocess.run([sys.executable, "-c", FORMULA], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.process
@pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-peers: make benchmark builds it")
@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_a_transformer_runs_on_histories(name: str, split: Path, exam: NextBasketExam, tmp_path: Path) -> None:
    (peer,) = find_peers(name, prefix="next_basket_")

    about = _answer(peer, split, tmp_path / "out")

    assert about["settings"]["epochs"] >= 1
    assert _ndcg(tmp_path / "out", exam) > 0


def test_each_task_has_its_own_peers() -> None:
    of_baskets = {peer.name for peer in find_peers("all", python=HERE)}
    of_shoppers = {peer.name for peer in find_peers("all", **NEXT_BASKET)}  # type: ignore[arg-type]

    assert of_shoppers == {"popularity", "frequency", "tifu_knn", "sasrec", "bert4rec"}
    assert not {name for name in of_baskets if "next_basket" in name or name in {"frequency", "tifu_knn"}}


@pytest.mark.process
def test_the_command_measures_the_next_basket(tmp_path: Path) -> None:
    shoppers, rows = regulars(60, visits=4)
    lines = [
        (number, f"item{item}", f"2024-03-01 {number // 60:02d}:{number % 60:02d}:00", f"p{shoppers[number]}")
        for number, row in enumerate(rows)
        for item in row
    ]
    orders = write_lines(tmp_path / "shop.csv", lines, ("order_key", "item_key", "ordered_at", "shopper_key"))
    arguments = ["--orders", orders, "--task", "next_basket", "--peers", "frequency", "--budget-seconds", "1"]
    arguments += ["--peers-python", sys.executable, "--json", tmp_path / "shop.json"]

    assert main(["benchmark", *map(str, arguments)]) == 0

    results = json.loads((tmp_path / "shop.json").read_text())
    assert results["protocol"]["sliced_by"] == "shopper, in the order of time"
    assert [row["failed"] for row in results["rows"]] == [None] * (len(MODELS) + 1)
    assert results["comparison"]["best_peer"]["mean"]["other"] == "frequency"
    table = (tmp_path / "shop.md").read_text()
    assert "| model | whole basket | bought before | new to the shopper | Recall@10 |" in table
    assert "p12" not in table + json.dumps(results), "no key of a shopper gets into a report"


def test_orders_that_name_no_shoppers_say_so() -> None:
    orders = replace(_orders(), baskets=baskets_of([[0, 1]] * 30, 2))

    with pytest.raises(DataError, match=r"regulars names no shoppers; expected a column shopper_key \(or user_id\)"):
        draw_exam(orders, seed=0)


def test_shoppers_who_came_too_seldom_say_so() -> None:
    orders = replace(_orders(), baskets=baskets_of([[0, 1]] * 30, 2, shoppers=[row // 2 for row in range(30)]))

    with pytest.raises(DataError, match=r"holds 0 shoppers with 3 or more baskets; expected at least 20"):
        draw_exam(orders, seed=0)


def test_ta_feng_has_the_shoppers_and_the_order_that_its_source_states(public_data: Path) -> None:
    given: NextBasketGiven = draw_exam(read_dataset("tafeng", public_data), seed=0).given

    assert given.ordered_by == "key"
    assert 13_700 < len(given.test_shoppers) <= 13_858
    assert (given.test_contexts[QUESTION].sizes >= 1).mean() > 0.99
