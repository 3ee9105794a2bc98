"""Train in this process, without Celery: for cron, for the first day, for trying out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure

from bundle_app import training
from bundle_app.exceptions import BundleError
from bundle_app.models import TrainingRun
from bundle_app.terminal import ProgressBar


class Command(BaseCommand):
    help = "Learn from the shop's orders, compose bundles and publish them."

    def handle(self, *args: Any, **options: Any) -> None:
        bar = ProgressBar(self.stdout, quiet=options["verbosity"] == 0)
        try:
            version = training.train(TrainingRun.objects.create().pk, on_progress=bar.show)
        except (BundleError, DatabaseFailure) as error:
            bar.close()
            raise CommandError(str(error)) from error
        bar.close()
        self.stdout.write(self.style.SUCCESS(f"{version} is live with {version.bundle_count:,} bundles."))
