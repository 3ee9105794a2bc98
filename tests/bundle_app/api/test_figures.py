"""Figures by REST: the numbers of the screen, to whom they are told, and how often."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bundle_app.models import DailyFigure, OrderCount
from tests.bundle_app import tutorial_pages
from tests.bundle_app.figures.worlds import LAST, days_ago, shown, sold
from tests.bundle_app.tutorial_shop import bundle, products

pytestmark = pytest.mark.django_db
FIGURES = "/bundles/api/figures/"


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)
    cache.clear()


@pytest.fixture
def analyst(client: Client) -> Client:
    """An account that may see figures and is no member of staff."""
    user = User.objects.create_user("analyst")
    user.user_permissions.add(Permission.objects.get(codename="view_dailyfigure"))
    client.force_login(user)
    return client


def test_without_a_grouping_there_is_one_row(analyst: Client) -> None:
    shown(impressions=1000, clicks=100)
    sold("1.5", revenue="30.25", margin=Decimal(9))
    OrderCount.objects.create(day=LAST, count=3)
    shown(impressions=5, day=days_ago(28))
    answer = analyst.get(FIGURES)
    assert answer.status_code == 200
    (row,) = answer.json()["results"]
    assert (row["key"], row["name"]) == ("all", "")
    assert (row["now"]["impressions"], row["before"]["impressions"]) == (1000, 5)
    assert row["now"]["ctr"] == pytest.approx({"value": 0.1, "low": 0.08291, "high": 0.12015}, abs=1e-5)
    assert row["now"]["amounts"] == {"EUR": {"revenue": "30.2500", "margin": "9.0000", "discount": "0.0000"}}
    assert (row["now"]["purchases"], row["now"]["attach_rate"]["value"]) == ("1.500000", 0.5)
    assert row["before"]["attach_rate"] is None


def test_rows_have_keys_and_names(analyst: Client) -> None:
    made = bundle(products(2))
    shown(bundle_id=made.pk)
    (row,) = analyst.get(FIGURES, {"by": "bundle"}).json()["results"]
    assert (row["key"], row["name"]) == (str(made.pk), str(made))
    (row,) = analyst.get(FIGURES, {"by": "day", "first": "2026-03-14", "last": "2026-03-14"}).json()["results"]
    assert (row["key"], row["name"]) == ("2026-03-14", "March 14")


def test_rows_come_in_pages(analyst: Client) -> None:
    DailyFigure.objects.bulk_create(
        DailyFigure(day=LAST, bundle_id=number, slot=1, impressions=1) for number in range(1, 121)
    )
    answer = analyst.get(FIGURES, {"by": "bundle", "page": "3", "page_size": "50"}).json()
    assert (answer["count"], answer["next"]) == (120, None)
    assert [row["key"] for row in answer["results"]] == [str(number) for number in range(101, 121)]
    assert analyst.get(FIGURES, {"by": "bundle", "page": "9"}).status_code == 404


def test_filters_are_those_of_the_screen(analyst: Client) -> None:
    shown(impressions=1, arm="blue")
    shown(impressions=2)

    def count(**asked: str) -> int:
        found: int = analyst.get(FIGURES, asked).json()["results"][0]["now"]["impressions"]
        return found

    assert [count(arm="blue"), count(arm="~"), count(arm="")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"by": "shopper"}, "'by': Select a valid choice."),
        ({"days": "3"}, "'days': Select a valid choice."),
        ({"first": "2026-03-10", "last": "2026-03-01"}, "'last': The last day, 2026-03-01, is before the first one."),
        ({"version": "live"}, "'version': Enter a whole number."),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(analyst: Client, asked: dict[str, str], expected: str) -> None:
    answer = analyst.get(FIGURES, asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["detail"].startswith(expected)


def test_nobody_else_is_told(client: Client) -> None:
    assert client.get(FIGURES).status_code == 403
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    answer = client.get(FIGURES)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_no_shared_cache_keeps_them(analyst: Client) -> None:
    assert "private" in analyst.get(FIGURES).headers["Cache-Control"]


def test_they_are_asked_for_so_often_and_not_more(analyst: Client, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "API_THROTTLE": "2/min"}
    assert [analyst.get(FIGURES).status_code for _ in range(3)] == [200, 200, 429]


def test_many_bundles_cost_as_many_queries_as_few(analyst: Client) -> None:
    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            analyst.get(FIGURES, {"by": "bundle"})
        return len(queries)

    shown()
    few = query_count()
    DailyFigure.objects.bulk_create(
        DailyFigure(day=LAST, bundle_id=number, slot=1, impressions=1) for number in range(2, 500)
    )
    assert query_count() == few


def test_a_token_opens_them_where_the_host_has_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    from bundle_app.api.figures import FigureList

    kinds = [type(one).__name__ for one in FigureList().get_authenticators()]
    assert kinds == ["CsrfSessionAuthentication"]
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    kinds = [type(one).__name__ for one in FigureList().get_authenticators()]
    assert kinds == ["TokenAuthentication", "CsrfSessionAuthentication"]
