"""The clubs as published files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.benchmark.for_users.datasets import UserBundles, read_dataset
from bundle_ml.for_users.histories import Ones
from tests.ml.for_users.worlds import clubs


def _write(path: Path, table: Ones) -> None:
    rows, columns = table.nonzero()
    path.write_text("".join(f"{row}\t{column}\n" for row, column in zip(rows, columns, strict=True)))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds 'youshu' with items of users, and 'steam' without."""
    folder = tmp_path_factory.mktemp("data")
    for name, with_items in (("youshu", True), ("steam", False)):
        histories, tune, test = clubs(with_items=with_items)
        (folder / name).mkdir()
        tables = {"train": histories.bundles_UB, "tune": tune, "test": test}
        for part, table in tables.items():
            _write(folder / name / f"user_bundle_{part}.txt", table)
        _write(folder / name / "bundle_item.txt", histories.contents_BI)
        if with_items:
            _write(folder / name / "user_item.txt", histories.items_UI)
    return folder


@pytest.fixture(scope="session")
def data(data_folder: Path) -> UserBundles:
    return read_dataset("youshu", data_folder)
