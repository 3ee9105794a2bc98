"""What clicks taught a model version about composing, or why they were not listened to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bundle_app.admin.policy_versions import CODES, per_thousand
from bundle_app.admin.presentation import grouped
from bundle_app.models import ModelVersion


def report_of(version: ModelVersion) -> Mapping[str, Any]:
    """What the version's training made of showings; empty where it was given none."""
    report: Mapping[str, Any] = version.metrics.get("clicks") or {}
    return report if "code" in report else {}


def told(report: Mapping[str, Any]) -> str:
    code = str(report["code"])
    if code == "better":
        return _("What became of earlier bundles taught how these are composed: it would have earned more.")
    why = str(CODES.get(code, code))
    return _("What became of earlier bundles changed nothing in how these are composed. %(why)s") % {"why": why}


def facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was judged, and how far ahead it was; in anchors and days that had not taught it."""
    numbers = report.get("numbers", {})
    rows = [
        (_("Showings"), grouped(report["showings"])),
        (_("Different bundles beside products"), grouped(report["arms"])),
    ]
    if "lead" in numbers:
        lead = per_thousand(numbers, "lead", "lead_low", "lead_high", is_signed=True)
        rows += [
            (_("Impressions that the judgement rests on"), grouped(round(numbers["effective_count"]))),
            (_("Lead in reward per 1,000 impressions"), lead),
        ]
    return rows
