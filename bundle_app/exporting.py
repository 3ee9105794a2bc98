"""The shop's orders and catalogue, written to files for the learning process.

On PostgreSQL the order lines leave by `COPY (query) TO STDOUT`: the server formats them, and no Python object is made
per row. Elsewhere a server-side cursor is iterated. Neither holds more than a buffer in memory. Either way shoppers
leave under the pseudonyms of this one export (see `pseudonyms`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from bundle_app.pseudonyms import HASHED, Pseudonyms
from bundle_app.shop import LINE_COLUMNS, SHOPPER, VIEW_COLUMNS, ShopAdapter

BUFFER_BYTES = 1 << 20
COPY = "COPY (SELECT {chosen} FROM ({query}) AS raw ({columns})) TO STDOUT WITH (FORMAT csv)"


def export_lines(adapter: ShopAdapter, path: Path, *, views: Path | None = None, since: datetime | None = None) -> int:
    """Write all order lines as CSV with a header; return how many there are.

    With a path for `views`, what shoppers looked at is written as well, where the shop records it.
    """
    lines = adapter.order_lines(since=since)
    with transaction.atomic(using=lines.db):
        pseudonyms = Pseudonyms.drawn(connections[lines.db])
        looked_at = adapter.views(since=since) if views else None
        if views and looked_at is not None:
            _write(looked_at, VIEW_COLUMNS, views, pseudonyms)
        return _write(lines, LINE_COLUMNS, path, pseudonyms)


def _write(rows: QuerySet[Any, Any], columns: Sequence[str], path: Path, pseudonyms: Pseudonyms) -> int:
    with path.open("wb", buffering=BUFFER_BYTES) as file:
        file.write(",".join(columns).encode() + b"\n")
        if rows.db == pseudonyms.alias:
            return _copy(connections[rows.db], rows, columns, file)
    return _iterate(rows, columns, path, pseudonyms)


def _copy(connection: BaseDatabaseWrapper, rows: QuerySet[Any, Any], columns: Sequence[str], file: Any) -> int:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3, mogrify

    try:
        query, params = rows.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return 0
    chosen = ", ".join(HASHED.format(id=f"raw.{name}") if name == SHOPPER else f"raw.{name}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle TO ISO")  # A role may have another; the file has one form.
        raw = mogrify(query, params, connection)
        copy = COPY.format(chosen=chosen, query=raw, columns=", ".join(columns))
        if is_psycopg3:
            with cursor.cursor.copy(copy) as blocks:
                for block in blocks:
                    file.write(block)
        else:
            cursor.cursor.copy_expert(copy, file)
        return int(cursor.cursor.rowcount)


def _iterate(rows: QuerySet[Any, Any], columns: Sequence[str], path: Path, pseudonyms: Pseudonyms) -> int:
    count, shopper = 0, columns.index(SHOPPER)
    with path.open("a", newline="", encoding="utf-8", buffering=BUFFER_BYTES) as file:
        writer = csv.writer(file)
        for row in rows.iterator(chunk_size=10_000):
            cells = [_as_text(value) for value in row]
            cells[shopper] = pseudonyms.of(row[shopper])
            writer.writerow(cells)
            count += 1
    return count


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, datetime) else value


def export_items(adapter: ShopAdapter, path: Path) -> int:
    """Write the catalogue as JSON lines; return how many items can be sold."""
    sellable_count = 0
    with path.open("w", encoding="utf-8", buffering=BUFFER_BYTES) as file:
        for item in adapter.items():
            sellable_count += item.sellable
            price = None if item.price is None else str(item.price)
            row: dict[str, Any] = {"key": item.key, "title": item.title, "category": item.category, "price": price}
            row |= {"sellable": item.sellable, "content": item.content}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return sellable_count
