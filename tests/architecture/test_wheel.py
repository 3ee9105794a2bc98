"""What users install: the two packages and nothing else, with templates, translations and types."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_two_packages_and_nothing_else(names: set[str]) -> None:
    top_level = {name.split("/", 1)[0] for name in names}

    assert {name for name in top_level if not name.endswith(".dist-info")} == {"bundle_app", "bundle_ml"}


@pytest.mark.parametrize(
    "name",
    [
        "bundle_app/py.typed",
        "bundle_ml/py.typed",
        "bundle_app/templates/bundle_app/widget.html",
        "bundle_app/static/bundle_app/widget.css",
        "bundle_app/locale/zh_Hans/LC_MESSAGES/django.mo",
        "bundle_app/migrations/0001_initial.py",
        "bundle_app/management/commands/bundles_train.py",
    ],
)
def test_the_wheel_holds_what_is_not_python_too(names: set[str], name: str) -> None:
    assert name in names


def test_the_wheel_holds_no_tests_and_no_sources_of_translations(names: set[str]) -> None:
    shipped = names - {"bundle_app/testing.py"}  # contract tests that a shop runs on its own adapter
    assert shipped < names
    assert not [name for name in shipped if "test" in name.rsplit("/", 1)[-1] or name.endswith(".po")]
