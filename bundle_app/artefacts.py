"""Where trained models are kept: a Django storage, so that one machine or an object store is the shop's choice.

A model is a folder of files. Its manifest is written last, so that a folder with a manifest is complete.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.files import File
from django.core.files.storage import FileSystemStorage, InvalidStorageError, Storage, storages
from django.utils.translation import gettext as _

from bundle_app import conf
from bundle_app.exceptions import ArtefactRejected

MANIFEST = "manifest.json"
OUR_NAMES = re.compile(r"[0-9a-f]{16}-\d+")
"""Names that `name_for` gives. Other folders in the storage are none of this app's business."""


def name_for(fingerprint: str, fencing: int) -> str:
    """A name of its own for every try to train, so that no two ever write to one place."""
    return f"{fingerprint[:16]}-{fencing}"


def storage() -> Storage:
    """The storage that BUNDLE_APP["STORAGE"] names, or a folder in the work directory when STORAGES lacks it."""
    settings = conf.load()
    try:
        return storages[settings.storage]
    except InvalidStorageError:
        return FileSystemStorage(location=settings.work_dir / "artefacts")


def save(folder: Path, name: str) -> None:
    """Copy an artefact into the storage under `name`. Saving again replaces what an interrupted try left.

    Raises:
        ArtefactRejected: the storage keeps a file under another name than asked for.
    """
    target = storage()
    for path in sorted(folder.iterdir(), key=lambda path: path.name == MANIFEST):
        key = f"{name}/{path.name}"
        target.delete(key)
        with path.open("rb") as file:
            kept_as = target.save(key, File(file))
        if kept_as != key:
            raise ArtefactRejected(
                f"The storage kept {key!r} as {kept_as!r}. Models need a storage that keeps names: "
                "set file_overwrite, or give STORAGES['bundle_app'] a place of its own."
            )


@contextmanager
def fetched(name: str) -> Iterator[Path]:
    """A local copy of a stored artefact, for the time of a with block: the manifest, and what it lists.

    Raises:
        ArtefactRejected: there is no complete artefact of that name.
    """
    source = storage()
    with TemporaryDirectory(prefix="bundle_app-") as scratch:
        folder = Path(scratch) / "artefact"
        folder.mkdir()
        try:
            _fetch(source, f"{name}/{MANIFEST}", folder)
            for file_name in _listed(folder / MANIFEST):
                _fetch(source, f"{name}/{file_name}", folder)
        except FileNotFoundError as error:
            raise ArtefactRejected(
                _(
                    "The storage holds no complete model under '%(name)s'. It may have been deleted; train a new one "
                    "with `manage.py bundles_train`, or roll back to another version. What was live stays live."
                )
                % {"name": name}
            ) from error
        yield folder


def _fetch(source: Storage, key: str, folder: Path) -> None:
    with source.open(key, "rb") as stored, (folder / Path(key).name).open("wb") as file:
        shutil.copyfileobj(stored, file)


def _listed(manifest: Path) -> list[str]:
    """Names of the other files. Of a manifest that cannot be read, or names no plain files, the engine says more."""
    try:
        names = json.loads(manifest.read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        return []
    return [name for name in names if re.fullmatch(r"\w[\w.-]*", str(name)) and name != MANIFEST]


def keep_only(names: Iterable[str]) -> None:
    """Forget every artefact but these: the pruned, and what killed runs stored and never entered in the database."""
    kept = set(names)
    target = storage()
    try:
        folders = target.listdir("")[0]
    except FileNotFoundError:
        return
    for folder in folders:
        if OUR_NAMES.fullmatch(folder) and folder not in kept:
            _delete(target, folder)


def _delete(target: Storage, name: str) -> None:
    """The manifest goes first, so that half of a deletion is no artefact either."""
    for file_name in sorted(target.listdir(name)[1], key=lambda file_name: file_name != MANIFEST):
        target.delete(f"{name}/{file_name}")
    if isinstance(target, FileSystemStorage):
        target.delete(name)
