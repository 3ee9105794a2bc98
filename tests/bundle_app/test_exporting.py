from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from bundle_app.exporting import export_items, export_lines
from bundle_app.shop import LINE_COLUMNS, FieldMapAdapter
from tests.tutorial.shop.models import Product
from tests.worlds import make_order, make_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tutorial_shop")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_lines_leave_with_a_header_and_are_counted(tmp_path: Path) -> None:
    first, second = make_products(2, price="2.50")
    order = make_order(first, second, quantity=3)

    count = export_lines(FieldMapAdapter(), tmp_path / "lines.csv")

    exported = rows(tmp_path / "lines.csv")
    assert count == 2
    assert tuple(exported[0]) == LINE_COLUMNS
    assert {row["item_key"] for row in exported} == {str(first.pk), str(second.pk)}
    assert {(row["order_key"], row["quantity"], row["unit_price"], row["counts"]) for row in exported} == {
        (str(order.pk), "3", "2.50", "t")
    }
    assert exported[0]["ordered_at"].startswith(f"{order.created:%Y-%m-%d %H:%M:%S}")


def test_a_shop_without_orders_exports_a_header(tmp_path: Path) -> None:
    assert export_lines(FieldMapAdapter(), tmp_path / "lines.csv") == 0
    assert (tmp_path / "lines.csv").read_text() == ",".join(LINE_COLUMNS) + "\n"


def test_the_export_holds_no_customer(tmp_path: Path) -> None:
    make_order(*make_products(2))

    export_lines(FieldMapAdapter(), tmp_path / "lines.csv")

    assert "somebody@example.com" not in (tmp_path / "lines.csv").read_text()


def test_a_cursor_gives_the_same_lines_as_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_order(*make_products(2), paid=False)
    export_lines(FieldMapAdapter(), tmp_path / "copy.csv")

    monkeypatch.setattr(connection, "vendor", "another")
    export_lines(FieldMapAdapter(), tmp_path / "cursor.csv")

    copied, iterated = rows(tmp_path / "copy.csv"), rows(tmp_path / "cursor.csv")
    for row in copied + iterated:
        row["ordered_at"] = row["ordered_at"].replace("T", " ")[:19]
    assert copied == iterated


def test_values_in_filters_are_quoted_by_the_driver(tmp_path: Path, settings: Any) -> None:
    make_order(*make_products(1))
    settings.BUNDLE_APP = {
        **settings.BUNDLE_APP,
        "MAP": {"preset": "tutorial", "counted": {"order__email": "o'hara%s@example.com"}},
    }

    export_lines(FieldMapAdapter(), tmp_path / "lines.csv")

    assert [row["counts"] for row in rows(tmp_path / "lines.csv")] == ["f"]


def test_no_lines_at_all_is_no_error(tmp_path: Path) -> None:
    class Empty(FieldMapAdapter):
        def order_lines(self, *, since: Any = None) -> Any:
            return super().order_lines(since=since).none()

    assert export_lines(Empty(), tmp_path / "lines.csv") == 0


def test_a_role_with_another_date_style_changes_nothing(tmp_path: Path) -> None:
    order = make_order(*make_products(1))
    with connection.cursor() as cursor:
        cursor.execute("SET datestyle TO 'SQL, DMY'")
    try:
        export_lines(FieldMapAdapter(), tmp_path / "lines.csv")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET datestyle")

    assert rows(tmp_path / "lines.csv")[0]["ordered_at"].startswith(f"{order.created:%Y-%m-%d}")


def test_the_catalogue_leaves_as_json_lines(tmp_path: Path) -> None:
    product, hidden = make_products(2, category="茶具", price="5.00")
    Product.objects.filter(pk=hidden.pk).update(available=False)

    sellable_count = export_items(FieldMapAdapter(), tmp_path / "items.jsonl")

    lines = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert sellable_count == 1
    assert min(lines, key=lambda line: line["title"]) == {
        "key": str(product.pk),
        "title": "Thing 1",
        "category": "茶具",
        "price": "5.00",
        "sellable": True,
    }
