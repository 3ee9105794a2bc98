"""Every page in both languages, under the strict policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polib  # type: ignore[import-untyped]
import pytest
from django.test import Client
from django.utils import translation

from bundle_app.shop import get_adapter
from example_shop.csp import POLICY
from example_shop.models import Category, Product, ShopSource

PAGES = [
    "/",
    "/category/kitchen/",
    "/category/books/?sort=price&page=1",
    "/search/?q=tea",
    "/search/?q=nothing-of-the-kind",
    "/search/?category=music&sort=-price",
    "/product/LAP-13/",
    "/product/BOL-1/",
    "/product/BK-MOON-1/",
    "/cart/",
    "/account/login/",
]
LOCALE = Path(__file__).parents[2] / "example_shop" / "locale" / "zh_Hans" / "LC_MESSAGES"


def test_a_browser_that_looks_for_an_icon_is_given_no_cookie(client: Client) -> None:
    response = client.get("/favicon.ico")

    assert response.headers["Location"].endswith("example_shop/favicon.svg")
    assert not response.cookies


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_in_both_languages_with_nothing_inline(
    client: Client, generated_shop: ShopSource, path: str, language: str
) -> None:
    response = client.get(path, headers={"accept-language": language})
    page = response.content.decode()
    assert response.status_code == 200
    assert f'<html lang="{language}">' in page
    assert response.headers["Content-Security-Policy"] == POLICY
    assert "<style" not in page
    assert not re.search(r"<[^>]+\sstyle=", page)
    assert not re.search(r"<[^>]+\son\w+=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert "javascript:" not in page
    assert page.count("<h1") == 1


def test_the_switch_changes_the_language_and_stays_on_the_page(client: Client, generated_shop: ShopSource) -> None:
    response: Any = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/product/TEA-IRON/"})
    assert response.url == "/product/TEA-IRON/"
    page = client.get("/product/TEA-IRON/").content.decode()
    assert "铸铁茶壶" in page
    assert "加入购物车" in page


def test_the_adapter_speaks_the_reader_s_language(generated_shop: ShopSource) -> None:
    with translation.override("zh-hans"):
        card = get_adapter().get_items(["TEA-IRON"], None)["TEA-IRON"]
    assert (card.title, card.image_url) == ("铸铁茶壶", "/picture/TEA-IRON.svg")
    with translation.override("en"):
        assert get_adapter().get_items(["TEA-IRON"], None)["TEA-IRON"].title == "Cast Iron Teapot"
    assert get_adapter().search_items("茶壶", limit=5)


def test_every_page_says_where_the_data_come_from(client: Client, db: None, category: Category) -> None:
    assert "demonstration" not in client.get("/").content.decode()
    source = ShopSource.objects.create(kind="generated", name="generator", fingerprint="x")
    assert "the catalogue and all orders were generated" in client.get("/").content.decode()
    source.delete()
    ShopSource.objects.create(kind="imported", name="orders.parquet", fingerprint="x")
    assert "imported from the file orders.parquet" in client.get("/").content.decode()


def test_an_empty_shop_has_a_home_page(client: Client, db: None) -> None:
    assert client.get("/").status_code == 200


def test_a_list_shows_one_of_several_colours_and_says_how_many(client: Client, generated_shop: ShopSource) -> None:
    page = client.get("/search/?q=stoneware+mug").content.decode()
    assert page.count('class="card"') == 1
    assert "4 colours" in page


def test_every_word_of_a_search_must_occur(client: Client, teapot: Product, cups: Product) -> None:
    assert client.get("/search/?q=tea").content.decode().count('class="card"') == 2
    assert client.get("/search/?q=tea+cups").content.decode().count('class="card"') == 1
    assert client.get("/search/?q=%00%25_").status_code == 200


def test_a_page_that_does_not_exist_answers_in_the_shop_s_look(client: Client, db: None) -> None:
    response = client.get("/product/NOWHERE/")
    assert response.status_code == 404
    assert "not on our shelves" in response.content.decode()


def test_prices_are_written_in_the_shop_s_currency(client: Client, teapot: Product, settings: object) -> None:
    Product.objects.update(price="1234.5")
    assert "€1,234.50" in client.get("/product/POT/").content.decode()


def test_the_chinese_translation_is_complete_and_compiled() -> None:
    source = polib.pofile(str(LOCALE / "django.po"))
    assert [entry.msgid for entry in source.untranslated_entries() + source.fuzzy_entries()] == []
    compiled = {(entry.msgid, entry.msgstr) for entry in polib.mofile(str(LOCALE / "django.mo"))}
    assert compiled == {(entry.msgid, entry.msgstr) for entry in source}
