"""`manage.py import_orders PATH`: fill an empty shop from an order file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from example_shop.filling import AlreadyFilled
from example_shop.importing import import_orders
from example_shop.order_file import OPTIONAL, REQUIRED, OrderFileError


class Command(BaseCommand):
    help = (
        "Fill an empty shop from a CSV or Parquet file of order lines. Does nothing if that was done before. "
        f"Columns: {', '.join(REQUIRED)}; where there: {', '.join(OPTIONAL)}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the order file")

    def handle(self, *_args: Any, path: Path, **_options: Any) -> None:
        if not path.is_file():
            raise CommandError(f"There is no file {path}. Give the path of a CSV or Parquet file of order lines.")
        try:
            report = import_orders(path, progress=self.stdout.write)
        except (AlreadyFilled, OrderFileError) as error:
            raise CommandError(str(error)) from error
        if report is None:
            self.stdout.write("The shop is already filled from this file.")
            return
        self.stdout.write(
            self.style.SUCCESS(
                f"{report.line_count:,} lines of {report.order_count:,} orders ({report.cancelled_count:,} cancelled), "
                f"{report.product_count:,} products ({report.not_for_sale_count:,} not for sale), "
                f"{report.member_count:,} members."
            )
        )
