"""Fills the shop from an order file, so that the shop *is* the shop that the file is about.

`read_order_file` understands the file (columns, products, orders, members) without touching the database;
`import_orders` writes what it understood. Whatever a file says of people is left out: a member gets a running number
and an unusable password, the file's own number is not kept.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils.text import slugify

from example_shop.filling import (
    Progress,
    can_copy,
    copy_csv,
    count_sales,
    create_members,
    is_filled_from,
    next_pk,
    reset_sequences,
    write_rows,
)
from example_shop.models import Category, Order, OrderLine, Product, ShopSource
from example_shop.order_file import OrderFile, read_order_file
from example_shop.pictures import motif_of

STOCK = 500
OTHER = ("other", "Other", "其他")
LINES_AT_A_TIME = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was written."""

    product_count: int
    not_for_sale_count: int
    order_count: int
    cancelled_count: int
    line_count: int
    member_count: int


@transaction.atomic
def import_orders(path: Path, *, progress: Progress) -> ImportReport | None:
    """Fill the empty shop from a CSV or Parquet file. None if it was filled from this very file before.

    Raises:
        AlreadyFilled: the shop holds something else.
        OrderFileError: the file cannot be understood; the message says why.
    """
    fingerprint = _fingerprint(path)
    if is_filled_from(ShopSource.Kind.IMPORTED, path.name, fingerprint):
        return None
    progress(f"Reading {path.name}")
    file = read_order_file(path)
    progress(f"Writing {len(file.products):,} products")
    product_pks = _write_products(file)
    progress(f"Writing {file.member_count:,} members")
    member_pks = create_members(file.member_count)
    progress(f"Writing {len(file.order_keys):,} orders")
    first_order_pk = _write_orders(file, member_pks)
    _write_lines(file, first_order_pk=first_order_pk, product_pks=product_pks, progress=progress)
    progress("Counting sales")
    reset_sequences()
    _analyse()
    count_sales()
    ShopSource.objects.create(kind=ShopSource.Kind.IMPORTED, name=path.name, fingerprint=fingerprint)
    return ImportReport(
        product_count=len(file.products),
        not_for_sale_count=sum(not product.is_for_sale for product in file.products),
        order_count=len(file.order_keys),
        cancelled_count=int(file.order_is_cancelled.sum()),
        line_count=len(file.line_order),
        member_count=file.member_count,
    )


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_products(file: OrderFile) -> list[int]:
    """Primary keys in the order of `file.products`."""
    categories: dict[str, Category] = {}
    products = []
    for product in file.products:
        slug, name, name_zh = _category_of(product.category, product.title, product.key)
        if slug not in categories:
            section = Category.Section.CONTENT if slug in {"books", "films", "music"} else Category.Section.GOODS
            position = 99 if slug == OTHER[0] else 1
            categories[slug] = Category.objects.create(
                slug=slug, name=name, name_zh=name_zh, section=section, position=position
            )
        products.append(
            Product(
                sku=product.key,
                title=product.title,
                category=categories[slug],
                price=product.price,
                stock=STOCK,
                active=product.is_for_sale,
            )
        )
    return [product.pk for product in Product.objects.bulk_create(products, batch_size=2000)]


def _category_of(given: str, title: str, key: str) -> tuple[str, str, str]:
    """Slug, name and Chinese name: as the file says, or else by what the title names."""
    if given:
        return slugify(given, allow_unicode=True)[:60] or OTHER[0], given[:80], ""
    group = motif_of(title, key).group
    return (group.slug, group.name, group.name_zh) if group is not None else OTHER


def _write_orders(file: OrderFile, member_pks: list[int]) -> int:
    """The first order's primary key; the others follow without a gap."""
    first_pk = next_pk(Order)
    cancelled, paid = Order.Status.CANCELLED.value, Order.Status.PAID.value
    write_rows(
        Order,
        ("id", "number", "user_id", "email", "placed_at", "status"),
        (
            (
                first_pk + index,
                key,
                member_pks[member] if member >= 0 else None,
                "",
                _moment(placed_at),
                cancelled if is_cancelled else paid,
            )
            for index, (key, member, placed_at, is_cancelled) in enumerate(
                zip(file.order_keys, file.order_member, file.order_placed_at, file.order_is_cancelled, strict=True)
            )
        ),
    )
    return first_pk


def _moment(placed_at: np.datetime64) -> datetime | None:
    """File times carry no zone; they are taken as UTC."""
    moment = placed_at.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None


def _write_lines(file: OrderFile, *, first_order_pk: int, product_pks: list[int], progress: Progress) -> None:
    columns = ("order_id", "product_id", "title", "quantity", "unit_price", "discount")
    pks = np.array(product_pks)
    total = len(file.line_order)
    for start in range(0, total, LINES_AT_A_TIME):
        chunk = slice(start, start + LINES_AT_A_TIME)
        rows = {
            "order_id": file.line_order[chunk] + first_order_pk,
            "product_id": pks[file.line_product[chunk]],
            "title": [file.products[index].title for index in file.line_product[chunk].tolist()],
            "quantity": file.line_quantity[chunk],
            "unit_price": np.round(file.line_unit_price[chunk], 2),
            "discount": np.zeros(len(file.line_order[chunk]), dtype=np.int8),
        }
        if can_copy():
            copy_csv(OrderLine, columns, _csv(rows))
        else:
            write_rows(OrderLine, columns, zip(*(_plain(column) for column in rows.values()), strict=True))
        progress(f"Writing order lines: {min(start + LINES_AT_A_TIME, total):,} of {total:,}")


def _csv(columns: dict[str, Any]) -> io.BytesIO:
    import pyarrow as pa
    from pyarrow import csv

    target = io.BytesIO()
    csv.write_csv(pa.table(columns), target, csv.WriteOptions(include_header=False))
    target.seek(0)
    return target


def _plain(column: Any) -> list[Any]:
    values = column.tolist() if isinstance(column, np.ndarray) else column
    return [Decimal(str(value)) if isinstance(value, float) else value for value in values]


def _analyse() -> None:
    """Tell the planner how large the tables have become, or it counts sales the slow way."""
    if can_copy():
        with connection.cursor() as cursor:
            for model in (Order, OrderLine, Product):
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
