"""The public sets of ready-made bundles, as their literature publishes them: pairs of numbers, a pair a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bundle_ml.errors import DataError
from bundle_ml.for_users.histories import Histories, Ones, table_of

NAMES = ("youshu", "steam")
SPLIT = ("train", "tune", "test")
CONTENTS, USER_ITEMS = "bundle_item.txt", "user_item.txt"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UserBundles:
    """A data set, cut as published."""

    name: str
    histories: Histories
    """Of train."""
    tune_UB: Ones
    test_UB: Ones


def read_dataset(name: str, folder: Path) -> UserBundles:
    """Read a data set out of the folder that holds them all. One without user_item.txt has empty users' items.

    Raises:
        DataError: the name is unknown, a file is missing or is not what it should be.
    """
    if name not in NAMES:
        raise DataError(f"Unknown data set {name!r}; expected one of {', '.join(NAMES)}.")
    pairs = {part: _read_pairs(folder / name / f"user_bundle_{part}.txt") for part in SPLIT}
    contents = _read_pairs(folder / name / CONTENTS)
    has_items = (folder / name / USER_ITEMS).is_file()
    items = _read_pairs(folder / name / USER_ITEMS) if has_items else np.empty((0, 2), np.int64)
    user_count = _count(0, *pairs.values(), items)
    bundle_count = max(_count(1, *pairs.values()), _count(0, contents))
    item_count = _count(1, contents, items)

    def users_bundles(part: str) -> Ones:
        return table_of(pairs[part], rows=user_count, columns=bundle_count, name=f"user_bundle_{part}.txt")

    histories = Histories(
        bundles_UB=users_bundles("train"),
        items_UI=table_of(items, rows=user_count, columns=item_count, name=USER_ITEMS),
        contents_BI=table_of(contents, rows=bundle_count, columns=item_count, name=CONTENTS),
    )
    return UserBundles(name=name, histories=histories, tune_UB=users_bundles("tune"), test_UB=users_bundles("test"))


def _count(column: int, *tables: npt.NDArray[np.int64]) -> int:
    """Numbers start at 0, so there are as many as the greatest says."""
    return 1 + max((int(pairs[:, column].max()) for pairs in tables if len(pairs)), default=-1)


def _read_pairs(path: Path) -> npt.NDArray[np.int64]:
    if not path.is_file():
        raise DataError(
            f"Found no file {str(path)!r}; expected the data sets' folder to hold it. "
            "Name the folder with --data DIR or BUNDLE_DATA_DIR."
        )
    try:
        pairs = np.array(path.read_text(encoding="utf-8").split(), np.int64)
    except ValueError as error:
        raise DataError(f"{path.name} could not be read: {error}. Expected two numbers a line.") from error
    if len(pairs) % 2:
        raise DataError(f"{path.name} holds {len(pairs)} numbers; expected two a line.")
    return pairs.reshape(-1, 2)
