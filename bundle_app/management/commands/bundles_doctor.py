"""Examine the installation and say what to do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bundle_app.doctor import Verdict, examine

SIGNS = {Verdict.GOOD: "✓", Verdict.WARNING: "!", Verdict.BAD: "✗"}


class Command(BaseCommand):
    help = "Check mapping, data, broker, training and the live model, and say what to do."
    requires_system_checks: list[str] = []  # Wrong settings are findings here, not a reason to stop.

    def handle(self, *args: Any, **options: Any) -> None:
        styles = {
            Verdict.GOOD: self.style.SUCCESS,
            Verdict.WARNING: self.style.WARNING,
            Verdict.BAD: self.style.ERROR,
        }
        bad_count = 0
        for finding in examine():
            bad_count += finding.verdict is Verdict.BAD
            self.stdout.write(styles[finding.verdict](f"{SIGNS[finding.verdict]} {finding.subject}: {finding.found}"))
            if finding.advice:
                self.stdout.write(f"    → {finding.advice}")
        if bad_count:
            raise CommandError(f"{bad_count} of these must be put right.")
