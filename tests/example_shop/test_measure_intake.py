from __future__ import annotations

import re
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from bundle_app.models import Event, IntakeCount
from tests.bundle_app.events.worlds import database_url, happened

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]


def test_it_says_how_fast_both_are_and_leaves_the_tables_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url())
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    happened("ann", ["impression"])
    before: Any = list(Event.objects.values())
    out = StringIO()
    call_command("measure_intake", rounds=1, batches=2, stdout=out)
    assert re.search(r"2 batches of 100, median of 1:\n  bare insert +[\d,]+ rows/s\n  over HTTP ", out.getvalue())
    assert list(Event.objects.values()) == before
    assert set(IntakeCount.objects.exclude(day=date(2026, 3, 10)).values_list("count", flat=True)) <= {0}
