"""Writes a whole shop into empty tables, fast: shared by the generator and the importer.

On PostgreSQL rows go in by `COPY … FROM STDIN`, elsewhere by `bulk_create`. Primary keys are given by the caller,
because lines must name their orders; `reset_sequences` then tells the database to count on from there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Count, Max, Model
from django.utils import timezone

from example_shop.models import Category, Order, OrderLine, Product, ShopSource

Progress = Callable[[str], None]

ROWS_AT_A_TIME = 20_000


class AlreadyFilled(Exception):
    """The shop holds something else already."""


def is_filled_from(kind: str, name: str, fingerprint: str) -> bool:
    """Whether the shop was filled from this very source before.

    Raises:
        AlreadyFilled: it was filled from another source, or holds products of no known source.
    """
    source = ShopSource.objects.first()
    if source is None:
        if Product.objects.exists() or Order.objects.exists():
            raise AlreadyFilled(
                "The shop holds products or orders that no import and no generator noted down; expected an empty shop. "
                "Run `make demo-reset` (it deletes the demonstration shop), then try again."
            )
        return False
    if (source.kind, source.fingerprint) == (kind, fingerprint):
        return True
    raise AlreadyFilled(
        f"The shop is already filled from {source.name} ({source.fingerprint[:24]}); "
        f"asked for was {name} ({fingerprint[:24]}). "
        "Run `make demo-reset` (it deletes the demonstration shop), then try again."
    )


def write_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows whose values stand in the order of `columns`, which are attribute names such as `order_id`."""
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_AT_A_TIME)):
        if can_copy():
            text = io.StringIO()
            csv.writer(text).writerows(["" if value is None else value for value in row] for row in batch)
            text.seek(0)
            copy_csv(model, columns, text)
        else:
            model._default_manager.bulk_create(
                (model(**dict(zip(columns, row, strict=True))) for row in batch), batch_size=1000
            )


def can_copy() -> bool:
    return connection.vendor == "postgresql"


def copy_csv(model: type[Model], columns: Sequence[str], file: IO[Any]) -> None:
    """Append rows that are written as CSV without a header. An unquoted empty value is NULL, except in text columns."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    names = [quote(fields[column].column or column) for column in columns]
    texts = [
        name
        for name, column in zip(names, columns, strict=True)
        if fields[column].empty_strings_allowed
        and not fields[column].null
        and fields[column].get_internal_type() in {"CharField", "TextField", "EmailField"}
    ]
    options = "FORMAT csv" + (f", FORCE_NOT_NULL ({', '.join(texts)})" if texts else "")
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {quote(model._meta.db_table)} ({', '.join(names)}) FROM STDIN WITH ({options})", file)


def next_pk(model: type[Model]) -> int:
    """The first primary key that is free, and so are all above it."""
    highest: int | None = model._default_manager.aggregate(highest=Max("pk"))["highest"]
    return (highest or 0) + 1


def reset_sequences() -> None:
    """Let the database number new rows from the highest primary key on."""
    models: list[type[Model]] = [get_user_model(), Category, Product, Order, OrderLine]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def create_members(count: int) -> list[int]:
    """Members under a running number, unable to log in; their primary keys by that number from 0."""
    user_model = get_user_model()
    first = next_pk(user_model)
    joined_at = timezone.now()
    columns = (
        "id", "username", "password", "first_name", "last_name", "email",
        "is_active", "is_staff", "is_superuser", "date_joined",
    )  # fmt: skip
    rows: Iterator[Sequence[Any]] = (
        (first + index, f"member-{index + 1:06d}", make_password(None), "", "", "", True, False, False, joined_at)
        for index in range(count)
    )
    write_rows(user_model, columns, rows)
    return list(range(first, first + count))


def count_sales() -> None:
    """Store with each product in how many paid orders it stands, so that no page has to count."""
    paid = OrderLine.objects.filter(order__status=Order.Status.PAID, product__isnull=False).order_by()
    order_count = dict(paid.values_list("product").annotate(Count("order", distinct=True)))
    of_sizes = paid.filter(product__parent__isnull=False)
    order_count |= dict(of_sizes.values_list("product__parent").annotate(Count("order", distinct=True)))
    products = [Product(pk=pk, sold_count=count) for pk, count in order_count.items()]
    Product.objects.bulk_update(products, ["sold_count"], batch_size=500)
