from __future__ import annotations

from datetime import date

from django.test import Client
from django.urls import reverse

from bundle_app.models import IntakeCount
from tests.bundle_app.admin.conftest import text_of


def test_counts_are_read_by_day_and_nobody_changes_them(page: Client) -> None:
    count = IntakeCount.objects.create(day=date(2026, 3, 10), outcome="forged", count=17)
    listed = text_of(page.get(reverse("admin:bundle_app_intakecount_changelist")))
    assert "March 10, 2026 Forged 17" in listed
    assert page.get(reverse("admin:bundle_app_intakecount_add")).status_code == 403
    assert page.post(reverse("admin:bundle_app_intakecount_delete", args=[count.pk])).status_code == 403
