"""An order file becomes the shop that it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

from example_shop.models import Category, Order, OrderLine, Product, ShopSource
from example_shop.order_file import readable_title

pytestmark = pytest.mark.django_db

FILE = """\
order_id,user_id,item_id,quantity,unit_price,ordered_at,title
1001,ann@example.org,85123A,6,2.55,2010-12-01 08:26:00,WHITE HANGING HEART T-LIGHT HOLDER
1001,ann@example.org,71053,6,3.39,2010-12-01 08:26:00,WHITE METAL LANTERN
1001,ann@example.org,POST,1,18.00,2010-12-01 08:26:00,POSTAGE
1002,,71053,2,3.75,2010-12-02 09:00:00,WHITE METAL LANTERN
1002,,71053,1,3.75,2010-12-02 09:00:00,damaged?
C1003,ann@example.org,85123A,-2,2.55,2010-12-03 10:00:00,WHITE HANGING HEART T-LIGHT HOLDER
1004,bob,22720,-5,0,2010-12-04 10:00:00,SET OF 3 CAKE TINS PANTRY DESIGN
"""


@pytest.fixture
def order_file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


def run(path: Path) -> str:
    out = StringIO()
    call_command("import_orders", path, stdout=out)
    return out.getvalue()


def test_a_csv_file_fills_products_orders_and_members(order_file: Path) -> None:
    said = run(order_file)
    assert "7 lines of 4 orders (2 cancelled), 4 products (2 not for sale), 2 members." in said
    order = Order.objects.get(number="1001")
    assert order.placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert order.status == Order.Status.PAID
    assert list(order.lines.values_list("product__sku", "quantity", "unit_price")) == [
        ("85123A", 6, Decimal("2.55")),
        ("71053", 6, Decimal("3.39")),
        ("POST", 1, Decimal("18.00")),
    ]
    assert Order.objects.get(number="1002").user is None


def test_a_parquet_file_gives_the_same_shop(order_file: Path, tmp_path: Path) -> None:
    from pyarrow import csv, parquet

    target = tmp_path / "orders.parquet"
    parquet.write_table(csv.read_csv(order_file), target)
    assert "7 lines of 4 orders (2 cancelled), 4 products (2 not for sale), 2 members." in run(target)


@pytest.mark.parametrize(
    ("shouted", "written"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("SET OF 3 CAKE TINS  PANTRY DESIGN, 15CM", "Set of 3 Cake Tins Pantry Design, 15cm"),
        ("POPPY'S PLAYHOUSE BEDROOM", "Poppy's Playhouse Bedroom"),
        ("iPad stand", "iPad stand"),
    ],
)
def test_a_title_that_shouts_is_written_as_a_shop_would(shouted: str, written: str) -> None:
    assert readable_title(shouted) == written


def test_titles_are_readable_and_prices_are_the_median_of_the_last(order_file: Path) -> None:
    run(order_file)
    lantern = Product.objects.get(sku="71053")
    assert (lantern.title, lantern.price) == ("White Metal Lantern", Decimal("3.75"))
    assert lantern.category == Category.objects.get(slug="candles-lights")
    assert lantern.sold_count == 2


def test_postage_and_what_was_never_sold_are_not_for_sale(order_file: Path) -> None:
    run(order_file)
    assert set(Product.objects.filter(active=False).values_list("sku", flat=True)) == {"POST", "22720"}


def test_returns_keep_their_quantity_and_their_order_is_cancelled(order_file: Path) -> None:
    run(order_file)
    assert set(Order.objects.filter(status="cancelled").values_list("number", flat=True)) == {"C1003", "1004"}
    assert OrderLine.objects.get(order__number="C1003").quantity == -2


def test_no_number_of_a_person_is_kept(order_file: Path) -> None:
    run(order_file)
    names = set(get_user_model().objects.values_list("username", flat=True))
    assert names == {"member-000001", "member-000002"}
    assert not get_user_model().objects.filter(email__contains="@").exists()


def test_the_same_file_twice_does_nothing_the_second_time(order_file: Path) -> None:
    run(order_file)
    assert "already filled from this file" in run(order_file)
    assert Order.objects.count() == 4


def test_another_file_is_refused_with_advice(order_file: Path, tmp_path: Path) -> None:
    run(order_file)
    other = tmp_path / "other.csv"
    other.write_text("order_id,item_id\n1,2\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"already filled from orders\.csv .*make demo-reset"):
        run(other)
    assert ShopSource.objects.get().name == "orders.csv"


def test_order_and_item_are_columns_enough(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("order_id,item_id\n1,mug\n1,pot\n2,mug\n", encoding="utf-8")
    assert "3 lines of 2 orders (0 cancelled), 2 products (0 not for sale), 0 members." in run(path)
    assert Order.objects.get(number="1").placed_at is None
    assert Product.objects.get(sku="mug").price == Decimal("10.00")


def test_a_given_category_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("order_id,item_id,title,category\n1,7,Dune,Books\n1,8,Mug,Kitchen things\n", encoding="utf-8")
    run(path)
    assert Category.objects.get(name="Books").section == Category.Section.CONTENT
    assert Product.objects.get(sku="8").category.slug == "kitchen-things"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "invoice,sku\n1,2\n", r"lacks the columns order_id and item_id\. Found: invoice, sku\. Expected"),
        ("a.csv", "order_id,sku\n1,2\n", r"lacks the column item_id\. Found: order_id, sku\."),
        ("a.csv", "order_id,item_id\n", r"has no row with both order_id and item_id"),
        ("a.csv", "order_id,item_id,quantity\n1,2,many\n", r"column quantity .* something else than a number"),
        ("a.csv", "order_id,item_id,ordered_at\n1,2,yesterday\n", r"column ordered_at .* a time such as"),
        ("a.csv", f"order_id,item_id\n1,{'x' * 61}\n", r"has 61 characters; expected at most 60"),
        ("a.xlsx", "", r"ends in '\.xlsx'; expected \.csv, \.csv\.gz or \.parquet"),
        ("a.parquet", "no parquet at all", r"a\.parquet cannot be read"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=message):
        run(path)
    assert not Product.objects.exists()
    assert not ShopSource.objects.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no file .*nowhere\.csv"):
        run(tmp_path / "nowhere.csv")
