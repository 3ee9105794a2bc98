"""What clicks taught about composing, on the page of a model version."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.bundle_app.admin.conftest import text_of
from tests.bundle_app.admin.test_model_versions import METRICS, PAGE, make

NUMBERS = {"lead": 0.0017, "lead_low": 0.0001, "lead_high": 0.0032, "effective_count": 49507.55}
REPORT = {
    "code": "better",
    "showings": 2_998_473,
    "arms": 9121,
    "anchors": 1825,
    "judged": 1_499_236,
    "numbers": NUMBERS,
}


def _page(page: Client, report: dict[str, Any]) -> str:
    return text_of(page.get(reverse(PAGE, args=[make(metrics={**METRICS, "clicks": report}).pk])))


def test_what_taught_it_is_told_with_its_lead(page: Client) -> None:
    shown = _page(page, REPORT)

    assert "What became of earlier bundles taught how these are composed" in shown
    assert "Showings 2,998,473" in shown
    assert "Different bundles beside products 9,121" in shown
    assert "Impressions that the judgement rests on 49,508" in shown
    assert "Lead in reward per 1,000 impressions +1.7 (+0.1 … +3.2)" in shown


def test_why_clicks_changed_nothing_is_told(page: Client) -> None:
    shown = _page(page, REPORT | {"code": "too_little_log", "numbers": {}})

    assert "What became of earlier bundles changed nothing in how these are composed. Too few impressions" in shown
    assert "Lead in reward" not in shown


@pytest.mark.parametrize("report", [{}, {"showings": 3}])
def test_a_version_that_was_given_no_showings_says_nothing(page: Client, report: dict[str, Any]) -> None:
    assert "What clicks taught" not in _page(page, report)
