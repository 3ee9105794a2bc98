from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.benchmark.answers import AnswersError, Costs
from bundle_ml.benchmark.for_sessions.datasets import Sessions
from bundle_ml.benchmark.for_sessions.protocol import (
    HITS,
    OVERLAP,
    Exam,
    draw_exam,
    read_given,
    read_named,
    write_given,
    write_named,
)
from bundle_ml.errors import DataError

COSTS = Costs(seconds={"tuning": 1.0}, peak_memory_bytes=1)


@pytest.fixture(scope="module")
def exam(data: Sessions) -> Exam:
    return draw_exam(data, seed=0)


def test_what_is_written_is_read_back(exam: Exam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")

    assert read_given(tmp_path / "split") == exam.given


def test_the_bundles_of_test_sessions_are_never_written(exam: Exam, tmp_path: Path) -> None:
    write_given(exam.given, tmp_path / "split")

    written = json.loads((tmp_path / "split" / "split.json").read_text())
    assert [each["bundles"] for each in written["asked"]] == [[]] * len(exam.test)
    assert [tuple(each["items"]) for each in written["asked"]] == [session.items for session in exam.test]


def test_every_session_is_in_one_part(data: Sessions, exam: Exam) -> None:
    parts = (*exam.given.train, *exam.given.validation, *exam.test)

    assert (len(exam.given.train), len(exam.given.validation), len(exam.test)) == (30, 9, 21)
    assert sorted(each.items for each in parts) == sorted(each.items for each in data.sessions)


def test_the_questions_are_the_same_for_a_seed_and_have_a_name(data: Sessions, exam: Exam) -> None:
    assert draw_exam(data, seed=0) == exam
    assert draw_exam(data, seed=1).given.fingerprint != exam.given.fingerprint


def test_a_handful_of_sessions_is_no_exam(data: Sessions) -> None:
    with pytest.raises(DataError, match="holds 19 sessions with a bundle; expected at least 20"):
        draw_exam(replace(data, sessions=data.sessions[:19]), seed=0)


def _named(exam: Exam) -> Any:
    return {measure: tuple(session.bundles for session in exam.test) for measure in (HITS, OVERLAP)}


def test_what_is_handed_in_is_read_back(exam: Exam, tmp_path: Path) -> None:
    write_named(tmp_path, _named(exam), COSTS)

    assert read_named(tmp_path, exam.given.asked) == (_named(exam), COSTS)


@pytest.mark.parametrize(
    "change",
    [
        lambda bundles: bundles[:-1],
        lambda bundles: [[[5000, 5001]], *bundles[1:]],
        lambda bundles: [[bundles[0][0][:1]], *bundles[1:]],
        lambda bundles: [bundles[0] * 30, *bundles[1:]],
        lambda bundles: [["two", "words"], *bundles[1:]],
        lambda _bundles: 7,
    ],
)
def test_what_is_no_answer_is_refused(exam: Exam, tmp_path: Path, change: Any) -> None:
    write_named(tmp_path, _named(exam), COSTS)
    file = tmp_path / "hits.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))

    with pytest.raises(AnswersError, match=r"hits\.json.*expected up to 50 lists of two or more items"):
        read_named(tmp_path, exam.given.asked)


def test_nothing_handed_in_is_no_answer(exam: Exam, tmp_path: Path) -> None:
    with pytest.raises(AnswersError, match=r"Found no readable about\.json"):
        read_named(tmp_path, exam.given.asked)
