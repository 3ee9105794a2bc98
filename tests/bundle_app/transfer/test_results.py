"""Results as rows: what the live model says of a bundle, and how often it was sold."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.sites import site
from django.test import RequestFactory

from bundle_app.models import Bundle, Redemption
from bundle_app.transfer.results import BundleResultResource
from tests.bundle_app.tutorial_shop import bundle, score, version


def exported() -> dict[str, str]:
    queryset = site.get_model_admin(Bundle).get_queryset(RequestFactory().get("/"))
    (row,) = BundleResultResource().export(queryset).dict
    return dict(row)


def test_a_row_tells_the_best_score_and_the_sales(goods: list[Any]) -> None:
    live, old = version(), version(live=False)
    made = bundle(goods[:2], use_count=3, max_uses=10)
    evidence = {"orders": 100, "support": 20, "anchor_orders": 40, "rest_orders": 25, "confidence": 0.5, "lift": 2.0}
    score(made, live, anchor=goods[1], rank=2, evidence=evidence)
    score(made, live, anchor=goods[0], rank=1, score=0.75, evidence=evidence)
    score(made, old, anchor=goods[0], rank=1, score=0.99)
    Redemption.objects.create(bundle=made, order_key="A", count=2)
    Redemption.objects.create(bundle=made, order_key="B", count=1)

    row = exported()

    assert {name: row[name] for name in ("model_version", "product_page", "page_count", "best_rank", "score")} == {
        "model_version": str(live.pk),
        "product_page": str(goods[0].pk),
        "page_count": "2",
        "best_rank": "1",
        "score": "0.75",
    }
    assert (row["orders"], row["support"], row["confidence"], row["lift"]) == ("100", "20", "0.5", "2.0")
    assert (row["sold"], row["sold_at_most"], row["order_count"]) == ("3", "10", "2")
    assert row["last_sold_at"]
    assert row["product_titles"] == "Product 1 + Product 2"


@pytest.mark.parametrize(("support", "expected"), [(4, ""), (5, "5")])
def test_counts_below_the_threshold_of_anonymity_leave_no_trace(goods: list[Any], support: int, expected: str) -> None:
    made = bundle(goods[:2])
    evidence: dict[str, float] = {"orders": 100, "support": support, "anchor_orders": 40, "rest_orders": 25}
    evidence |= {"confidence": support / 40, "lift": 2.0}
    score(made, version(), anchor=goods[0], evidence=evidence)

    row = exported()

    assert row["support"] == expected
    assert bool(row["confidence"]) == bool(row["lift"]) == bool(expected)


def test_a_bundle_without_a_score_has_a_row_all_the_same(goods: list[Any]) -> None:
    bundle(goods[:2])

    assert (exported()["score"], exported()["page_count"], exported()["order_count"]) == ("", "0", "")
