"""`manage.py seed_shop`: fill an empty shop with a generated catalogue and orders."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from example_shop.filling import AlreadyFilled
from example_shop.seeding import seed


class Command(BaseCommand):
    help = "Fill an empty shop with a generated catalogue, members and orders. Does nothing if that was done before."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=20_000, help="how many orders (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=7, help="seed of the generator (default: %(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            was_written = seed(order_count=options["orders"], seed=options["seed"], progress=self.stdout.write)
        except AlreadyFilled as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS("Done." if was_written else "The shop is already filled so."))
