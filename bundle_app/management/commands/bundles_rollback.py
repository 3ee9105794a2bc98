"""Go back to the model version that was live before."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bundle_app import publishing
from bundle_app.exceptions import BundleError


class Command(BaseCommand):
    help = "Make the previous model version live again. What merchandisers decided stays."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = publishing.roll_back()
        except BundleError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS(f"{version} is live again with {version.bundle_count:,} bundles."))
