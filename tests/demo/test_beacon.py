"""The beacon in a real Chromium: what a shopper sees and does is counted once, and not before it happened."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.demo.conftest import Demo
from tests.demo.test_browser import LAPTOP, Page, product_path
from tests.demo.test_browser import page as page  # noqa: PLC0414  (a fixture)

pytestmark = [pytest.mark.browser, pytest.mark.process]


def open_with_offer_below_the_fold(page: Page, demo: Demo) -> str:
    """Returns the token of the offer."""
    page.browser.set_window_size(1280, 500)
    page.open(product_path(demo, LAPTOP))
    offer = page.find(".bundle-offer")
    below = "return arguments[0].getBoundingClientRect().top > window.innerHeight"
    assert page.browser.execute_script(below, offer)
    return str(offer.get_attribute("data-showing"))


def scroll_to(page: Page, selector: str) -> Any:
    element = page.find(selector)
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    return element


def events(demo: Demo, token: str) -> dict[str, int]:
    """What the database holds of a showing: number of rows by kind."""
    found: dict[str, int] = demo.ask(
        "from collections import Counter\n"
        "from bundle_app.events import tokens\n"
        "from bundle_app.models import Event\n"
        f"rows = Event.objects.filter(showing=tokens.read_kept({token!r}).id)\n"
        "print(json.dumps(Counter(rows.values_list('kind', flat=True))))"
    )
    return found


def queued(page: Page) -> Any:
    return page.browser.execute_script("return JSON.parse(sessionStorage.getItem('bundle_app.events') ?? '[]').length")


def wait_until_sent(page: Page, demo: Demo, token: str, kind: str) -> None:
    page.wait_until(lambda: events(demo, token).get(kind))
    page.wait_until(lambda: queued(page) == 0)


def test_an_offer_is_seen_when_it_is_scrolled_into_view_and_once(page: Page, demo: Demo) -> None:
    token = open_with_offer_below_the_fold(page, demo)
    assert events(demo, token) == {}
    scroll_to(page, ".bundle-offer")
    wait_until_sent(page, demo, token, "impression")
    page.browser.execute_script("window.scrollTo({top: 0, behavior: 'instant'})")
    scroll_to(page, ".bundle-offer")
    assert events(demo, token) == {"impression": 1}


def test_a_click_on_a_part_leaves_one_row_though_it_leads_away(page: Page, demo: Demo) -> None:
    token = open_with_offer_below_the_fold(page, demo)
    address = page.browser.current_url
    scroll_to(page, ".bundle-offer a.bundle-name").click()
    page.wait_until(lambda: page.browser.current_url != address)
    wait_until_sent(page, demo, token, "click")
    assert events(demo, token)["click"] == 1


def test_the_button_leaves_an_add_and_the_cart_keeps_the_token(page: Page, demo: Demo) -> None:
    token = open_with_offer_below_the_fold(page, demo)
    scroll_to(page, ".bundle-offer .bundle-add").click()
    page.wait_until(lambda: page.all(".message"))
    wait_until_sent(page, demo, token, "add")
    assert events(demo, token)["add"] == 1


def test_what_does_not_interest_is_gone_and_the_focus_is_not_lost(page: Page, demo: Demo) -> None:
    token = open_with_offer_below_the_fold(page, demo)
    scroll_to(page, ".bundle-dismiss").click()
    assert not page.find(".bundle-offer").is_displayed()
    assert page.browser.switch_to.active_element == page.browser.find_element(By.CSS_SELECTOR, ".bundle-heading")
    wait_until_sent(page, demo, token, "dismiss")
    assert events(demo, token)["dismiss"] == 1


def test_what_cannot_be_sent_waits_for_the_next_page(page: Page, demo: Demo) -> None:
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/events/*"]})
    try:
        token = open_with_offer_below_the_fold(page, demo)
        scroll_to(page, ".bundle-dismiss").click()
        page.wait_until(lambda: queued(page))
        assert events(demo, token) == {}
    finally:
        page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.open("/account/login/")
    page.open("/")  # shows bundles, and so has the beacon
    wait_until_sent(page, demo, token, "dismiss")
    assert events(demo, token)["dismiss"] == 1
    page.browser.get_log("browser")  # Chromium complains of what was blocked.


def test_the_button_for_no_interest_is_hidden_without_javascript(page: Page, demo: Demo) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(product_path(demo, LAPTOP))
        assert not page.find(".bundle-dismiss").is_displayed()
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
