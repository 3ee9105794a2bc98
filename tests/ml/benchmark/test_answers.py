from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.benchmark.answers import Answers, AnswersError, Costs, decline, read_answers, write_answers
from bundle_ml.cases import Contexts

CONTEXTS = {"2": Contexts.of([[0, 1], [2, 3]])}
COSTS = Costs(
    seconds={"tuning": 1.0, "training": 2.0, "scoring": 0.5},
    peak_memory_bytes=1 << 20,
    settings={"l2": 20.0},
    tried=({"settings": {"l2": 20.0}, "ndcg_at_10": 0.1},),
)


def _read(folder: Path) -> Answers:
    return read_answers(folder, CONTEXTS, item_count=6)


def _handed_in(folder: Path, lists: Any) -> Path:
    write_answers(folder, {}, COSTS)
    np.save(folder / "top_2.npy", lists, allow_pickle=False)
    return folder


def test_what_is_handed_in_is_read_again(tmp_path: Path) -> None:
    good = np.asarray([[4, 5, -1], [0, 1, -1]])

    write_answers(tmp_path / "answers", {"2": good}, COSTS)
    answers = _read(tmp_path / "answers")

    assert answers.lists["2"].tolist() == good.tolist()
    assert answers.costs == COSTS


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        ([[4, 5, 4], [0, 1, 4]], "names an item twice"),
        ([[4, 5, -1], [0, 2, -1]], "names an item of the context"),
        ([[4, -1, 5], [0, 1, -1]], "goes on after a -1"),
        ([[4, 5, 6], [0, 1, -1]], "names items outside 0..5"),
        ([[4, 5, -2], [0, 1, -1]], "names items outside 0..5"),
        ([[4, 5, -1]], "answers 1 cases of 2"),
        ([[-1] * 101] * 2, "is int32 of shape (2, 101)"),
        ([4, 5], "is int32 of shape (2,)"),
    ],
)
def test_lists_that_are_no_answers_are_refused_with_what_was_found(tmp_path: Path, lists: Any, found: str) -> None:
    with pytest.raises(AnswersError) as caught:
        _read(_handed_in(tmp_path, np.asarray(lists, np.int32)))

    assert str(caught.value) == (
        f"top_2.npy {found}; expected int32 item numbers, 100 a case at most, each once, none of the context, then -1."
    )


def test_scores_in_place_of_item_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=r"top_2\.npy is float64 of shape \(2, 3\)"):
        _read(_handed_in(tmp_path, np.zeros((2, 3))))


def test_missing_lists_are_named(tmp_path: Path) -> None:
    write_answers(tmp_path, {}, COSTS)

    with pytest.raises(AnswersError, match=r"Found no readable top_2\.npy"):
        _read(tmp_path)


def test_a_model_that_declined_says_why(tmp_path: Path) -> None:
    decline(tmp_path / "answers", "no categories")

    with pytest.raises(AnswersError, match=r"^no categories$"):
        _read(tmp_path / "answers")


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (None, r"Found no readable about\.json"),
        ("{", r"Found no readable about\.json"),
        ("[]", r"about\.json is not what was expected"),
        (json.dumps({"seconds": {}, "peak_memory_bytes": 0, "colour": "red"}), r"about\.json .*'colour'"),
    ],
)
def test_costs_that_cannot_be_read_are_named(tmp_path: Path, about: str | None, message: str) -> None:
    folder = _handed_in(tmp_path, np.asarray([[4], [0]], np.int32))
    (folder / "about.json").unlink()
    if about is not None:
        (folder / "about.json").write_text(about)

    with pytest.raises(AnswersError, match=message):
        _read(folder)
