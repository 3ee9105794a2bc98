from __future__ import annotations

import io
import json

import pytest

from bundle_ml.progress import STAGES, Bar, Event, JsonLines, Reporter


def test_progress_within_stages_becomes_progress_within_the_run() -> None:
    events: list[Event] = []
    reporter = Reporter(events.append)

    for stage in STAGES:
        reporter.enter(stage, "begins")
        reporter.at(0.5, "half")
        reporter.at(1.5, "over")
    reporter.close()

    told = [event.progress for event in events]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert set(reporter.seconds) == set(STAGES)


def test_each_stage_is_timed() -> None:
    times = iter([10.0, 12.5, 12.5, 13.0])
    reporter = Reporter(clock=lambda: next(times))

    reporter.enter("read", "")
    reporter.enter("train", "")
    reporter.close()

    assert reporter.seconds == {"read": 2.5, "train": 0.5}


def test_json_lines_follow_the_contract_and_are_not_too_many() -> None:
    stream = io.StringIO()
    times = iter([0.0, 0.1, 0.2, 0.9])
    lines = JsonLines(stream, clock=lambda: next(times))

    lines(Event(stage="train", progress=0.1, message="one", epoch=1, loss=5.0))
    lines(Event(stage="train", progress=0.2, message="too soon", epoch=1, loss=5.0))
    lines(Event(stage="train", progress=0.3, message="new epoch", epoch=2, loss=4.0, validation_ndcg=0.1))
    lines(Event(stage="train", progress=0.4, message="later", epoch=2, loss=4.0, validation_ndcg=0.1))

    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in told] == ["one", "new epoch", "later"]
    assert list(told[0]) == ["stage", "progress", "message", "epoch", "loss", "validation_ndcg"]
    assert told[0]["validation_ndcg"] is None


def test_the_bar_shows_stage_and_share(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar(Event(stage="train", progress=0.5, message="epoch 1"))
    bar.close()

    assert "50%" in capsys.readouterr().err
