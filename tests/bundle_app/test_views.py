"""The widget's form, from the page to the cart and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, connection
from django.test import Client

from bundle_app.models import Bundle
from tests.bundle_app import tutorial_pages
from tests.bundle_app.tutorial_shop import bundle, product, score, version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)


@pytest.fixture
def lamp() -> Any:
    return product("Lamp")


@pytest.fixture
def light(lamp: Any) -> Bundle:
    """A lamp and two bulbs, on the lamp's page."""
    made = bundle({lamp: 1, product("Bulb"): 2})
    score(made, version(), anchor=lamp)
    return made


def added(client: Client, made: Bundle, **fields: Any) -> Any:
    return client.post(f"/bundles/{made.pk}/add/", fields)


def test_the_form_of_a_page_adds_all_parts_says_so_and_comes_back(lamp: Any, light: Bundle) -> None:
    client = Client(enforce_csrf_checks=True)
    html = client.get(f"/shop/{lamp.pk}/?colour=red").content.decode()
    action = re.search(r'action="([^"]+)"', html)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
    assert action is not None
    answer = client.post(action[1], fields)
    assert (answer.status_code, answer["Location"]) == (302, f"/shop/{lamp.pk}/?colour=red")
    assert client.session["cart"] == light.quantities()
    assert "<p>success: Added to your cart: Lamp + Bulb</p>" in client.get(answer["Location"]).content.decode()


def test_a_post_without_the_token_is_refused_even_if_the_shop_has_no_middleware_for_it(
    light: Bundle, settings: Any
) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    assert added(client, light).status_code == 403
    assert "cart" not in client.session


def test_only_post_adds(client: Client, light: Bundle) -> None:
    assert client.get(f"/bundles/{light.pk}/add/").status_code == 405
    assert "cart" not in client.session


def test_a_sold_out_part_leaves_the_cart_as_it_was_and_is_named(client: Client, lamp: Any, light: Bundle) -> None:
    lamp.available = False
    lamp.save()
    added(client, light)
    assert "cart" not in client.session
    page = client.get("/").content.decode()
    assert "<p>error: Sold out: Lamp. Nothing was added to your cart.</p>" in page


@pytest.mark.parametrize("status", ["draft", "paused", "rejected"])
def test_a_bundle_that_is_off_since_the_page_was_loaded_is_explained(
    client: Client, light: Bundle, status: str
) -> None:
    Bundle.objects.update(status=status)
    added(client, light)
    assert "cart" not in client.session
    assert "<p>error: This set is not on offer any more.</p>" in client.get("/").content.decode()


def test_in_the_cart_the_form_adds_what_is_missing_only(client: Client, lamp: Any, light: Bundle) -> None:
    session = client.session
    session["cart"] = {str(lamp.pk): 1}
    session.save()
    html = client.get("/cart/").content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
    added(client, light, **fields)
    assert client.session["cart"] == light.quantities()


def test_a_shop_without_messages_adds_all_the_same(client: Client, light: Bundle, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    assert added(client, light).status_code == 302
    assert client.session["cart"] == light.quantities()


def refusing(error: Exception) -> Any:
    """Every statement about bundles ends so."""

    def refuse(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "bundle_app" in sql:
            raise error
        return execute(sql, params, many, context)

    return connection.execute_wrapper(refuse)


def test_a_database_that_is_away_is_said_to_the_shopper_who_stays_on_the_page(client: Client, light: Bundle) -> None:
    with refusing(DatabaseError("server closed the connection unexpectedly")):
        answer = added(client, light, next="/shop/1/")
    assert (answer.status_code, answer["Location"]) == (302, "/shop/1/")
    assert "cart" not in client.session
    told = "This set could not be added at the moment. Please look into your cart and try again."
    assert f"<p>error: {told}</p>" in client.get("/").content.decode()


def test_a_mistake_in_a_query_is_not_taken_for_a_database_that_is_away(client: Client, light: Bundle) -> None:
    with refusing(ProgrammingError("no such column")), pytest.raises(ProgrammingError):
        added(client, light)


@pytest.mark.parametrize(
    ("next_url", "referer", "location"),
    [
        ("/shop/1/", "http://testserver/cart/", "/shop/1/"),
        ("", "http://testserver/cart/", "http://testserver/cart/"),
        ("https://evil.example/", "http://testserver/cart/", "http://testserver/cart/"),
        ("//evil.example/", "https://evil.example/", "/"),
        ("javascript:alert(1)", "", "/"),
        ("\\\\evil.example", "", "/"),
        ("http:///evil.example", "", "/"),
        ("", "", "/"),
    ],
)
def test_the_way_back_never_leads_to_another_site(
    client: Client, light: Bundle, next_url: str, referer: str, location: str
) -> None:
    answer = client.post(f"/bundles/{light.pk}/add/", {"next": next_url}, headers={"referer": referer})
    assert answer["Location"] == location
