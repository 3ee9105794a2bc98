"""The picker's search: who may ask, what it answers, and that a plain input stands under it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.bundle_app.admin.conftest import Tags
from tests.bundle_app.tutorial_shop import bundle, product

PRODUCTS = "admin:bundle_app_bundle_products"


def test_products_are_found_by_title_with_what_one_should_know_of_them(page: Client) -> None:
    mouse = product("Wireless mouse", "24.90")
    pad = product("Mouse pad", "5.00", available=False)
    product("Keyboard")
    assert page.get(reverse(PRODUCTS), {"q": "mouse"}).json() == {
        "products": [
            {"key": str(mouse.pk), "title": "Wireless mouse", "note": f"{mouse.pk} · $24.90"},
            {"key": str(pad.pk), "title": "Mouse pad", "note": f"{pad.pk} · $5.00 · not for sale"},
        ]
    }


def test_products_are_found_by_key(page: Client, goods: list[Any]) -> None:
    found = page.get(reverse(PRODUCTS), {"q": str(goods[3].pk)}).json()["products"]
    assert "Product 4" in [entry["title"] for entry in found]


@pytest.mark.parametrize("query", ["", "   ", "no such thing", "\x00", "%", "x" * 10000, "'; DROP TABLE--"])
def test_a_query_that_finds_nothing_answers_an_empty_list(page: Client, goods: list[Any], query: str) -> None:
    response = page.get(reverse(PRODUCTS), {"q": query})
    assert response.status_code == 200
    assert response.json() == {"products": []}


def test_no_more_than_twenty_are_told(page: Client) -> None:
    for number in range(25):
        product(f"Cup {number}")
    assert len(page.get(reverse(PRODUCTS), {"q": "cup"}).json()["products"]) == 20


def test_a_shop_that_cannot_be_asked_answers_503_with_the_reason(page: Client, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "no such preset"}}
    response = page.get(reverse(PRODUCTS), {"q": "mouse"})
    assert response.status_code == 503
    assert "MAP['preset'] is 'no such preset'" in response.json()["error"]


@pytest.mark.parametrize("permission", ["add_bundle", "change_bundle"])
def test_who_composes_bundles_may_ask(staff: Any, permission: str) -> None:
    assert staff(permission).get(reverse(PRODUCTS), {"q": "x"}).status_code == 200


def test_who_may_only_look_gets_403(staff: Any) -> None:
    assert staff("view_bundle").get(reverse(PRODUCTS), {"q": "x"}).status_code == 403


def test_a_stranger_is_sent_to_the_login() -> None:
    response = Client().get(reverse(PRODUCTS), {"q": "x"})
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]


def test_without_javascript_the_field_is_a_plain_input_of_the_key_with_the_title_beside(
    page: Client, goods: list[Any]
) -> None:
    made = bundle(goods[:2], source="manual")
    html = page.get(reverse("admin:bundle_app_bundle_change", args=[made.pk])).content.decode()
    inputs = {field["name"]: field for field in Tags(html).named("input") if "name" in field}
    assert inputs["parts-0-item_key"]["type"] == "text"
    assert inputs["parts-0-item_key"]["value"] == str(goods[0].pk)
    assert '<span class="bundle-picker-title">Product 1</span>' in html


def test_the_combobox_is_a_static_module(page: Client) -> None:
    scripts = Tags(page.get(reverse("admin:bundle_app_bundle_add")).content.decode()).named("script")
    modules = [script["src"] for script in scripts if script.get("type") == "module"]
    assert len([source for source in modules if "bundle_app/admin/product_picker" in source]) == 1
