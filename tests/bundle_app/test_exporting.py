from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from bundle_app.exporting import export_items, export_lines
from bundle_app.pseudonyms import Pseudonyms
from bundle_app.shop import LINE_COLUMNS, VIEW_COLUMNS, FieldMapAdapter
from tests.tutorial.orders.models import Order
from tests.tutorial.shop.models import Product
from tests.worlds import make_order, make_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tutorial_shop")]


@pytest.fixture(params=["copy", "cursor"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways by which lines leave: PostgreSQL's COPY, and a cursor as for other databases."""
    if request.param == "cursor":
        monkeypatch.setattr(connection, "vendor", "another")
    return str(request.param)


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


def test_the_export_holds_no_customer_but_tells_whose_orders_are_whose(tmp_path: Path, way: str) -> None:
    (product,) = make_products(1)
    for email in ("ann@example.com", "ben@example.com", "ann@example.com", ""):
        order = make_order(product)
        Order.objects.filter(pk=order.pk).update(email=email)

    export_lines(FieldMapAdapter(), tmp_path / "lines.csv")

    assert "example.com" not in (tmp_path / "lines.csv").read_text(), way
    by_order = {row["order_key"]: row["shopper_key"] for row in rows(tmp_path / "lines.csv")}
    ann, ben, again, nobody = (by_order[key] for key in sorted(by_order, key=int))
    assert ann == again != ben
    assert (len(ann), nobody) == (16, "")


def test_two_exports_cannot_be_laid_side_by_side(tmp_path: Path, way: str) -> None:
    make_order(*make_products(1))

    for name in ("one.csv", "other.csv"):
        export_lines(FieldMapAdapter(), tmp_path / name)

    (one,), (other,) = rows(tmp_path / "one.csv"), rows(tmp_path / "other.csv")
    assert one.pop("shopper_key") != other.pop("shopper_key"), way
    assert one == other


def test_the_salt_stands_in_no_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent to the server can be read in its log; the salt is made there and comes back as a result."""
    make_order(*make_products(1))
    drawn: list[Pseudonyms] = []
    draw = Pseudonyms.drawn

    def remembered(of: BaseDatabaseWrapper) -> Pseudonyms:
        drawn.append(draw(of))
        return drawn[-1]

    monkeypatch.setattr(Pseudonyms, "drawn", remembered)

    with CaptureQueriesContext(connection) as queries:
        export_lines(FieldMapAdapter(), tmp_path / "lines.csv")

    assert len(drawn[0].salt) == 72
    assert not [query for query in queries.captured_queries if drawn[0].salt in query["sql"]]
    assert drawn[0].salt not in repr(drawn[0])
    assert drawn[0].of("somebody@example.com") == rows(tmp_path / "lines.csv")[0]["shopper_key"]


def test_a_shop_without_shoppers_exports_an_empty_column(tmp_path: Path, settings: Any, way: str) -> None:
    make_order(*make_products(1))
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "tutorial", "line": {"shopper": None}}}

    assert export_lines(FieldMapAdapter(), tmp_path / "lines.csv") == 1

    assert [row["shopper_key"] for row in rows(tmp_path / "lines.csv")] == [""], way


def test_views_leave_under_the_same_pseudonyms_as_order_lines(tmp_path: Path, settings: Any, way: str) -> None:
    """The tutorial shop records no views; its order lines stand in for them."""
    first, second = make_products(2)
    make_order(first, second)
    looked = {"shopper": "order__email", "item": "product_id", "viewed_at": "order__created"}
    settings.BUNDLE_APP = {
        **settings.BUNDLE_APP,
        "MAP": {"preset": "tutorial", "product_view": "orders.OrderItem", "view": looked},
    }

    export_lines(FieldMapAdapter(), tmp_path / "lines.csv", views=tmp_path / "views.csv")

    views, lines = rows(tmp_path / "views.csv"), rows(tmp_path / "lines.csv")
    assert tuple(views[0]) == VIEW_COLUMNS, way
    assert {(row["shopper_key"], row["item_key"]) for row in views} == {
        (row["shopper_key"], row["item_key"]) for row in lines
    }
    assert FieldMapAdapter().problems() == []


def test_a_shop_that_records_no_views_writes_no_file_of_them(tmp_path: Path) -> None:
    export_lines(FieldMapAdapter(), tmp_path / "lines.csv", views=tmp_path / "views.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["lines.csv"]


def test_a_cursor_gives_the_same_lines_as_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_order(*make_products(2), paid=False)
    export_lines(FieldMapAdapter(), tmp_path / "copy.csv")

    monkeypatch.setattr(connection, "vendor", "another")
    export_lines(FieldMapAdapter(), tmp_path / "cursor.csv")

    copied, iterated = rows(tmp_path / "copy.csv"), rows(tmp_path / "cursor.csv")
    for row in copied + iterated:
        row["ordered_at"] = row["ordered_at"].replace("T", " ")[:19]
        assert len(row.pop("shopper_key")) == 16
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
        "content": False,
    }
