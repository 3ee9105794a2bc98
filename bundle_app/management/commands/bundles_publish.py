"""Make a model version live."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bundle_app import publishing
from bundle_app.exceptions import BundleError
from bundle_app.models import ModelVersion


class Command(BaseCommand):
    help = "Make a model version live, writing its scores from the stored model where they are missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", type=int, nargs="?", help="Number of the version; without it, the newest.")

    def handle(self, *args: Any, **options: Any) -> None:
        newest = ModelVersion.objects.values_list("pk", flat=True).first()
        number = options["version"] or newest
        if number is None:
            raise CommandError("There is no model version yet. Run: manage.py bundles_train")
        try:
            version = publishing.publish(number)
        except BundleError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{version} is live with {version.bundle_count:,} bundles."))
