"""The planted sessions as published files, one domain of three with something to say."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from bundle_ml.benchmark.for_sessions.datasets import DOMAINS, Sessions, read_domains
from tests.ml.for_sessions.worlds import goods, sessions


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for number, domain in enumerate(DOMAINS):
        write_domain(folder / "bundlerec" / domain, seed=number)
    return folder


def write_domain(folder: Path, *, seed: int, count: int = 60) -> None:
    """Item number N has the key 1000 + N; the last session has no bundle."""
    folder.mkdir(parents=True)
    shelf, found = goods(), sessions(count, seed=seed)
    bundles = [(session, bundle) for session, each in enumerate(found) for bundle in each.bundles]
    rows = [(session, 1000 + item) for session, each in enumerate(found) for item in each.items]
    _write(folder / "session_item.csv", ("session ID", "item ID"), [*rows, (count, 1000), (count, 1001)])
    _write(
        folder / "session_bundle.csv",
        ("session ID", "bundle ID"),
        [(session, number) for number, (session, _) in enumerate(bundles)],
    )
    _write(
        folder / "bundle_item.csv",
        ("bundle ID", "item ID"),
        [(number, 1000 + item) for number, (_, bundle) in enumerate(bundles) for item in sorted(bundle)],
    )
    _write(
        folder / "item_titles.csv",
        ("item ID", "titles"),
        [(1000 + item, title.replace("thing", "thing &amp; more")) for item, title in enumerate(shelf.titles)],
    )
    _write(
        folder / "item_categories.csv",
        ("item ID", "categories"),
        [
            (1000 + item, "[" + ",".join(f"[{','.join(path)}]" for path in paths) + "]")
            for item, paths in enumerate(shelf.paths)
        ],
    )


@pytest.fixture(scope="session")
def data(data_folder: Path) -> Sessions:
    return read_domains("bundlerec_food", data_folder)[0]
