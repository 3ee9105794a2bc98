"""What is kept of a run that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main as command_line
from bundle_ml.clicks import command
from bundle_ml.clicks.kept import Kept, code_digest
from tests.ml.clicks.test_command import __name__ as HERE

PROTOCOL = {"impressions": 600, "peers": ("linucb",)}


def test_a_seed_is_found_again_by_its_number_under_the_same_protocol_alone(tmp_path: Path) -> None:
    kept = Kept.beside(tmp_path / "clicks.json", PROTOCOL)
    kept.put(3, {"fraud": {"points": 1.5}})

    assert Kept.beside(tmp_path / "clicks.json", PROTOCOL).get(3) == {"fraud": {"points": 1.5}}
    assert kept.get(4) is None
    assert Kept.beside(tmp_path / "clicks.json", {**PROTOCOL, "impressions": 601}).get(3) is None
    assert Kept.beside(tmp_path / "others.json", PROTOCOL).get(3) is None


def test_what_is_not_whole_counts_for_nothing(tmp_path: Path) -> None:
    kept = Kept.beside(tmp_path / "clicks.json", PROTOCOL)
    kept.put(3, {})
    (tmp_path / "clicks_seeds" / "3.json").write_text('{"protocol": ')

    assert kept.get(3) is None


def test_sweeping_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    kept = Kept.beside(tmp_path / "clicks.json", PROTOCOL)
    kept.put(3, {})
    note = tmp_path / "clicks_seeds" / "note.txt"
    note.write_text("mine")

    kept.sweep([3, 4])
    assert note.read_text() == "mine"
    note.unlink()
    kept.sweep([3])

    assert not note.parent.exists()


def test_other_code_is_another_protocol() -> None:
    assert code_digest("bundle_ml.clicks.visits") == code_digest("bundle_ml.clicks.needs"), "both are the package's own"
    assert code_digest(__name__) != code_digest("bundle_ml.clicks.visits")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_was_stopped_goes_on_and_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    def arguments(name: str, jobs: int) -> list[str]:
        of_truth = ["--truth", f"{HERE}:small_shop", "--seeds", "2", "--impressions", "600"]
        return ["clicks", *of_truth, "--jobs", str(jobs), "--json", str(tmp_path / name)]

    command_line(arguments("whole.json", 1))
    measure, asked = command.measure_seed, list[int]()

    def stopped_at_the_second(*args: Any, seed: int, **more: Any) -> dict[str, Any]:
        asked.append(seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return measure(*args, seed=seed, **more)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(command, "measure_seed", stopped_at_the_second)
        command_line(arguments("stopped.json", 1))
    assert (tmp_path / "stopped_seeds" / "0.json").is_file()

    command_line(arguments("stopped.json", jobs))

    assert asked == [0, 1]
    assert not (tmp_path / "stopped_seeds").exists()
    assert (tmp_path / "stopped.json").read_text() == (tmp_path / "whole.json").read_text()
