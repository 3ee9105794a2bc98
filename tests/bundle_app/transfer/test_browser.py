"""Import and export in a real Chromium, in front of the tutorial shop, with and without JavaScript, in both languages.

Set BUNDLE_PICTURES to a folder to keep pictures of the pages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bundle_app import tasks
from bundle_app.models import Bundle, FileImport, Rule
from tests.bundle_app.transfer.conftest import csv_bytes, xlsx_bytes
from tests.bundle_app.tutorial_shop import bundle
from tests.demo.conftest import browser

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECONDS = 20


class Page:
    """A merchandiser's browser."""

    def __init__(self, browser: Any, url: str, folder: Path) -> None:
        self.browser, self.url, self.folder = browser, url, folder

    def open(self, view: str) -> None:
        self.browser.get(self.url + reverse(f"admin:{view}"))

    def find(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def press(self, selector: str) -> None:
        """Press what leads to another page, and wait for that."""
        before, button = self.find("html"), self.find(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        WebDriverWait(self.browser, SECONDS).until(lambda _browser: self.find("html") != before)

    def hand_in(self, kind: str, name: str, content: bytes) -> str:
        """Hand a file in; return the text of the page that follows."""
        path = self.folder / name
        path.write_bytes(content)
        self.open(f"bundle_app_{kind}_import")
        self.find("input[type=file]").send_keys(str(path))
        self.press(".submit-row [type=submit]")
        return self.text

    @property
    def text(self) -> str:
        return str(self.find("#main, #container").text)

    def picture(self, name: str) -> None:
        if "BUNDLE_PICTURES" in os.environ:
            self.browser.save_screenshot(str(Path(os.environ["BUNDLE_PICTURES"]) / f"{name}.png"))


@pytest.fixture
def page(browser: Any, live_server: Any, boss: User, tmp_path: Path, goods: list[Any]) -> Iterator[Page]:
    client = Client()
    client.force_login(boss)
    browser.set_window_size(1280, 1000)
    browser.get(live_server.url + "/admin/login/")
    browser.delete_all_cookies()
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    browser.get_log("browser")
    yield Page(browser, live_server.url, tmp_path)
    complaints = [entry["message"] for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
    assert complaints == []  # a violation of the Content-Security-Policy is a complaint, too


def test_a_merchandiser_imports_a_file_that_chinese_excel_wrote(page: Page, goods: list[Any]) -> None:
    made = bundle(goods[:2], status="review")
    rows = [
        ["products", "title", "status"],
        [f"{goods[0].pk}, {goods[1].pk}", "早餐套装", "active"],
        [f"{goods[2].pk}:2, {goods[3].pk}", "下午茶", "draft"],
    ]

    text = page.hand_in("bundle", "套装.csv", csv_bytes(*rows, encoding="gb18030"))

    page.picture("preview")
    assert "Waiting for your word" in text
    assert "GB18030" in text
    assert "Would be created: 1" in text
    assert "Status: Review → Active" in text
    made.refresh_from_db()
    assert made.status == "review"

    page.press("[formaction]")

    page.picture("applied")
    assert "All of it was done at once" in page.text
    assert sorted(Bundle.objects.values_list("title", "status")) == [("下午茶", "draft"), ("早餐套装", "active")]


WRONG_FILES: dict[str, Callable[[list[Any]], tuple[str, bytes, str]]] = {
    "another kind": lambda _goods: ("sets.pdf", b"%PDF", "“sets.pdf” is neither .csv nor .xlsx."),
    "another encoding": lambda _goods: (
        "sets.csv",
        csv_bytes(["products", "title"], ["1, 2", "Café Größe"], encoding="latin-1"),
        "The text is neither UTF-8 nor GB18030.",
    ),
    "no workbook": lambda _goods: ("sets.xlsx", b"products\n", "is called .xlsx and is no Excel workbook"),
    "an unknown column": lambda _goods: ("sets.csv", csv_bytes(["products", "titel"], [1, 2]), "Did you mean “title”?"),
    "a column too few": lambda _goods: ("sets.csv", csv_bytes(["title"], ["Tea"]), "“products” is missing."),
    "no rows": lambda _goods: ("sets.csv", csv_bytes(["products"]), "There is no row below the names of the columns."),
    "an unknown product": lambda goods: (
        "sets.xlsx",
        xlsx_bytes(["products"], [f"{goods[0].pk}, 999"]),
        "There is no product with the key “999”",
    ),
    "one product": lambda goods: (
        "sets.csv",
        csv_bytes(["products"], [goods[0].pk]),
        "There are 1 products; expected 2 to 10.",
    ),
    "a row twice": lambda goods: (
        "sets.csv",
        csv_bytes(["products"], *[[f"{goods[0].pk}, {goods[1].pk}"]] * 2),
        "A row above is about exactly these products already.",
    ),
    "a wrong status": lambda goods: (
        "sets.csv",
        csv_bytes(["products", "status"], [f"{goods[0].pk}, {goods[1].pk}", "aktiv"]),
        "“aktiv” is not known here. Expected one of: draft, review, active, paused, rejected.",
    ),
    "a wrong price": lambda goods: (
        "sets.csv",
        csv_bytes(["products", "discount_form"], [f"{goods[0].pk}, {goods[1].pk}", "fixed_price"]),
        "Enter an amount: this form of price needs one.",
    ),
    "hostile cells": lambda goods: (
        "sets.csv",
        csv_bytes(["products", "title"], [f"{goods[0].pk}, <script>alert(1)</script>", "<img src=x onerror=alert(1)>"]),
        "<script>alert(1)</script>",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_an_error_is_told_where_the_merchandiser_looks(page: Page, goods: list[Any], name: str) -> None:
    file_name, content, message = WRONG_FILES[name](goods)

    text = page.hand_in("bundle", file_name, content)

    page.picture(f"wrong {name}")
    assert message in text
    assert not page.browser.find_elements(By.CSS_SELECTOR, "[formaction]")
    assert not Bundle.objects.exists()


def test_a_wrong_rule_is_told_without_javascript_in_chinese(page: Page, goods: list[Any]) -> None:
    page.browser.add_cookie({"name": "django_language", "value": "zh-hans"})
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        text = page.hand_in(
            "rule", "rules.csv", csv_bytes(["kind", "item_key"], ["exclude", goods[0].pk], ["pin", "999"])
        )
        page.picture("wrong rule in Chinese")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert "未导入：有错误" in text
    assert "将会创建: 1" in text
    assert "999" in text
    assert not Rule.objects.exists()


def test_a_large_file_shows_its_page_until_the_worker_has_checked_it(
    page: Page, goods: list[Any], settings: Any
) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_IN_BACKGROUND_BYTES": 1}
    page.hand_in("bundle", "sets.csv", csv_bytes(["products"], [f"{goods[0].pk}, {goods[1].pk}"]))
    page.picture("waiting for the worker")
    assert "Waiting to be checked" in page.text

    tasks.import_file(FileImport.objects.get().pk)

    WebDriverWait(page.browser, SECONDS).until(lambda _browser: "Waiting for your word" in page.text)


def test_the_lists_offer_import_and_export(page: Page, goods: list[Any]) -> None:
    bundle(goods[:2])
    page.open("bundle_app_bundle_changelist")
    page.picture("list")

    page.press(".object-tools a[href*='export/']")

    page.picture("export")
    assert "discount_percent" in page.text
    page.open("bundle_app_rule_changelist")
    page.press(".object-tools a[href$='import/']")
    page.picture("import")
    assert "margin_percent" in page.text
