"""Files and directories that are either there whole or not there at all.

Write under a temporary name beside the target, flush to the disk, rename. A reader, or a run after a power cut, meets
the old state or the new one. One window remains: a directory cannot be renamed over another, so the old one steps
aside first, and a crash between these two renames leaves the path empty and the old one beside it as `.NAME.….old`;
the next writer puts it back. One writer a path: it sweeps away what it takes for the leavings of a dead one.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bundle_ml.errors import ArtefactError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    _sweep(path)
    temporary = _beside(path, "tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_directory(path.parent)


def require_replaceable(path: Path, *, files: Sequence[str]) -> None:
    """Make sure that nothing foreign stands at the path: nothing, an empty directory, or one written here before.

    That is one which holds the first of these files, and nothing but these.

    Raises:
        ArtefactError: says what was found; nothing was touched.
    """
    if not os.path.lexists(path):
        return
    advice = f"expected nothing there, an empty directory, or one with {', '.join(files)} alone. Choose another path."
    if path.is_symlink() or not path.is_dir():
        raise ArtefactError(f"Found a {'link' if path.is_symlink() else 'file'} at {str(path)!r}; {advice}")
    found = {entry.name for entry in path.iterdir()}
    foreign = sorted(found - set(files)) or sorted(name for name in found if not (path / name).is_file())
    if foreign:
        raise ArtefactError(f"Found {', '.join(map(repr, foreign[:3]))} in {str(path)!r}; {advice}")
    if found and files[0] not in found:
        raise ArtefactError(f"Found no {files[0]} beside {', '.join(sorted(found))} in {str(path)!r}; {advice}")


@contextmanager
def new_directory(path: Path, *, files: Sequence[str]) -> Iterator[Path]:
    """Yield an empty sibling to fill; on success it takes the place of `path`, on failure nothing remains of it.

    Raises:
        ArtefactError: something foreign stands at the path (see `require_replaceable`).
    """
    path = path.absolute()
    require_replaceable(path, files=files)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    filling = _beside(path, "tmp")
    filling.mkdir()
    try:
        yield filling
        for file in filling.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        _flush_directory(filling)
        _take_place(filling, path)
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    _flush_directory(path.parent)


def _take_place(filling: Path, path: Path) -> None:
    """Rename to the target; a directory cannot be renamed over one that is not empty, so the old one steps aside."""
    if not path.exists():
        filling.rename(path)
        return
    old = _beside(path, "old")
    path.rename(old)
    try:
        filling.rename(path)
    except OSError:
        old.rename(path)
        raise
    _remove(old)


def _sweep(path: Path) -> None:
    """Clear up after writers of this path that were killed; an old directory goes back where it has no successor."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}\.(tmp|old)")
    for left in sorted(entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)):
        if left.suffix == ".old" and not path.exists():
            left.rename(path)
        else:
            _remove(left)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.{kind}")


def _remove(path: Path) -> None:
    """Remove what nobody will miss: where that fails, the next writer sweeps again."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
