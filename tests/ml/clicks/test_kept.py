"""What is kept of a run that was stopped."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from bundle_ml.__main__ import main as command_line
from bundle_ml.clicks.kept import Kept, code_digest
from bundle_ml.clicks.visits import Visits

HERE = "tests.ml.clicks.test_kept"
"""As another process finds it."""
PROTOCOL = {"impressions": 600, "peers": ("linucb",)}
ASKED, STOPS_AT = "TEST_KEPT_ASKED", "TEST_KEPT_STOPS_AT"


def noted_shop(seed: int) -> Visits:
    """A small shop that notes that it was asked for, in whatever process, and stops the run at one seed."""
    with Path(os.environ[ASKED]).open("a") as asked:
        asked.write(f"{seed}\n")
    if os.environ[STOPS_AT] == str(seed):
        raise KeyboardInterrupt
    return Visits.generate(seed, anchor_count=6, shopper_count=200)


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
    def run(name: str, *, jobs: int = 1, stops_at: str = "") -> list[str]:
        """The seeds whose shop was made."""
        asked = tmp_path / "asked.txt"
        asked.unlink(missing_ok=True)
        monkeypatch.setenv(ASKED, str(asked))
        monkeypatch.setenv(STOPS_AT, stops_at)
        of_truth = ["--truth", f"{HERE}:noted_shop", "--seeds", "2", "--impressions", "600"]
        with suppress(KeyboardInterrupt):
            command_line(["clicks", *of_truth, "--jobs", str(jobs), "--json", str(tmp_path / name)])
        return asked.read_text().split()

    assert run("whole.json") == ["0", "1"]
    assert run("stopped.json", stops_at="1") == ["0", "1"]
    assert not (tmp_path / "stopped.json").exists()

    assert run("stopped.json", jobs=jobs) == ["1"]

    assert not (tmp_path / "stopped_seeds").exists()
    assert (tmp_path / "stopped.json").read_text() == (tmp_path / "whole.json").read_text()
