"""The REST interface: what it answers, to whom, how often, and that a GET writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bundle_app.events import tokens
from bundle_app.models import Bundle
from tests.bundle_app import tutorial_pages
from tests.bundle_app.tutorial_shop import HOSTILE_TITLES, TUTORIAL, bundle, product, products, score, version

pytestmark = pytest.mark.django_db
LIST = "/bundles/api/bundles/"


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)
    cache.clear()


@pytest.fixture
def lamp() -> Any:
    return product("Lamp", "20.00")


@pytest.fixture
def light(lamp: Any) -> Bundle:
    """A lamp and two bulbs, ten percent off, on the lamp's page."""
    made = bundle({lamp: 1, product("Bulb", "2.50"): 2}, discount_percent=Decimal(10))
    score(made, version(), anchor=lamp, evidence={"support": 132})
    return made


def path(made: Bundle, suffix: str = "") -> str:
    return f"{LIST}{made.pk}/{suffix}"


def problem(answer: Any) -> tuple[int, str, str]:
    assert set(answer.json()) == {"detail", "code"}
    return answer.status_code, answer.json()["code"], answer.json()["detail"]


class TestTheList:
    def test_it_answers_with_the_bundles_of_an_item(self, client: Client, lamp: Any, light: Bundle) -> None:
        answer = client.get(LIST, {"item": lamp.pk})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        lamp_key, bulb_key = light.quantities()
        showing = tokens.read_kept(answer.json()["results"][0]["impression"])
        assert (showing.bundle_id, showing.anchor_key, showing.slot) == (light.pk, lamp_key, 1)
        assert answer.json() == {
            "count": 1,
            "next": None,
            "previous": None,
            "results": [
                {
                    "id": light.pk,
                    "title": "Lamp + Bulb",
                    "kind": "set",
                    "why": "Bought together in 132 orders",
                    "currency": "USD",
                    "full_price": "25.00",
                    "discount": "2.50",
                    "total": "22.50",
                    "price_form": "percent",
                    "note": "10 % off",
                    "combinable": False,
                    "valid_until": None,
                    "impression": answer.json()["results"][0]["impression"],
                    "words": {
                        "unit_prices": ["$20.00", "$2.50"],
                        "full_price": "$25.00",
                        "total": "$22.50",
                        "saving": "You save $2.50",
                    },
                    "parts": [
                        {
                            "key": lamp_key,
                            "item_key": lamp_key,
                            "title": "Lamp",
                            "url": f"/shop/{lamp_key}/",
                            "image_url": "",
                            "quantity": 1,
                            "unit_price": "20.00",
                            "line_total": "20.00",
                            "discount": "2.00",
                            "in_cart": False,
                            "variants": [],
                        },
                        {
                            "key": bulb_key,
                            "item_key": bulb_key,
                            "title": "Bulb",
                            "url": f"/shop/{bulb_key}/",
                            "image_url": "",
                            "quantity": 2,
                            "unit_price": "2.50",
                            "line_total": "5.00",
                            "discount": "0.50",
                            "in_cart": False,
                            "variants": [],
                        },
                    ],
                }
            ],
        }

    def test_its_pages_hold_each_bundle_once_while_a_shop_explores(self, client: Client, settings: Any) -> None:
        settings.BUNDLE_APP = {**settings.BUNDLE_APP, "EXPLORATION_RATIO": 0.5}
        lamp, *others = products(31)
        live = version()
        for rank, other in enumerate(others, 1):
            score(bundle([lamp, other]), live, anchor=lamp, rank=rank)

        pages = [client.get(LIST, {"item": lamp.pk, "page": page}).json() for page in (1, 2)]

        assert len({each["id"] for page in pages for each in page["results"]}) == 20

    def test_it_comes_in_pages_of_ten_or_as_many_as_asked_up_to_fifty(self, client: Client) -> None:
        live, goods = version(), products(61)
        for rank in range(1, 61):
            score(bundle([goods[0], goods[rank]]), live, anchor=goods[0], rank=rank)
        by_size = {
            size: len(
                client.get(LIST, {"item": goods[0].pk, **({"page_size": size} if size else {})}).json()["results"]
            )
            for size in (0, 7, 50, 1000)
        }
        assert by_size == {0: 10, 7: 7, 50: 50, 1000: 50}
        first = client.get(LIST, {"item": goods[0].pk, "page_size": 40}).json()
        second = client.get(first["next"]).json()
        assert (first["count"], len(second["results"]), second["next"]) == (60, 20, None)
        ids = [result["id"] for result in first["results"] + second["results"]]
        assert len(set(ids)) == 60

    def test_several_items_and_exclusions_may_be_given(self, client: Client, lamp: Any, light: Bundle) -> None:
        tea, cup = product("Tea"), product("Cup")
        live = version_of(light)
        score(bundle([tea, cup]), live, anchor=tea)
        both = client.get(LIST, {"item": [lamp.pk, tea.pk]}).json()["results"]
        assert [result["title"] for result in both] == ["Tea + Cup", "Lamp + Bulb"]
        rest = client.get(LIST, {"item": [lamp.pk, tea.pk], "exclude": cup.pk}).json()["results"]
        assert [result["title"] for result in rest] == ["Lamp + Bulb"]

    def test_without_an_item_it_answers_for_the_whole_shop(self, client: Client, light: Bundle) -> None:
        score(light, version_of(light))
        assert [result["id"] for result in client.get(LIST).json()["results"]] == [light.pk]

    def test_it_costs_four_queries(self, client: Client, lamp: Any, light: Bundle) -> None:
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST, {"item": lamp.pk})
        assert len(queries) == 4

    def test_titles_are_not_changed(self, client: Client) -> None:
        for title in HOSTILE_TITLES:
            bundle([product(title), product("Bulb")], source="manual", title=title)
        titles = {result["title"] for result in client.get(LIST).json()["results"]}
        assert titles == set(HOSTILE_TITLES)

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (
                {"item": ["1"] * 51},
                (400, "invalid", "There are 51 values of 'item'; expected at most 50."),
            ),
            (
                {"exclude": "x" * 65},
                (400, "invalid", f"'exclude' is {'x' * 64!r}; expected an item key of at most 64 characters."),
            ),
            (
                {"item": "a\x00b"},
                (400, "invalid", r"'item' is 'a\x00b'; expected an item key of at most 64 characters."),
            ),
            ({"page": "7"}, (404, "not_found", "Invalid page.")),
        ],
    )
    def test_what_cannot_be_answered_is_explained(
        self, client: Client, query: dict[str, Any], expected: tuple[int, str, str]
    ) -> None:
        assert problem(client.get(LIST, query)) == expected


def version_of(made: Bundle) -> Any:
    return made.scores.get().model_version


class TestOneBundle:
    def test_a_bundle_on_offer_is_shown(self, client: Client, light: Bundle) -> None:
        answer = client.get(path(light))
        assert (answer.status_code, answer.json()["total"]) == (200, "22.50")

    @pytest.mark.parametrize("status", ["draft", "paused", "rejected"])
    def test_a_bundle_that_is_not_on_offer_is_not_found_even_by_staff(
        self, admin_client: Client, light: Bundle, status: str
    ) -> None:
        Bundle.objects.update(status=status)
        expected = (404, "not_found", "This set is not on offer any more.")
        assert problem(admin_client.get(path(light))) == expected
        assert problem(admin_client.post(path(light, "add/"))) == expected

    def test_a_sold_out_bundle_says_so(self, client: Client, lamp: Any, light: Bundle) -> None:
        lamp.available = False
        lamp.save()
        assert problem(client.get(path(light))) == (404, "sold_out", "This set cannot be bought at the moment.")

    def test_a_number_beyond_all_numbers_is_not_found(self, client: Client) -> None:
        answer = client.get(f"{LIST}{10**30}/")
        assert answer.status_code == 404


class TestAdding:
    def test_all_parts_go_into_the_cart_of_an_anonymous_session(self, client: Client, light: Bundle) -> None:
        answer = client.post(path(light, "add/"))
        assert (answer.status_code, answer.json()["total"]) == (200, "22.50")
        assert client.session["cart"] == light.quantities()

    def test_what_is_in_the_cart_can_be_left_out(self, client: Client, lamp: Any, light: Bundle) -> None:
        session = client.session
        session["cart"] = {str(lamp.pk): 1}
        session.save()
        answer = client.post(path(light, "add/"), {"only_missing": True}, content_type="application/json")
        assert (answer.status_code, answer.json()["total"]) == (200, "5.00")
        assert [part["in_cart"] for part in answer.json()["parts"]] == [True, False]
        assert client.session["cart"] == light.quantities()

    def test_the_showing_goes_along_and_comes_back(self, client: Client, light: Bundle) -> None:
        answer = client.post(path(light, "add/"), {"impression": "shown:17"}, content_type="application/json")
        assert (answer.status_code, answer.json()["impression"]) == (200, "shown:17")

    def test_what_a_product_costs_the_shop_is_told_to_nobody(
        self, client: Client, lamp: Any, light: Bundle, settings: Any
    ) -> None:
        known = {**TUTORIAL, "MAP": {"preset": "tutorial", "item_fields": {"cost": "price"}}}
        settings.BUNDLE_APP = known
        (offer,) = client.get(LIST, {"item": lamp.pk}).json()["results"]
        assert offer["total"] == "25.00", "the floor is the cost"
        assert not [key for part in [offer, *offer["parts"]] for key in part if "cost" in key]

    def test_what_the_cart_refuses_is_a_conflict_and_changes_nothing(
        self, client: Client, lamp: Any, light: Bundle
    ) -> None:
        lamp.available = False
        lamp.save()
        expected = (409, "cannot_add", "Sold out: Lamp. Nothing was added to your cart.")
        assert problem(client.post(path(light, "add/"))) == expected
        assert "cart" not in client.session

    @pytest.mark.parametrize("logged_in", [False, True])
    def test_without_a_csrf_token_nobody_adds_anything(self, logged_in: bool, light: Bundle) -> None:
        client = Client(enforce_csrf_checks=True)
        if logged_in:
            client.force_login(get_user_model().objects.create_user("ann"))
        status, code, detail = problem(client.post(path(light, "add/")))
        assert (status, code) == (403, "permission_denied")
        assert detail.startswith("CSRF Failed: CSRF cookie not set.")
        assert "cart" not in client.session

    def test_with_a_csrf_token_it_works(self, lamp: Any, light: Bundle) -> None:
        client = Client(enforce_csrf_checks=True)
        client.get(f"/shop/{lamp.pk}/")
        token = client.cookies["csrftoken"].value
        assert client.post(path(light, "add/"), headers={"x-csrftoken": token}).status_code == 200
        assert client.session["cart"] == light.quantities()

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("{", "JSON parse error"),
            ('{"only_missing": "perhaps"}', "The request's fields are not valid."),
            ("[]", "The request's fields are not valid."),
        ],
    )
    def test_a_body_that_cannot_be_read_is_explained(
        self, client: Client, light: Bundle, body: str, expected: str
    ) -> None:
        answer = client.post(path(light, "add/"), body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(expected)

    def test_a_get_adds_nothing(self, client: Client, light: Bundle) -> None:
        assert problem(client.get(path(light, "add/"))) == (405, "method_not_allowed", 'Method "GET" not allowed.')


class TestWhatEveryAnswerKeeps:
    def test_a_get_writes_nothing_and_sets_no_cookie(self, client: Client, lamp: Any, light: Bundle) -> None:
        for url in (LIST, f"{LIST}?item={lamp.pk}", path(light)):
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(url)
            assert all(query["sql"].lstrip("(").startswith("SELECT") for query in queries)
            assert not answer.cookies
        assert Session.objects.count() == 0

    def test_no_shared_cache_may_keep_an_answer(self, client: Client, light: Bundle) -> None:
        for url in (LIST, path(light), path(light) + "?page=no"):
            assert client.get(url)["Cache-Control"] == "private"
            assert {"Cookie", "Accept-Language"} <= set(client.get(url)["Vary"].split(", "))
        assert client.post(path(light, "add/"))["Cache-Control"] == "private, no-store"

    def test_a_visitor_who_asks_too_often_is_told_when_to_come_back(
        self, client: Client, light: Bundle, settings: Any
    ) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "API_THROTTLE": "3/min"}
        assert [client.get(url).status_code for url in (LIST, path(light), LIST)] == [200, 200, 200]
        refused = client.get(LIST)
        status, code, detail = problem(refused)
        assert (status, code) == (429, "throttled")
        assert detail.startswith("Request was throttled. Expected available in ")
        assert 0 < int(refused["Retry-After"]) <= 60
        assert client.post(path(light, "add/")).status_code == 429
        assert client.get(LIST, REMOTE_ADDR="192.0.2.7").status_code == 200, "another visitor"

    def test_the_throttle_keeps_no_address_and_no_account(self, client: Client, settings: Any) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "here"}}
        client.get(LIST, REMOTE_ADDR="192.0.2.7")
        stored = list(cache._cache)  # type: ignore[attr-defined]
        assert stored
        assert not [key for key in stored if "192.0.2.7" in key]

    def test_the_host_s_own_rest_settings_change_nothing(
        self, client: Client, lamp: Any, light: Bundle, settings: Any
    ) -> None:
        before = client.get(path(light)).json()
        settings.REST_FRAMEWORK = {
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_PAGINATION_CLASS": None,
            "DEFAULT_THROTTLE_CLASSES": [],
            "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
            "DEFAULT_FILTER_BACKENDS": ["rest_framework.filters.SearchFilter"],
            "COERCE_DECIMAL_TO_STRING": False,
            "EXCEPTION_HANDLER": "no.such.handler",
        }
        assert client.get(path(light)).json() == before
        assert client.get(LIST, {"item": lamp.pk}).json()["results"][0]["total"] == "22.50"

    def test_an_account_has_a_rate_of_its_own(self, client: Client, settings: Any) -> None:
        settings.BUNDLE_APP = {**TUTORIAL, "API_THROTTLE": "1/min"}
        assert client.get(LIST).status_code == 200
        client.force_login(get_user_model().objects.create_user("ann"))
        assert [client.get(LIST).status_code for _ in range(2)] == [200, 429]


def test_a_database_that_is_away_is_answered_with_when_to_come_again(client: Client, lamp: Any, light: Bundle) -> None:
    def gone(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("could not connect to server: Connection refused")

    with connection.execute_wrapper(gone):
        answers = [client.get(LIST), client.get(path(light)), client.post(path(light, "add/"))]
    for answer in answers:
        assert (answer.status_code, answer["Retry-After"]) == (503, "15")
        assert answer.json() == {"detail": "The database does not answer. Try again.", "code": "try_again"}
