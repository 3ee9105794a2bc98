from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from bundle_app import artefacts, engine
from bundle_app.exceptions import ArtefactRejected
from tests.worlds import make_artefact, make_candidate


class RenamingStorage(FileSystemStorage):
    """Gives every file a name of its own, as some storages do to avoid overwriting."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return super().get_available_name(f"{name}.new", max_length)


pytestmark = pytest.mark.usefixtures("tutorial_shop")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_artefact(tmp_path / "made", [make_candidate("1", ["1", "2"])])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_saved_comes_back_byte_for_byte(folder: Path) -> None:
    artefacts.save(folder, "one")

    with artefacts.fetched("one") as local:
        assert contents(local) == contents(folder)


def test_saving_again_replaces_what_was_there(folder: Path, tmp_path: Path) -> None:
    artefacts.save(make_artefact(tmp_path / "older", []), "one")
    artefacts.save(folder, "one")

    with artefacts.fetched("one") as local:
        assert contents(local) == contents(folder)


def test_an_artefact_without_a_manifest_does_not_exist(folder: Path) -> None:
    artefacts.save(folder, "one")
    artefacts.storage().delete("one/manifest.json")

    message = r"no complete model under 'one'.* train a new one .*bundles_train"
    with pytest.raises(ArtefactRejected, match=message), artefacts.fetched("one"):
        pass


def test_what_no_version_names_is_forgotten_and_what_is_not_ours_is_left_alone(folder: Path) -> None:
    kept, forgotten = artefacts.name_for("a" * 64, 1), artefacts.name_for("b" * 64, 2)
    for name in (kept, forgotten, "holiday-pictures"):
        artefacts.save(folder, name)
    artefacts.storage().delete(f"{forgotten}/manifest.json")  # a deletion that was broken off

    artefacts.keep_only([kept])
    artefacts.keep_only([kept])

    assert sorted(artefacts.storage().listdir("")[0]) == [kept, "holiday-pictures"]


def test_a_manifest_cannot_make_us_read_outside_the_artefact(folder: Path) -> None:
    artefacts.save(folder, "one")
    stored = artefacts.storage()
    with stored.open("one/manifest.json") as file:
        manifest = json.loads(file.read())
    manifest["files"]["../../secret"] = manifest["files"]["vocabulary.json"]
    stored.delete("one/manifest.json")
    stored.save("one/manifest.json", ContentFile(json.dumps(manifest)))

    with artefacts.fetched("one") as local:
        assert {path.name for path in local.iterdir()} <= {path.name for path in folder.iterdir()}
        with pytest.raises(ArtefactRejected, match="secret"):
            engine.verified_manifest(local)


def test_a_storage_that_renames_files_is_refused(folder: Path, settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "bundle_app": {
            "BACKEND": "tests.bundle_app.test_artefacts.RenamingStorage",
            "OPTIONS": {"location": tmp_path / "renaming"},
        },
    }

    with pytest.raises(ArtefactRejected, match="Models need a storage that keeps names"):
        artefacts.save(folder, "one")


def test_without_a_storage_alias_models_are_kept_in_the_work_directory(
    folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "bundle_app"}

    artefacts.save(folder, "one")

    assert (tmp_path / "work" / "artefacts" / "one" / "manifest.json").is_file()
