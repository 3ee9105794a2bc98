"""`manage.py seed_visitors`: a year of generated visitors, so that every screen about results has something to show."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from example_shop.visitors import SEED, write_year


class Command(BaseCommand):
    help = (
        "Generate the year of visitors that ends with the last order: what they saw, clicked, added and dismissed. "
        "Some of the shop's orders are told to have come from it, and get the discount of the bundle that they hold. "
        "Does nothing if that was done before, or while no model is live."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=SEED, help="seed of the generator (default: %(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        was_written = write_year(seed=options["seed"], progress=self.stdout.write)
        self.stdout.write(
            self.style.SUCCESS("Done." if was_written else "Nothing to do: they are there, or no model is live yet.")
        )
