"""The endpoint of the beacon: what it answers, to whom, and that nobody's page suffers from it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from bundle_app import serving
from bundle_app.api.events import EventIntake
from bundle_app.events import tokens
from bundle_app.models import Bundle, Event, IntakeCount
from tests.bundle_app import tutorial_pages
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product, score, version

pytestmark = pytest.mark.django_db
EVENTS = "/bundles/api/events/"
NOTHING = dict.fromkeys(["accepted", "replayed", "late", "forged", "foreign", "malformed"], 0)


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)
    cache.clear()


@pytest.fixture
def lamp() -> Any:
    return product("Lamp")


@pytest.fixture
def light(lamp: Any) -> Bundle:
    made = bundle([lamp, product("Bulb")])
    score(made, version(), anchor=lamp)
    return made


def shown(client: Client, lamp: Any) -> str:
    """The token of the bundle on a product's page."""
    html = client.get(f"/shop/{lamp.pk}/").content.decode()
    token: str = html.split('data-showing="')[1].split('"')[0]
    return token


def send(client: Client, *reports: tuple[str, str]) -> Any:
    events = [{"token": token, "kind": kind, "ago_seconds": 1} for token, kind in reports]
    return client.post(EVENTS, {"events": events}, content_type="application/json")


def test_what_a_page_shows_is_reported_and_counted(lamp: Any, light: Bundle) -> None:
    client = Client(enforce_csrf_checks=True)
    token = shown(client, lamp)
    answer = send(client, (token, "impression"), (token, "click"))
    assert (answer.status_code, answer.json()) == (200, {**NOTHING, "accepted": 2})
    assert answer["Cache-Control"] == "no-store"
    assert set(Event.objects.values_list("bundle_id", "kind")) == {(light.pk, "impression"), (light.pk, "click")}
    assert IntakeCount.objects.get().count == 2


def test_the_view_that_describes_it_is_the_same(lamp: Any, light: Bundle, rf: RequestFactory) -> None:
    body = {"events": [{"token": shown(Client(), lamp), "kind": "click", "ago_seconds": 1}]}
    for expected in ("accepted", "replayed"):
        answer = EventIntake.as_view()(rf.post(EVENTS, body, content_type="application/json"))
        assert json.loads(answer.content) == {**NOTHING, expected: 1}
    assert EventIntake.as_view()(rf.post(EVENTS, "[]", content_type="application/json")).status_code == 400


def test_a_page_and_a_report_of_somebody_unknown_make_no_session(client: Client, lamp: Any, light: Bundle) -> None:
    send(client, (shown(client, lamp), "impression"))
    assert not Session.objects.exists()
    assert "sessionid" not in client.cookies


def test_a_page_writes_nothing(client: Client, lamp: Any, light: Bundle) -> None:
    shown(client, lamp)
    assert not Event.objects.exists()
    assert not IntakeCount.objects.exists()


def test_naming_what_is_shown_costs_no_query_where_the_page_knows_its_visitor(lamp: Any, light: Bundle) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("ann"))
    request = client.get("/").wsgi_request
    assert request.user.is_authenticated  # as a page's header asks
    with CaptureQueriesContext(connection) as queries:
        (offer,) = serving.bundles_for([str(lamp.pk)], request=request, placement="product")
    assert offer.impression
    assert len(queries) == 4
    with CaptureQueriesContext(connection) as queries:
        Client().get(f"/shop/{lamp.pk}/")
    asked = [query["sql"] for query in queries if "SELECT" in query["sql"]]
    assert len(asked) == 5  # the page's own, and four of the widget: nobody's session is looked for


def test_a_token_of_another_visitor_is_foreign(lamp: Any, light: Bundle) -> None:
    ann, bob = Client(), Client()
    for client in (ann, bob):
        client.force_login(get_user_model().objects.create_user(str(id(client))))
    assert send(bob, (shown(ann, lamp), "click")).json() == {**NOTHING, "foreign": 1}
    assert send(Client(), (shown(ann, lamp), "click")).json() == {**NOTHING, "foreign": 1}


def test_what_was_shown_to_somebody_unknown_counts_for_whoever_they_become(lamp: Any, light: Bundle) -> None:
    client = Client()
    token = shown(client, lamp)
    client.post(f"/bundles/{light.pk}/add/", {"impression": token})
    assert client.session.session_key
    assert send(client, (token, "add")).json()["accepted"] == 1


def test_logging_in_between_page_and_click_loses_nothing(lamp: Any, light: Bundle) -> None:
    get_user_model().objects.create_user("ann", password="secret")
    client = Client()
    client.post(f"/bundles/{light.pk}/add/")
    token, before = shown(client, lamp), client.session.session_key
    client.post("/login/", {"username": "ann", "password": "secret"})
    assert client.session.session_key != before
    assert send(client, (token, "click")).json()["accepted"] == 1


def test_a_visitor_s_address_is_not_kept(client: Client, lamp: Any, light: Bundle) -> None:
    send(client, (shown(client, lamp), "click"))
    subject = Event.objects.get().subject
    assert len(subject) == 16
    assert "127.0.0.1" not in subject


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"{", 400, "invalid"), (b"[1]", 400, "invalid"), (b"x" * 200_000, 413, "too_large")],
)
def test_what_is_no_batch_is_answered_with_a_problem(client: Client, body: bytes, status: int, code: str) -> None:
    answer = client.post(EVENTS, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"detail", "code"}
    assert not IntakeCount.objects.exists()


def test_only_post_reports(client: Client) -> None:
    answer = client.get(EVENTS)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_visitor_has_a_rate_and_is_told_when_to_come_again(client: Client, settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "EVENT_THROTTLE": "2/min"}
    assert [send(client).status_code for _ in range(3)] == [200, 200, 429]
    answer = send(client)
    assert answer.json()["code"] == "throttled"
    assert 0 < int(answer["Retry-After"]) <= 61
    assert client.get("/bundles/api/bundles/").status_code == 200


def test_an_address_has_a_rate_of_its_own_if_the_shop_says_so(settings: Any) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "EVENT_ADDRESS_THROTTLE": "2/min"}
    visitors = [Client(), Client(), Client()]
    for number, visitor in enumerate(visitors):
        visitor.force_login(get_user_model().objects.create_user(f"visitor {number}"))
    assert [send(visitor).status_code for visitor in visitors] == [200, 200, 429]
    kept = str(cache._cache)  # type: ignore[attr-defined]  # of the cache in memory
    assert "bundle_app_events_address" in kept
    assert "127.0.0.1" not in kept, "the cache holds a pseudonym"
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert send(elsewhere).status_code == 200
    settings.BUNDLE_APP = TUTORIAL
    assert send(visitors[2]).status_code == 200, "unless said otherwise there is no such limit"


def _ended_by_the_server() -> None:
    other = connections.create_connection("default")
    with connection.cursor() as own, other.cursor() as cursor:
        own.execute("SELECT pg_backend_pid()")
        cursor.execute("SELECT pg_terminate_backend(%s)", own.fetchone())
    other.close()


def _cut_off() -> None:
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("break_off", [_ended_by_the_server, _cut_off])
@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_said_so_and_the_same_batch_counts_later(
    lamp: Any, light: Bundle, break_off: Callable[[], None]
) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("ann"))
    token = shown(client, lamp)
    break_off()
    answer = send(client, (token, "click"))
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "try_again", "15")
    connection.close()  # as the end of a request does in a server
    assert not Event.objects.exists()
    assert send(client, (token, "click")).json()["accepted"] == 1
    assert send(client, (token, "click")).json()["replayed"] == 1


def test_the_token_of_a_page_goes_with_the_bundle_into_the_cart(client: Client, lamp: Any, light: Bundle) -> None:
    html = client.get(f"/shop/{lamp.pk}/").content.decode()
    token = html.split('name="impression" value="')[1].split('"')[0]
    assert tokens.read_kept(token).bundle_id == light.pk
