from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle_ml.durable import new_directory, replace_file, require_replaceable
from bundle_ml.errors import ArtefactError

FILES = ("manifest", "content")
DEAD = "0" * 32


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _make(path: Path, text: str) -> None:
    with new_directory(path, files=FILES) as filling:
        (filling / "manifest").write_text(text)


def test_a_file_is_replaced_and_nothing_else_remains(tmp_path: Path) -> None:
    (tmp_path / f".file.{DEAD}.tmp").write_bytes(b"of a run that was killed")
    for content in (b"old", b"new"):
        replace_file(tmp_path / "file", content)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert _names(tmp_path) == ["file"]


def test_a_directory_takes_the_place_of_an_empty_one_and_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for content in ("old", "new"):
        _make(tmp_path / "made", content)

    assert (tmp_path / "made" / "manifest").read_text() == "new"
    assert _names(tmp_path) == ["made"]


def test_a_failure_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    _make(tmp_path / "made", "old")

    def fail_half_way() -> None:
        with new_directory(tmp_path / "made", files=FILES) as filling:
            (filling / "content").write_text("half")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()

    assert _names(tmp_path / "made") == ["manifest"]
    assert _names(tmp_path) == ["made"]


def test_a_failed_rename_brings_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path / "made", "old")
    rename = Path.rename

    def refuse_the_new_one(path: Path, target: Path) -> Path:
        if path.suffix == ".tmp":
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(OSError, match="No space left"):
        _make(tmp_path / "made", "new")

    assert (tmp_path / "made" / "manifest").read_text() == "old"
    assert _names(tmp_path) == ["made"]


def _file(path: Path) -> None:
    path.write_text("thesis")


def _link(path: Path) -> None:
    path.with_name("elsewhere").mkdir()
    path.symlink_to(path.with_name("elsewhere"))


def _documents(path: Path) -> None:
    path.mkdir()
    (path / "manifest").touch()
    (path / "thesis").touch()


def _folders(path: Path) -> None:
    (path / "manifest").mkdir(parents=True)


def _half(path: Path) -> None:
    path.mkdir()
    (path / "content").touch()


@pytest.mark.parametrize(
    ("stands_there", "message"),
    [
        (_file, "Found a file at"),
        (_link, "Found a link at"),
        (_documents, "Found 'thesis' in"),
        (_folders, "Found 'manifest' in"),
        (_half, "Found no manifest beside content in"),
    ],
)
def test_what_is_foreign_is_refused_and_left_alone(
    tmp_path: Path, stands_there: Callable[[Path], None], message: str
) -> None:
    stands_there(tmp_path / "made")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ArtefactError, match=f"{message}.*expected nothing there, an empty directory.*Choose another"):
        require_replaceable(tmp_path / "made", files=FILES)
    with pytest.raises(ArtefactError, match=message):
        _make(tmp_path / "made", "new")

    assert sorted(tmp_path.rglob("*")) == before


def test_the_leavings_of_a_killed_writer_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (f".made.{DEAD}.tmp", f".made.{DEAD}.old", f".other.{DEAD}.tmp", ".made.mine.tmp"):
        (tmp_path / name).mkdir()

    _make(tmp_path / "made", "new")

    assert _names(tmp_path) == [".made.mine.tmp", f".other.{DEAD}.tmp", "made"]


def test_the_old_one_of_a_crash_between_two_renames_is_put_back(tmp_path: Path) -> None:
    _make(tmp_path / "made", "old")
    (tmp_path / "made").rename(tmp_path / f".made.{DEAD}.old")

    def fail() -> None:
        with new_directory(tmp_path / "made", files=FILES):
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()

    assert (tmp_path / "made" / "manifest").read_text() == "old"
    assert _names(tmp_path) == ["made"]
