from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.answers import read_answers
from bundle_ml.benchmark.datasets import Orders
from bundle_ml.benchmark.judging import judge
from bundle_ml.benchmark.own import PREFIX, STATISTICS_BLEND
from bundle_ml.benchmark.own_visit import BOTH, MODELS, answer_all
from bundle_ml.benchmark.visit import VisitExam, draw_exam, read_given, write_given
from bundle_ml.histories import Visits
from bundle_ml.lines import ReadReport
from bundle_ml.settings import Settings
from tests.ml.worlds import REGULAR_ITEMS, baskets_of, regulars, write_lines

SHOPPER_COUNT = 150


@pytest.fixture(scope="module")
def exam() -> VisitExam:
    shoppers, rows = regulars(SHOPPER_COUNT)
    baskets = baskets_of(rows, REGULAR_ITEMS, shoppers=shoppers)
    return draw_exam(Orders(name="regulars", baskets=baskets, items={}, report=ReadReport()), seed=0)


def test_a_visit_shows_a_part_of_the_shoppers_last_basket(exam: VisitExam) -> None:
    for size, contexts in exam.given.test_contexts.items():
        assert isinstance(contexts, Visits)
        assert len(contexts) == len(contexts.histories) == len(exam.targets[size])
        assert not any(exam.targets[size][row] in contexts[row] for row in range(len(contexts)))
    ones = exam.given.test_contexts["1"]
    assert isinstance(ones, Visits)
    bought_by = {item: set() for item in range(30)}  # type: ignore[var-annotated]
    for row in range(len(ones)):
        if exam.targets["1"][row] < 30:
            profile = np.unique(ones.histories.take(np.asarray([row])).baskets.items) // 5
            bought_by[int(exam.targets["1"][row])] |= set(profile[profile < 6].tolist())
    assert all(groups <= {item // 5} for item, groups in bought_by.items()), "the past is that of the same shopper"


def test_what_a_model_is_given_comes_back_from_its_folder(exam: VisitExam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")
    write_given(exam.given, tmp_path / "split")

    given = read_given(tmp_path / "split")

    for size, contexts in exam.given.test_contexts.items():
        again = given.test_contexts[size]
        assert again.items.tolist() == contexts.items.tolist()
        assert (again.histories.baskets.items == contexts.histories.baskets.items).all()  # type: ignore[attr-defined]


def test_who_knows_the_past_ranks_better(exam: VisitExam, tmp_path: Path) -> None:
    answer_all(exam.given, tmp_path, Settings(threads=1))

    ndcg = {}
    for name in MODELS:
        answers = read_answers(tmp_path / (PREFIX + name), exam.given.test_contexts, item_count=REGULAR_ITEMS)
        ndcg[name] = judge(answers.lists, exam, samples=10, seed=0).mean["ndcg_at_10"]  # type: ignore[arg-type]
    assert ndcg[BOTH] > 1.05 * ndcg[STATISTICS_BLEND]


@pytest.mark.process
def test_the_command_says_what_the_past_adds(tmp_path: Path) -> None:
    shoppers, rows = regulars(80, visits=4)
    lines = [
        (number, f"item{item}", f"2024-03-01 {number // 60:02d}:{number % 60:02d}:00", f"p{shoppers[number]}")
        for number, row in enumerate(rows)
        for item in row
    ]
    orders = write_lines(tmp_path / "shop.csv", lines, ("order_key", "item_key", "ordered_at", "shopper_key"))

    assert main(["benchmark", "--orders", str(orders), "--task", "visit", "--json", str(tmp_path / "shop.json")]) == 0

    results = json.loads((tmp_path / "shop.json").read_text())
    assert [row["failed"] for row in results["rows"]] == [None] * len(MODELS)
    assert results["comparison"]["without_transformer"]["mean"]["other"] == PREFIX + STATISTICS_BLEND
