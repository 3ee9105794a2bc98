"""Order lines, streamed out of a CSV or Parquet file into baskets, every dropped line counted.

The file is read in blocks by pyarrow; what grows with the shop is one int32 for the order, one for the item and one
float32 for the quantity of each line, and, while reading, the key and the time of each order. Line order in the file
does not matter: orders are sorted by time and key, items by key, so the same data give the same baskets, byte for
byte. What a cell means stands in `cells`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, BoolArray, FloatArray, IntArray, OffsetArray, baskets_from_pairs
from bundle_ml.cells import EXAMPLES, as_array, as_text, instants, quantities, truths
from bundle_ml.errors import DataError

WHOLE_LINE = "(the line)"
NOBODY = ""
REQUIRED = ("order_key", "item_key")
OPTIONAL = ("quantity", "ordered_at", "counts", "shopper_key")
"""`shopper_key` is a pseudonym made by whoever exports the lines, never a raw user id or an address. It tells whose
orders are whose while the file is read; what is kept is a number, and no key gets into an artefact or a log."""
BLOCK_BYTES = 8 << 20
SUSPICIOUS_LINES = 10
"""So many malformed lines, if they are most of the file, are a mistake in the file rather than slips in it."""

# Why a line does not count, in the order in which reasons are looked for.
MALFORMED = "malformed"
NULL_ITEM = "null_item"
NOT_COUNTED = "not_counted"
NON_POSITIVE_QUANTITY = "non_positive_quantity"
NOT_IN_CATALOGUE = "not_in_catalogue"
OVERSIZED_BASKET = "oversized_basket"
DUPLICATE_LINE = "duplicate_line"
REASONS = (
    MALFORMED,
    NULL_ITEM,
    NOT_COUNTED,
    NON_POSITIVE_QUANTITY,
    NOT_IN_CATALOGUE,
    OVERSIZED_BASKET,
    DUPLICATE_LINE,
)


@dataclass(slots=True)
class ReadReport:
    """What became of the lines. Every line is kept, or dropped for exactly one reason."""

    lines_read: int = 0
    lines_kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    single_item_baskets: int = 0
    oversized_baskets: int = 0
    malformed_cells: Counter[str] = field(default_factory=Counter)
    """Column → how many of its cells were not understood; one line may count under several."""
    malformed_examples: dict[str, str] = field(default_factory=dict)
    """Column → the first such cell."""

    def counts(self) -> dict[str, Any]:
        """How many lines were read and kept, and how many dropped for which reason."""
        dropped = {reason: count for reason, count in self.dropped.items() if count}
        return {"lines_read": self.lines_read, "lines_kept": self.lines_kept, "dropped": dropped}

    def __str__(self) -> str:
        dropped = ", ".join(f"{self.dropped[reason]:,} {reason}" for reason in REASONS if self.dropped[reason])
        return f"{self.lines_read:,} lines read, {self.lines_kept:,} kept; dropped: {dropped or 'none'}"


@dataclass(slots=True)
class _Numbering:
    """Give each key the next free number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, keys: pa.ChunkedArray) -> IntArray:
        encoded = keys.combine_chunks().dictionary_encode()
        numbers = [self.numbers.setdefault(key, len(self.numbers)) for key in encoded.dictionary.to_pylist()]
        return np.take(np.asarray(numbers, np.int32), as_array(encoded.indices))


@dataclass(slots=True)
class _Pairs:
    """What is kept of the lines read so far."""

    order_numbers: _Numbering = field(default_factory=_Numbering)
    item_numbers: _Numbering = field(default_factory=_Numbering)
    shopper_numbers: _Numbering = field(default_factory=_Numbering)
    order_times: OffsetArray = field(default_factory=lambda: np.empty(0, np.int64))
    orders: list[IntArray] = field(default_factory=list)
    items: list[IntArray] = field(default_factory=list)
    quantities: list[FloatArray] = field(default_factory=list)
    shoppers: list[IntArray] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        orders = self.order_numbers(table.column("order_key"))
        instants = table.column("instant").to_numpy()
        self.order_times = _earliest(self.order_times, orders, instants, len(self.order_numbers.numbers))
        self.orders.append(orders)
        self.items.append(self.item_numbers(table.column("item_key")))
        self.quantities.append(table.column("quantity").to_numpy().astype(np.float32))
        if "shopper_key" in table.column_names:
            self.shoppers.append(self.shopper_numbers(table.column("shopper_key")))

    def shopper_keys(self) -> tuple[str, ...]:
        """The keys of shoppers by their numbers."""
        return tuple(sorted(self.shopper_numbers.numbers.keys() - {NOBODY}))

    def shopper_of_order(self) -> IntArray | None:
        """Number shoppers by sorted key, -1 where an order names none; one that names several is the last key's."""
        if not self.shoppers:
            return None
        keys = list(self.shopper_numbers.numbers)
        number_of = np.empty(len(keys), np.int32)
        number_of[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys), dtype=np.int32)
        number_of -= NOBODY in self.shopper_numbers.numbers  # the empty key is the first, and becomes -1
        found = np.full(len(self.order_numbers.numbers), -1, np.int32)
        np.maximum.at(found, np.concatenate(self.orders), number_of[np.concatenate(self.shoppers)])
        return found


def read_baskets(
    path: Path,
    catalogue_keys: Sequence[str] | None = None,
    *,
    max_basket_items: int = 1000,
    on_block: Callable[[int], None] = lambda _lines_read: None,
) -> tuple[Baskets, ReadReport]:
    """Read order lines into baskets; see `read_lines`."""
    found = read_lines(path, catalogue_keys, max_basket_items=max_basket_items, on_block=on_block)
    return found.baskets, found.report


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """What was read. The keys of shoppers are there for what else is read of them, and go no further."""

    baskets: Baskets
    report: ReadReport
    shopper_keys: tuple[str, ...] = field(repr=False)


def read_lines(
    path: Path,
    catalogue_keys: Sequence[str] | None = None,
    *,
    max_basket_items: int = 1000,
    on_block: Callable[[int], None] = lambda _lines_read: None,
) -> Lines:
    """Read order lines into baskets.

    Without catalogue keys every bought item counts. The vocabulary is what was bought, not the whole catalogue.

    Raises:
        DataError: the file is missing, unreadable, lacks a required column, or most of its lines are malformed.
    """
    report, pairs = ReadReport(), _Pairs()
    with explaining(path):
        for block in blocks(path, report, required=REQUIRED, optional=OPTIONAL):
            pairs.add(_keep_countable(block, report))
            on_block(report.lines_read)
    require_mostly_well_formed(report, path)
    orders = np.concatenate([np.empty(0, np.int32), *pairs.orders])
    quantities = np.concatenate([np.empty(0, np.float32), *pairs.quantities])
    keys, items = _to_vocabulary(
        list(pairs.item_numbers.numbers), np.concatenate([np.empty(0, np.int32), *pairs.items]), catalogue_keys
    )
    known = items >= 0
    report.dropped[NOT_IN_CATALOGUE] += int((~known).sum())

    by_time = _by_time(pairs.order_times, list(pairs.order_numbers.numbers))
    place = np.empty(len(by_time), np.int32)
    place[by_time] = np.arange(len(by_time), dtype=np.int32)
    ordered_at = pairs.order_times[by_time]
    shoppers = pairs.shopper_of_order()
    baskets, merged = baskets_from_pairs(
        keys,
        place[orders[known]],
        items[known],
        quantities[known],
        ordered_at=ordered_at,
        shoppers=None if shoppers is None else shoppers[by_time],
    )
    report.dropped[DUPLICATE_LINE] += merged
    baskets = _without_oversized(baskets, report, max_basket_items=max_basket_items)
    report.single_item_baskets = int((baskets.lengths == 1).sum())
    report.lines_kept = len(baskets.items)
    return Lines(baskets=baskets, report=report, shopper_keys=pairs.shopper_keys())


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Whatever pyarrow cannot read or convert is a matter of the file."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path.name} could not be read: {error}. Expected CSV in UTF-8 with a header, or Parquet, with numbers, "
            "times or text in its columns."
        ) from error


def blocks(
    path: Path, report: ReadReport, *, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield batches with every known column, as strings or as the Parquet file's own types."""
    if not path.is_file():
        raise DataError(
            f"Found no file {str(path)!r}; expected CSV or Parquet with the columns {', '.join(required)}. "
            "Check its path."
        )
    if path.suffix == ".parquet":
        file = pyarrow.parquet.ParquetFile(path)
        present = _require_columns(file.schema_arrow.names, path, required, optional)
        batches = file.iter_batches(batch_size=1 << 17, columns=present)
    else:
        batches = _csv_batches(path, report, required, optional)
    for batch in batches:
        report.lines_read += batch.num_rows
        yield batch


def _csv_batches(
    path: Path, report: ReadReport, required: Sequence[str], optional: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    def skip(row: Any) -> str:
        report.lines_read += 1
        report.dropped[MALFORMED] += 1
        report.malformed_cells[WHOLE_LINE] += 1
        report.malformed_examples.setdefault(WHOLE_LINE, f"{row.actual_columns} cells")
        return "skip"

    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader([file.readline()]))
    present = _require_columns(header, path, required, optional)
    return iter(
        pyarrow.csv.open_csv(
            path,
            # One thread: skipped rows are counted from Python, and blocks keep their order.
            read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=present,
                column_types=dict.fromkeys(present, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    )


def _require_columns(found: Sequence[str], path: Path, required: Sequence[str], optional: Sequence[str]) -> list[str]:
    names = f"{path.name} has the columns {', '.join(map(repr, found)) or '(none)'}"
    present = [name for name in (*required, *optional) if name in found]
    twice = [name for name in present if found.count(name) > 1]
    if twice:
        raise DataError(f"{names}; expected {', '.join(twice)} once. Drop or rename the other.")
    missing = [name for name in required if name not in found]
    if missing:
        raise DataError(
            f"{names}; expected at least {', '.join(required)} (missing: {', '.join(missing)}), spelt exactly so. "
            "Rename the columns or map them."
        )
    return present


def _keep_countable(block: pa.RecordBatch, report: ReadReport) -> pa.Table:
    """Drop lines that do not count, each counted under the first reason that applies."""
    text = {name: as_text(block, name) for name in (*REQUIRED, *OPTIONAL)}
    shoppers = (
        {"shopper_key": pc.fill_null(text.pop("shopper_key"), NOBODY)} if "shopper_key" in block.schema.names else {}
    )
    valid = {"order_key": as_array(pc.is_valid(text["order_key"]))}
    quantity, valid["quantity"] = quantities(text["quantity"])
    instant, valid["ordered_at"] = instants(text["ordered_at"])
    counted, valid["counts"] = truths(text["counts"])
    _note_malformed(text, valid, report)
    keep = np.ones(block.num_rows, bool)
    for reason, mask in (
        (MALFORMED, ~np.logical_and.reduce(list(valid.values()))),
        (NULL_ITEM, as_array(pc.is_null(text["item_key"]))),
        (NOT_COUNTED, ~counted),
        (NON_POSITIVE_QUANTITY, ~(quantity > 0)),
    ):
        report.dropped[reason] += int((keep & mask).sum())
        keep &= ~mask
    columns = {"order_key": text["order_key"], "item_key": text["item_key"], "quantity": quantity, "instant": instant}
    columns |= shoppers
    return pa.table(columns).filter(pa.array(keep)).combine_chunks()


def _note_malformed(text: Mapping[str, pa.Array], valid: Mapping[str, BoolArray], report: ReadReport) -> None:
    """Remember where the malformed cells are, and what the first of each column looks like."""
    for name, well_formed in valid.items():
        rows = np.flatnonzero(~well_formed)
        if len(rows):
            report.malformed_cells[name] += len(rows)
            report.malformed_examples.setdefault(name, repr((text[name][int(rows[0])].as_py() or "")[:80]))


def require_mostly_well_formed(report: ReadReport, path: Path) -> None:
    """A file whose times, say, are all written in another way must not pass for a shop without orders."""
    malformed = report.dropped[MALFORMED]
    if malformed < SUSPICIOUS_LINES or 2 * malformed <= report.lines_read:
        return
    [(column, _)] = report.malformed_cells.most_common(1)
    expected = "as many cells as the header" if column == WHOLE_LINE else repr(EXAMPLES[column])
    raise DataError(
        f"{path.name}: {malformed:,} of {report.lines_read:,} lines are malformed, most in {column}: found "
        f"{report.malformed_examples[column]}, expected the form {expected}. Write that column so and try again."
    )


def _earliest(times: OffsetArray, orders: IntArray, instants: OffsetArray, order_count: int) -> OffsetArray:
    """An order's time is its earliest line's; unknown only when no line has one."""
    never = np.iinfo(np.int64).max
    grown = np.concatenate([times, np.full(order_count - len(times), UNKNOWN_TIME)])
    grown[grown == UNKNOWN_TIME] = never
    np.minimum.at(grown, orders, np.where(instants == UNKNOWN_TIME, never, instants))
    grown[grown == never] = UNKNOWN_TIME
    return grown


def _by_time(times: OffsetArray, order_keys: list[str]) -> npt.NDArray[np.int64]:
    """Order by time, then by key, shorter keys first so that numbers sort as numbers."""
    rank = np.empty(len(order_keys), np.int64)
    rank[sorted(range(len(order_keys)), key=lambda order: (len(order_keys[order]), order_keys[order]))] = np.arange(
        len(order_keys)
    )
    return np.lexsort((rank, times))


def _to_vocabulary(
    found: list[str], items: IntArray, catalogue_keys: Sequence[str] | None
) -> tuple[tuple[str, ...], IntArray]:
    """Renumber items by sorted key; -1 where the catalogue does not know the item."""
    keys = tuple(sorted(found if catalogue_keys is None else set(found).intersection(catalogue_keys)))
    numbers = {key: number for number, key in enumerate(keys)}
    renumber = np.asarray([numbers.get(key, -1) for key in found], np.int32)
    return keys, renumber[items] if found else items


def _without_oversized(baskets: Baskets, report: ReadReport, *, max_basket_items: int) -> Baskets:
    oversized = baskets.lengths > max_basket_items
    report.oversized_baskets = int(oversized.sum())
    report.dropped[OVERSIZED_BASKET] += int(baskets.lengths[oversized].sum())
    return baskets.where(~oversized) if oversized.any() else baskets
