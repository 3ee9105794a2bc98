"""Orders by the name of a public data set, or out of a file.

A file has the columns of `python -m bundle_ml train --lines` (order_key, item_key), or those of the demo (order_id,
item_id and where there quantity, ordered_at, title, category). Of the second form lines are left out as the example
shop leaves them out: an order whose number starts with C before digits was cancelled, and what has no positive quantity
was not bought. Either way `lines` reads and counts them.
"""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from bundle_ml.baskets import Baskets
from bundle_ml.benchmark.for_sessions.datasets import NAMES as NAMES_FOR_SESSIONS
from bundle_ml.benchmark.for_users.datasets import NAMES as NAMES_FOR_USERS
from bundle_ml.catalogue import CatalogueItem
from bundle_ml.errors import DataError
from bundle_ml.lines import ReadReport, read_baskets

NAMES = ("online_retail_ii", "instacart_train", "tafeng")
CANCELLED = r"^[cC]\d"
LINE_COLUMNS = {"order_key", "item_key"}
DEMO_COLUMNS = {
    "order_id": "order_key",
    "item_id": "item_key",
    "quantity": "quantity",
    "ordered_at": "ordered_at",
    "user_id": "shopper_key",
}
"""Column of the demo's order files → column of `lines`."""
CATEGORY_COLUMNS = ("category", "aisle")
"""What a column of categories may be called, the first that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Baskets, and what is known of the items in them."""

    name: str
    baskets: Baskets
    items: Mapping[str, CatalogueItem]
    report: ReadReport


def read_dataset(name: str, folder: Path) -> Orders:
    """Read a public data set out of the folder that holds them all.

    Raises:
        DataError: the name is unknown or the folder lacks it.
    """
    if name not in NAMES:
        raise DataError(
            f"Unknown data set {name!r}; expected one of {', '.join((*NAMES, *NAMES_FOR_USERS, *NAMES_FOR_SESSIONS))}. "
            "Read a file of your own with --orders FILE."
        )
    orders, items = folder / name / "orders.parquet", folder / name / "items.parquet"
    if not orders.is_file():
        raise DataError(
            f"Found no file {str(orders)!r}; expected the data sets' folder to hold it. "
            "Name the folder with --data DIR or BUNDLE_DATA_DIR, or read a file of your own with --orders FILE."
        )
    return read_orders(orders, name=name, items=items if items.is_file() else None)


def read_orders(path: Path, *, name: str | None = None, items: Path | None = None) -> Orders:
    """Read an order file, and item titles and categories from beside it or from its own columns.

    Raises:
        DataError: the file is missing, unreadable or lacks a column.
    """
    if not path.is_file():
        raise DataError(f"Found no file {str(path)!r}; expected order lines as CSV or Parquet. Check --orders.")
    name = name or path.name.partition(".")[0]
    found = _column_names(path)
    if found >= LINE_COLUMNS:
        baskets, report = read_baskets(path)
        return Orders(name=name, baskets=baskets, items={}, report=report)
    if not {"order_id", "item_id"} <= found:
        raise DataError(
            f"{path.name} has the columns {', '.join(sorted(map(repr, found))) or '(none)'}; "
            "expected order_id and item_id, or order_key and item_key. Rename its columns."
        )
    table = _read_table(path)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / f"{path.name.partition('.')[0]}.parquet"
        pyarrow.parquet.write_table(_as_lines(table), lines)
        baskets, report = read_baskets(lines)
    about = _describe(table if items is None else _read_table(items))
    return Orders(name=name, baskets=baskets, items=about, report=report)


def _column_names(path: Path) -> set[str]:
    if path.suffix == ".parquet":
        with suppress(pa.ArrowException):
            return set(pyarrow.parquet.read_schema(path).names)
        raise DataError(f"{path.name} is no Parquet file. Expected order lines as CSV with a header, or Parquet.")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        return set(next(csv.reader([file.readline()]), []))


def _read_table(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path)
        texts = dict.fromkeys(("order_id", "item_id", "title", *CATEGORY_COLUMNS), pa.string())
        return pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types=texts))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} could not be read: {error}. Expected CSV with a header, or Parquet.") from error


def _as_lines(table: pa.Table) -> pa.Table:
    """Rename the demo's columns and mark the lines of cancelled orders as not counting."""
    columns = {new: table[old] for old, new in DEMO_COLUMNS.items() if old in table.column_names}
    for key in ("order_key", "item_key", *({"shopper_key"} & columns.keys())):
        columns[key] = pc.utf8_trim_whitespace(columns[key].cast(pa.string()))
    counts = pc.invert(pc.match_substring_regex(columns["order_key"], CANCELLED))
    return pa.table({**columns, "counts": counts.cast(pa.string())})


def _describe(table: pa.Table) -> dict[str, CatalogueItem]:
    """Take each item's title and category from the first line that has it."""
    names = table.column_names
    category = next((name for name in CATEGORY_COLUMNS if name in names), None)
    keys = pc.utf8_trim_whitespace(table["item_id"].cast(pa.string())).to_pylist()
    nothing = [None] * len(keys)
    titles = table["title"].cast(pa.string()).to_pylist() if "title" in names else nothing
    categories = table[category].cast(pa.string()).to_pylist() if category else nothing
    first_titles = {key: title for key, title in reversed(list(zip(keys, titles, strict=True))) if title}
    first_categories = {key: each for key, each in reversed(list(zip(keys, categories, strict=True))) if each}
    return {
        key: CatalogueItem(key=key, title=first_titles.get(key, key), category=first_categories.get(key))
        for key in dict.fromkeys(keys)
        if key
    }
