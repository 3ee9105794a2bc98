"""The shop's orders and catalogue, written to files for the learning process.

On PostgreSQL the order lines leave by `COPY (query) TO STDOUT`: the server formats them, and no Python object is made
per row. Elsewhere a server-side cursor is iterated. Neither holds more than a buffer in memory.
"""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from bundle_app.shop import LINE_COLUMNS, ShopAdapter

BUFFER_BYTES = 1 << 20


def export_lines(adapter: ShopAdapter, path: Path, *, since: datetime | None = None) -> int:
    """Write all order lines as CSV with a header; return how many there are."""
    lines = adapter.order_lines(since=since)
    connection = connections[lines.db]
    with path.open("wb", buffering=BUFFER_BYTES) as file:
        file.write(",".join(LINE_COLUMNS).encode() + b"\n")
        if connection.vendor == "postgresql":
            return _copy(connection, lines, file)
    return _iterate(lines, path)


def _copy(connection: BaseDatabaseWrapper, lines: QuerySet[Any, Any], file: Any) -> int:
    from django.db.backends.postgresql.psycopg_any import is_psycopg3, mogrify

    try:
        query, params = lines.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return 0
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle TO ISO")  # A role may have another; the file has one form.
        copy = f"COPY ({mogrify(query, params, connection)}) TO STDOUT WITH (FORMAT csv)"
        if is_psycopg3:
            with cursor.cursor.copy(copy) as blocks:
                for block in blocks:
                    file.write(block)
        else:
            cursor.cursor.copy_expert(copy, file)
        return int(cursor.cursor.rowcount)


def _iterate(lines: QuerySet[Any, Any], path: Path) -> int:
    count = 0
    with path.open("a", newline="", encoding="utf-8", buffering=BUFFER_BYTES) as file:
        writer = csv.writer(file)
        for row in lines.iterator(chunk_size=10_000):
            writer.writerow([_as_text(value) for value in row])
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
            row = {"key": item.key, "title": item.title, "category": item.category}
            file.write(json.dumps({**row, "price": price, "sellable": item.sellable}, ensure_ascii=False) + "\n")
    return sellable_count
