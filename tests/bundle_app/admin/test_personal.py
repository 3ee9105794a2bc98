"""The table of what shoppers buy next, on the page of a model version."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from bundle_app.admin.personal import MEASURES, RANKINGS
from tests.bundle_app.admin.conftest import text_of
from tests.bundle_app.admin.test_model_versions import METRICS, PAGE, make

COME_BACK = {"came_back": {"validation": 1234, "test": 812}, "needed": 100}


def _row(model: str, value: float) -> dict[str, Any]:
    ends = (("", 0.0), ("_low", -0.01), ("_high", 0.01))
    return {"model": model, **{f"{name}{end}": value + off for name in MEASURES for end, off in ends}}


def _page(page: Client, report: dict[str, Any]) -> str:
    made = make(metrics={**METRICS, "personal": report})
    return text_of(page.get(reverse(PAGE, args=[made.pk])))


def test_models_are_rows_measures_columns_and_what_is_served_is_marked(page: Client) -> None:
    report = COME_BACK | {
        "rung": "frequency",
        "shoppers": 812,
        "rows": [_row("popularity", 0.07), _row("frequency", 0.28), _row("personal_blend", 0.26)],
        "refused": [
            {
                "rung": "personal_blend",
                "by": "frequency",
                "difference": 0.02,
                "difference_low": 0.01,
                "difference_high": 0.03,
            }
        ],
    }

    shown = _page(page, report)

    assert "Measured on the next order of 812 shoppers who came back" in shown
    assert "Ranked by NDCG@10 Recall@10 Recall@20 Recall@10 of what was bought before" in shown
    assert "How often the shopper bought it served 0.2800 0.2700 – 0.2900" in shown
    assert (
        "Not served: Blend of these. How often the shopper bought it ranks better by 0.0200 (95% interval: 0.0100 – "
        "0.0300)." in shown
    )


def test_too_few_shoppers_who_came_back_are_told(page: Client) -> None:
    shown = _page(page, COME_BACK | {"needed": 2000, "decision": "…"})

    assert "1,234 and 812 shoppers came back in the two parts of the orders that were kept back" in shown
    assert "and 2,000 are needed in each." in shown


@pytest.mark.parametrize("report", [{}, {"decision": "the order lines name no shoppers (column shopper_key)"}])
def test_a_shop_whose_orders_name_no_shoppers_sees_nothing_of_it(page: Client, report: dict[str, Any]) -> None:
    assert "What shoppers who come back buy next" not in _page(page, report)


def test_every_ranking_that_the_learning_knows_has_its_words() -> None:
    learning = pytest.importorskip("bundle_ml.personal_learning")
    assert set(learning.LADDER) <= set(RANKINGS)


def test_segments_of_shoppers_have_their_words(page: Client) -> None:
    segment = {"model": "blend", "context": "1", "cases": 90, "ndcg_at_10": 0.04}
    rows = [segment | {"segment": name} for name in ("new_shoppers", "returning_shoppers")]

    shown = text_of(page.get(reverse(PAGE, args=[make(metrics={**METRICS, "segments": rows}).pk])))

    assert "First orders: the shopper has none before 0.0400" in shown
    assert "Orders of shoppers who came back 0.0400" in shown
