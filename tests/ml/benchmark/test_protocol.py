from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.benchmark.datasets import Orders, read_orders
from bundle_ml.benchmark.protocol import FILES, ITEM_MIN_ORDERS, Exam, draw_exam, read_given, write_given
from bundle_ml.errors import DataError
from bundle_ml.lines import ReadReport
from tests.ml.worlds import baskets_of


def _orders(baskets: Baskets) -> Orders:
    return Orders(name="shop", baskets=baskets, items={}, report=ReadReport())


def _rows(count: int, *, seed: int = 0) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.choice(20, size=random.integers(2, 8), replace=False).tolist() for _ in range(count)]


def test_the_hidden_items_are_in_no_file_that_a_model_reads(exam: Exam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")

    written = {path.name: path.read_bytes() for path in (tmp_path / "split").iterdir()}
    assert written.keys() == set(FILES)
    for targets in exam.targets.values():
        for number_type in (np.int32, np.int64):
            assert not [name for name, content in written.items() if targets.astype(number_type).tobytes() in content]


def test_no_question_shows_the_answer_to_another(exam: Exam) -> None:
    shown, hidden = defaultdict(set), defaultdict(set)
    for size, contexts in exam.given.test_contexts.items():
        for case, basket in enumerate(exam.basket_of_case[size].tolist()):
            shown[basket].update(contexts[case].tolist())
            hidden[basket].add(int(exam.targets[size][case]))

    assert len(shown) == exam.basket_count
    assert all(len(items) == 1 for items in hidden.values())
    assert not [basket for basket in shown if shown[basket] & hidden[basket]]


def test_contexts_have_the_size_of_their_name(exam: Exam) -> None:
    contexts = exam.given.test_contexts

    for size in ("1", "2", "4"):
        assert set(np.diff(contexts[size].offsets).tolist()) == {int(size)}
    assert len(contexts["1"]) == len(contexts["all_but_one"]) > len(contexts["2"]) > len(contexts["4"])


def test_the_folder_holds_what_was_given(exam: Exam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")

    read = read_given(tmp_path / "split")

    given = exam.given
    assert (read.dataset, read.sliced_by, read.seed, read.fingerprint) == (
        given.dataset,
        "time",
        0,
        given.fingerprint,
    )
    assert read.items == given.items
    assert read.train.fingerprint() == given.train.fingerprint()
    assert read.validation.fingerprint() == given.validation.fingerprint()
    for size, contexts in given.test_contexts.items():
        assert (read.test_contexts[size].items == contexts.items).all()
        assert (read.validation_cases[size].targets == given.validation_cases[size].targets).all()


def test_slices_follow_one_another_in_time(exam: Exam) -> None:
    train, validation = exam.given.train, exam.given.validation

    assert exam.given.sliced_by == "time"
    assert train.ordered_at.max() <= validation.ordered_at.min()
    assert len(train) > 7 * len(validation)


def test_orders_without_times_are_cut_at_random_but_the_same_way_each_time() -> None:
    baskets = baskets_of(_rows(400), 20)
    timeless = _orders(replace(baskets, ordered_at=np.full(len(baskets), UNKNOWN_TIME)))

    first, again, other = (draw_exam(timeless, seed=seed).given for seed in (0, 0, 1))

    assert first.sliced_by == "random"
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not (first.train.items[:50] == baskets.items[:50]).all()


def test_the_vocabulary_is_what_the_first_slice_often_holds() -> None:
    rows = _rows(400)
    for row in rows[: ITEM_MIN_ORDERS - 1]:
        row.append(20)  # seldom bought
    for row in rows[-60:]:
        row.append(21)  # new in the last two slices
    rows[-1] = [3, 21]

    exam = draw_exam(_orders(baskets_of(rows, 22)), seed=0)

    assert set(exam.given.train.keys) == {f"item{number:03d}" for number in range(20)}
    assert exam.basket_count == 39, "a basket with one item of the vocabulary was left in"
    assert all(targets.max() < 20 for targets in exam.targets.values())


def test_too_few_orders_are_counted() -> None:
    with pytest.raises(DataError, match="shop holds 50 orders of two or more items; expected at least 300"):
        draw_exam(_orders(baskets_of(_rows(50), 20)), seed=0)


def test_a_held_out_slice_of_new_items_alone_is_refused() -> None:
    rows = _rows(400)
    rows[-40:] = [[20, 21]] * 40

    with pytest.raises(DataError, match="shop: a held-out slice has 0 baskets .* expected at least 20"):
        draw_exam(_orders(baskets_of(rows, 22)), seed=0)


def test_a_file_has_one_set_of_questions(orders_file: Path, exam: Exam) -> None:
    assert draw_exam(read_orders(orders_file), seed=0).given.fingerprint == exam.given.fingerprint
