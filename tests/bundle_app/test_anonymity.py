"""A bundle in few orders, looked for on every page and in every answer that speaks of bundles: its counts are nowhere."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.translation import override

from bundle_app import activating
from bundle_app.models import Bundle, Decision
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, products, score, version

pytestmark = pytest.mark.django_db

THRESHOLD = 50_000
SUPPORT, FEW_WITH_ANCHOR, MANY_WITH_ANCHOR = 31_013, 37_019, 431_023
"""Below the threshold and above; too large for a clock, a percentage or a primary key of a test."""

EVIDENCE: dict[str, Any] = {
    "orders": 1_820_331,
    "support": SUPPORT,
    "rest_orders": 39_041,
    "lift": 77.7,
    "in_these_quantities": 29_027,
    "template": {"categories": ["Mugs", "Spoons"], "orders": 43_049, "lift": 88.8},
    "shares": {"transformer": 0.75, "ease": 0.25},
}


@pytest.fixture(params=[FEW_WITH_ANCHOR, MANY_WITH_ANCHOR])
def rare(request: Any, settings: Any) -> Bundle:
    """In review, and admitted by the thresholds of the next version."""
    settings.BUNDLE_APP = {**TUTORIAL, "K_ANONYMITY": THRESHOLD}
    goods = products(3)
    keys = [str(each.pk) for each in goods]
    made = bundle(goods, status="review", discount_percent=10)
    anchor_orders = request.param
    evidence = {
        **EVIDENCE,
        "anchor_orders": anchor_orders,
        "confidence": round(SUPPORT / anchor_orders, 6),
        "parts": {key: {"together": 41_039} for key in keys[1:]},
        "influence": {one: {other: 1.5 for other in keys if other != one} for one in keys},
    }
    live = version()
    score(made, live, anchor=goods[0], evidence=evidence, rung="blend")
    score(made, live, evidence=evidence, rung="blend")
    assert activating.activate_waiting() == 1
    return made


def telling_numbers(anchor_orders: int) -> list[str]:
    """The counts, and the ratios as they would be written."""
    hidden = [SUPPORT, 39_041, 29_027, 43_049, 41_039, *([anchor_orders] if anchor_orders < THRESHOLD else [])]
    ratio = SUPPORT / anchor_orders
    counts = [written for count in hidden for written in (f"{count}", f"{count:,}")]
    return [*counts, "77.7", "77.70", "78 times", "88.8", f"{ratio:.2f}", f"{ratio:.0%}", f"{ratio:.1%}"]


def counts_told(text: str, rare: Bundle) -> list[str]:
    """Which of the numbers stand in a text, as numbers of their own and not as a piece of another."""
    anchor_orders = next(iter(rare.scores.all())).evidence["anchor_orders"]
    return [
        number
        for number in telling_numbers(anchor_orders)
        if re.search(rf"(?<![\w.,#-]){re.escape(number)}(?![\w-]|[.,]\d)", text)
    ]


def without_machinery(html: str) -> str:
    """A page with its titles, labels and other attributes, but without tokens, coordinates and scripts."""
    html = re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r'\b(width|height|x|y|viewBox|href|src|value|maxlength|size|id|for|name)="[^"]*"', "", html)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize(
    "path",
    [
        "admin:bundle_app_bundle_changelist",
        "admin:bundle_app_bundle_change",
        "admin:bundle_app_bundle_history",
        "admin:bundle_app_decision_changelist",
        "admin:bundle_app_modelversion_changelist",
    ],
)
def test_no_screen_of_admin_tells_them(client: Client, rare: Bundle, path: str, language: str) -> None:
    client.force_login(User.objects.create_superuser("boss", "boss@example.com", "secret"))
    arguments = [rare.pk] if path.endswith(("change", "history")) else []

    response = client.get(reverse(path, args=arguments), headers={"accept-language": language})

    assert response.status_code == 200
    assert counts_told(without_machinery(response.content.decode()), rare) == []


def test_the_merchandiser_is_told_that_they_are_few(client: Client, rare: Bundle) -> None:
    client.force_login(User.objects.create_superuser("boss", "boss@example.com", "secret"))

    html = client.get(reverse("admin:bundle_app_bundle_change", args=[rare.pk])).content.decode()

    assert "Bought all together in fewer than 50,000 orders." in html
    assert "hold the rest anyway" in html
    assert "What each product brings to the others" in html


def test_the_search_for_them_finds_them_where_they_are_told(rare: Bundle) -> None:
    assert counts_told(f"Bought together in {SUPPORT} orders; 77.7 times", rare) == [str(SUPPORT), "77.7"]
    assert counts_told("£31,013.00, 131013, 31,013,000 and 77.75", rare) == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_widget_tells_them(rare: Bundle, language: str) -> None:
    anchor = rare.parts.order_by("position")[0]
    request = RequestFactory().get("/")

    with override(language):
        page = Template("{% load bundles %}{% bundle_widget product %}{% bundle_widget %}")
        html = page.render(
            Context({"request": request, "product": apps.get_model("shop", "Product").objects.get(pk=anchor.item_key)})
        )

    assert 'class="bundle-widget"' in html
    assert counts_told(without_machinery(html), rare) == []


def test_no_answer_of_rest_tells_them(client: Client, rare: Bundle) -> None:
    anchor = rare.parts.order_by("position")[0]

    answers = [
        client.get("/bundles/api/bundles/", {"item": anchor.item_key}),
        client.get("/bundles/api/bundles/"),
        client.get(f"/bundles/api/bundles/{rare.pk}/"),
    ]

    for answer in answers:
        assert answer.status_code == 200
        assert "fits" not in answer.json()
        assert counts_told(json.dumps(answer.json()), rare) == []


def test_no_entry_of_the_log_of_decisions_keeps_them(rare: Bundle) -> None:
    entry = Decision.objects.get(subject_id=rare.pk)

    assert entry.changes == {"status": ["review", "active"]}
    assert counts_told(f"{entry} {entry.subject} {entry.reason}", rare) == []
