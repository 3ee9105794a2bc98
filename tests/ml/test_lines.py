from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.errors import DataError
from bundle_ml.lines import ReadReport, read_baskets
from tests.ml.worlds import HEADER, write_lines

NOON = "2024-03-01 12:00:00+00"


def _sets(baskets: Baskets) -> list[set[str]]:
    return [{baskets.keys[item] for item in baskets[row]} for row in range(len(baskets))]


def _read(tmp_path: Path, *rows: tuple[Any, ...], **options: Any) -> tuple[Baskets, ReadReport]:
    return read_baskets(write_lines(tmp_path / "lines.csv", rows), **options)


def _microseconds(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1e6)  # type: ignore[misc,arg-type]


def test_lines_become_baskets_in_the_order_of_time(tmp_path: Path) -> None:
    baskets, report = _read(
        tmp_path,
        ("2", "mug", 1, "9.00", "2024-03-02 08:00:00+00", "t"),
        ("1", "cup", 2, "9.00", NOON, "t"),
        ("1", "mug", 1, "9.00", NOON, "t"),
    )

    assert baskets.keys == ("cup", "mug")
    assert _sets(baskets) == [{"cup", "mug"}, {"mug"}]
    assert baskets.quantities.tolist() == [2, 1, 1]
    assert (report.lines_read, report.lines_kept, report.single_item_baskets) == (3, 3, 1)


def test_every_line_is_kept_or_dropped_for_exactly_one_reason(tmp_path: Path) -> None:
    baskets, report = _read(
        tmp_path,
        ("1", "mug", 1, "9.00", NOON, "t"),
        ("1", "mug", 2, "9.00", NOON, "t"),
        ("1", "", 1, "9.00", NOON, "t"),
        ("1", "cup", 0, "9.00", NOON, "t"),
        ("1", "cup", -3, "9.00", NOON, "t"),
        ("2", "cup", 1, "9.00", NOON, "f"),
        ("3", "cup", "many", "9.00", NOON, "t"),
        ("", "cup", 1, "9.00", NOON, "t"),
        ("4", "cup", 1, "9.00", "yesterday", "t"),
        ("5", "cup", 1, "9.00", "2023-02-30 12:00:00", "t"),
        ("6", "cup", 1, "9.00", NOON, "perhaps"),
        ("7", "forgotten", 1, "9.00", NOON, "t"),
        ("8", "only", "three columns"),
        catalogue_keys=["mug", "cup"],
    )

    assert report.dropped == {
        "malformed": 6,
        "null_item": 1,
        "not_counted": 1,
        "non_positive_quantity": 2,
        "not_in_catalogue": 1,
        "oversized_basket": 0,
        "duplicate_line": 1,
    }
    assert report.lines_read == report.lines_kept + sum(report.dropped.values()) == 13
    assert _sets(baskets) == [{"mug"}]
    assert baskets.quantities.tolist() == [3]


def test_a_basket_above_the_limit_is_dropped_whole(tmp_path: Path) -> None:
    rows = [("big", f"item{number}", 1, "1.00", NOON, "t") for number in range(4)]

    baskets, report = _read(tmp_path, *rows, ("small", "item1", 1, "1.00", NOON, "t"), max_basket_items=3)

    assert _sets(baskets) == [{"item1"}]
    assert (report.oversized_baskets, report.dropped["oversized_basket"]) == (1, 4)


def test_the_order_of_lines_in_the_file_does_not_matter(tmp_path: Path) -> None:
    rows = [
        (str(order), f"item{order % 3}", 1, "1.00", f"2024-03-{1 + order % 5:02d} 10:00:00", "t") for order in range(40)
    ]

    one, _ = _read(tmp_path, *rows)
    other, _ = _read(tmp_path, *reversed(rows))

    assert one.fingerprint() == other.fingerprint()


def test_orders_without_a_time_come_first_and_numbers_sort_as_numbers(tmp_path: Path) -> None:
    baskets, _ = _read(
        tmp_path,
        ("1", "timed", 1, "1.00", NOON, "t"),
        ("10", "ten", 1, "1.00", "", ""),
        ("9", "nine", "", "", "", ""),
    )

    assert _sets(baskets) == [{"nine"}, {"ten"}, {"timed"}]
    assert baskets.ordered_at[0] == UNKNOWN_TIME


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2011-12-09 12:50:00+00", (2011, 12, 9, 12, 50)),
        ("2011-12-09 12:50:00+02", (2011, 12, 9, 10, 50)),
        ("2011-12-09T12:50:00.250000+05:30", (2011, 12, 9, 7, 20, 0, 250000)),
        ("2011-12-09T12:50:00Z", (2011, 12, 9, 12, 50)),
        ("2011-12-09 12:50:00", (2011, 12, 9, 12, 50)),
        ("2011-12-09", (2011, 12, 9)),
    ],
)
def test_times_are_understood(tmp_path: Path, text: str, moment: tuple[int, ...]) -> None:
    baskets, _ = _read(tmp_path, ("1", "mug", 1, "1.00", text, "t"))

    assert baskets.ordered_at.tolist() == [_microseconds(*moment)]


def test_only_two_columns_are_required(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "lines.csv", [("1", "mug"), ("1", "cup")], header=("order_key", "item_key"))

    baskets, _ = read_baskets(path)

    assert _sets(baskets) == [{"cup", "mug"}]
    assert baskets.quantities.tolist() == [1, 1]


def test_a_file_with_only_a_header_is_an_empty_shop(tmp_path: Path) -> None:
    baskets, report = _read(tmp_path)

    assert (len(baskets), baskets.item_count, report.lines_read) == (0, 0, 0)


def test_csv_and_parquet_give_the_same_baskets(tmp_path: Path) -> None:
    rows = [
        (1, 101, 2, 9.5, datetime(2024, 3, 1, 12, tzinfo=UTC), True),
        (1, 102, 1, 9.5, datetime(2024, 3, 1, 12, tzinfo=UTC), True),
    ]
    parquet = tmp_path / "lines.parquet"
    pyarrow.parquet.write_table(pa.table(dict(zip(HEADER, map(list, zip(*rows, strict=True)), strict=True))), parquet)

    from_parquet, _ = read_baskets(parquet)
    from_csv, _ = read_baskets(write_lines(tmp_path / "lines.csv", rows))

    assert from_parquet.fingerprint() == from_csv.fingerprint()


def test_blocks_do_not_split_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundle_ml.lines.BLOCK_BYTES", 4096)
    rows = [(str(line // 7), f"item{line % 50}", 1, "1.00", NOON, "t") for line in range(700)]

    baskets, report = _read(tmp_path, *rows)

    assert len(baskets) == 100
    assert report.lines_kept == 700


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("order_id", "item_id"), "missing: order_key, item_key"),
        (
            ("order_key", "sku"),
            "has the columns 'order_key', 'sku'; expected at least order_key, item_key (missing: item_key)",
        ),
        (("order_key", " item_key"), "has the columns 'order_key', ' item_key'; expected at least"),
        (("order_key", "item_key", "item_key"), "'item_key', 'item_key'; expected item_key once. Drop or rename"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, header: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_baskets(write_lines(tmp_path / "lines.csv", [("1", "a")], header=header))

    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Found no file '.*nothing\.csv'; expected CSV or Parquet with the columns order_key, item_key"
    ):
        read_baskets(tmp_path / "nothing.csv")


def test_a_file_that_is_no_parquet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    path.write_bytes(b"not parquet at all")

    with pytest.raises(DataError, match=r"lines\.parquet could not be read"):
        read_baskets(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(1, "mug", 1, "", "01/12/2010 08:26", "t")] * 12 + [(1, "mug", 1, "", NOON, "t")],
            "12 of 13 lines are malformed, most in ordered_at: found '01/12/2010 08:26', "
            "expected the form '2010-12-01 08:26:00+00'",
        ),
        ([(1, "mug", "1,5", "", NOON, "t")] * 10, "most in quantity: found '1,5', expected the form '1'"),
        ([(1, "mug", 1, "", NOON, "yes")] * 10, "most in counts: found 'yes', expected the form 't'"),
        ([("", "mug", 1, "", NOON, "t")] * 10, "most in order_key: found '', expected the form '1001'"),
        ([(1, "mug", 1)] * 10, "most in (the line): found 3 cells, expected the form as many cells as the header"),
    ],
)
def test_a_file_that_is_mostly_malformed_says_what_was_expected(
    tmp_path: Path, rows: list[tuple[Any, ...]], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, *rows)

    assert message in str(caught.value)


def test_few_malformed_lines_or_less_than_half_of_them_are_only_counted(tmp_path: Path) -> None:
    good, bad = (1, "mug", 1, "", NOON, "t"), (1, "mug", "many", "", NOON, "t")

    assert _read(tmp_path, *[bad] * 9)[1].dropped["malformed"] == 9
    assert _read(tmp_path, *[bad] * 10, *[good] * 10)[1].dropped["malformed"] == 10


@pytest.mark.parametrize(
    "text", ["0000-01-01 00:00:00", "0001-01-01 00:00:00+02", "9999-12-31 23:59:59-05", "2024-03-01 12:00:00+99"]
)
def test_a_time_out_of_the_calendar_is_malformed(tmp_path: Path, text: str) -> None:
    baskets, report = _read(tmp_path, ("1", "mug", 1, "1.00", text, "t"), ("2", "mug", 1, "1.00", NOON, "t"))

    assert (len(baskets), report.dropped["malformed"]) == (1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"order_key": pa.array([[1]]), "item_key": pa.array(["mug"])},
        {"order_key": pa.array([b"\xff"]), "item_key": pa.array(["mug"])},
    ],
)
def test_parquet_columns_that_are_no_text_say_so(tmp_path: Path, columns: dict[str, pa.Array]) -> None:
    path = tmp_path / "lines.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)

    with pytest.raises(DataError, match=r"lines\.parquet could not be read: .*Expected CSV in UTF-8"):
        read_baskets(path)


def test_a_parquet_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    names = ["order_key", "item_key", "item_key"]
    pyarrow.parquet.write_table(pa.Table.from_arrays([pa.array(["1"])] * 3, names), path)

    with pytest.raises(DataError, match="expected item_key once"):
        read_baskets(path)


@pytest.mark.parametrize("content", ["order_key,item_key\n1,Käse\n".encode("latin-1"), b'"' + b"x" * 200_000])
def test_a_csv_file_that_cannot_be_read_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"lines\.csv could not be read: .*Expected CSV in UTF-8"):
        read_baskets(path)


SHOPPER_HEADER = ("order_key", "item_key", "ordered_at", "shopper_key")


def test_shoppers_are_numbers_and_an_order_of_nobody_is_nobodys(tmp_path: Path) -> None:
    rows = [("1", "mug", NOON, "f3"), ("2", "cup", NOON, ""), ("3", "cup", NOON, "a9"), ("4", "mug", NOON, "f3")]

    baskets, _ = read_baskets(write_lines(tmp_path / "lines.csv", rows, SHOPPER_HEADER))

    assert baskets.shoppers is not None
    assert baskets.shoppers.tolist() == [1, -1, 0, 1]


def test_no_key_of_a_shopper_is_kept(tmp_path: Path) -> None:
    rows = [("1", "mug", "no time at all", "secret-pseudonym"), ("2", "cup", NOON, "secret-pseudonym")]

    baskets, report = read_baskets(write_lines(tmp_path / "lines.csv", rows, SHOPPER_HEADER))

    assert report.dropped["malformed"] == 1
    assert "secret" not in repr((baskets, report))


def test_lines_in_another_order_have_the_same_shoppers(tmp_path: Path) -> None:
    rows = [("1", "mug", NOON, "b"), ("1", "cup", NOON, ""), ("2", "mug", NOON, "a"), ("1", "jar", NOON, "c")]

    one, other = (
        read_baskets(write_lines(tmp_path / "lines.csv", each, SHOPPER_HEADER))[0] for each in (rows, rows[::-1])
    )

    assert one.shoppers is not None
    assert other.shoppers is not None
    assert one.shoppers.tolist() == other.shoppers.tolist() == [2, 0]


def test_lines_without_the_column_know_no_shoppers(tmp_path: Path) -> None:
    assert _read(tmp_path, ("1", "mug", 1, "9.00", NOON, "t"))[0].shoppers is None


def test_a_report_is_a_sentence(tmp_path: Path) -> None:
    _, report = _read(tmp_path, ("1", "mug", 1, "", NOON, "t"), ("1", "", 1, "", NOON, "t"))

    assert str(report) == "2 lines read, 1 kept; dropped: 1 null_item"


def test_a_million_lines_become_fifty_thousand_baskets_of_twenty(tmp_path: Path) -> None:
    path = tmp_path / "lines.parquet"
    numbers = np.arange(1_000_000)
    columns = {"order_key": pa.array(numbers // 20), "item_key": pa.array(numbers * 7919 % 5000)}
    pyarrow.parquet.write_table(pa.table(columns), path)

    baskets, report = read_baskets(path)

    assert report.lines_read == report.lines_kept == 1_000_000
    assert baskets.lengths.tolist() == [20] * 50_000
