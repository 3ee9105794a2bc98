from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from bundle_ml.benchmark.datasets import Orders, read_dataset, read_orders
from bundle_ml.errors import DataError
from tests.ml.worlds import write_lines

NOON = "2024-03-01 12:00:00"
DEMO_HEADER = ("order_id", "item_id", "quantity", "ordered_at", "title", "category")


def _sets(orders: Orders) -> list[set[str]]:
    baskets = orders.baskets
    return [{baskets.keys[item] for item in baskets[row]} for row in range(len(baskets))]


def test_files_of_both_forms_give_the_same_baskets(tmp_path: Path) -> None:
    rows = [(order, f"item{order % 4 + place}", 1, NOON) for order in range(6) for place in range(2)]
    ours = write_lines(tmp_path / "ours.csv", rows, ("order_key", "item_key", "quantity", "ordered_at"))
    demo = write_lines(tmp_path / "demo.csv", rows, DEMO_HEADER[:4])

    one, other = read_orders(ours), read_orders(demo)

    assert (one.name, other.name) == ("ours", "demo")
    assert one.baskets.fingerprint() == other.baskets.fingerprint()


def test_cancelled_orders_and_returned_goods_are_left_out(tmp_path: Path) -> None:
    rows = [
        ("100", "mug", 2, NOON, "Mug", ""),
        ("100", "cup", -1, NOON, "Cup", ""),
        ("C101", "mug", 1, NOON, "Mug", ""),
        ("Corner-7", "cup", 1, NOON, "Cup", ""),
    ]

    orders = read_orders(write_lines(tmp_path / "orders.csv", rows, DEMO_HEADER))

    assert sorted(map(sorted, _sets(orders))) == [["cup"], ["mug"]]
    assert orders.report.dropped["not_counted"] == 1


def test_an_item_is_described_by_the_first_line_that_does(tmp_path: Path) -> None:
    rows = [
        ("1", "mug", 1, NOON, "", "china"),
        ("1", "cup", 1, NOON, "", ""),
        ("2", "mug", 1, NOON, "Blue mug", "glass"),
    ]

    items = read_orders(write_lines(tmp_path / "orders.csv", rows, DEMO_HEADER)).items

    assert (items["mug"].title, items["mug"].category) == ("Blue mug", "china")
    assert (items["cup"].title, items["cup"].category) == ("cup", None)


def test_numbers_stay_the_keys_that_they_are_in_a_csv_file(tmp_path: Path) -> None:
    rows = [("0017", "00042", 1, NOON, "Mug", "")]

    assert read_orders(write_lines(tmp_path / "orders.csv", rows, DEMO_HEADER)).baskets.keys == ("00042",)


def test_a_data_set_has_its_items_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "instacart_train"
    folder.mkdir()
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    orders = {"order_id": [1, 1, 2], "item_id": [7, 8, 7], "ordered_at": [moment, moment, moment]}
    pyarrow.parquet.write_table(pa.table(orders), folder / "orders.parquet")
    items = {"item_id": [7, 8], "title": ["Milk", "Bread"], "aisle": ["dairy", "bakery"]}
    pyarrow.parquet.write_table(pa.table(items), folder / "items.parquet")

    read = read_dataset("instacart_train", tmp_path)

    assert read.name == "instacart_train"
    assert _sets(read) == [{"7", "8"}, {"7"}]
    assert (read.items["8"].title, read.items["8"].category) == ("Bread", "bakery")


def test_an_unknown_data_set_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Unknown data set 'movies'; expected one of online_retail_ii, .*--orders FILE"
    ):
        read_dataset("movies", tmp_path)


def test_a_folder_without_the_data_set_says_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Found no file '.*orders\.parquet'; .*--data DIR or BUNDLE_DATA_DIR"):
        read_dataset("tafeng", tmp_path)


def test_a_file_without_the_columns_says_which_it_has(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "orders.csv", [("1", "mug")], ("order_id", "sku"))

    with pytest.raises(DataError) as caught:
        read_orders(path)

    assert str(caught.value) == (
        "orders.csv has the columns 'order_id', 'sku'; expected order_id and item_id, or order_key and item_key. "
        "Rename its columns."
    )


def test_a_missing_file_and_one_that_is_no_parquet_say_so(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_bytes(b"not parquet at all")

    with pytest.raises(DataError, match=r"Found no file '.*nothing\.csv'; expected order lines as CSV or Parquet"):
        read_orders(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match=r"orders\.parquet is no Parquet file"):
        read_orders(tmp_path / "orders.parquet")
