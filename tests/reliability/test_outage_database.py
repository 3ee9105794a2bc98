"""The database of the bundles goes away under a shop in use, and comes back.

Its pages stay, without bundles; no event that was acknowledged is lost and none is counted twice; pages, beacon and
worker go on by themselves. For how long it is away, OUTAGE_SECONDS says; `make test-outage` waits for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from tests.demo.conftest import browser as browser  # noqa: PLC0414  (a fixture)
from tests.reliability.outages import OUTAGE_SECONDS, Shop, shop, wait_for
from tests.reliability.visitors import Report, Visitors

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def served() -> Iterator[Shop]:
    with shop() as opened:
        opened.start_pages()
        yield opened


def written(shop: Shop) -> list[Any]:
    """What stands in the table: number of the showing and kind, row by row."""
    rows: list[Any] = shop.ask(
        "from bundle_app.models import Event\n"
        "print(json.dumps([[str(showing), kind] for showing, kind in Event.objects.values_list('showing', 'kind')]))"
    )
    return rows


def as_written(shop: Shop, reports: set[Report]) -> list[Any]:
    """The same of reports."""
    rows: list[Any] = shop.ask(
        "from bundle_app.events import tokens\n"
        "print(json.dumps([[str(tokens.read_kept(token).id), kind] for token, kind in about[0]]))",
        sorted(reports),
    )
    return rows


def accepted_count(shop: Shop) -> int:
    count: int = shop.ask(
        "from bundle_app.models import IntakeCount\n"
        "from django.db.models import Sum\n"
        "found = IntakeCount.objects.filter(outcome='accepted').aggregate(count=Sum('count', default=0))\n"
        "print(json.dumps(found['count']))"
    )
    return count


def test_no_page_fails_and_what_was_acknowledged_is_there_once(served: Shop) -> None:
    before = written(served)
    with Visitors(served) as visitors:
        wait_for(lambda: len(visitors.acknowledged) > 50)
        served.database.take_away()
        time.sleep(OUTAGE_SECONDS)
        without = visitors.looks[False]
        served.database.give_back()
        known = visitors.looks[True]
        wait_for(lambda: visitors.looks[True] > known + 50, about=f"for bundles to be back\n{served.log()[-3000:]}")

    assert visitors.errors == []
    told = served.log()[served.log().find("Internal Server Error") :][:6000]
    assert visitors.failures() == [("api", 503), ("events", 503)], f"{visitors.answers}\n{told}"
    assert without > 5
    rows = [row for row in written(served) if row not in before]
    acknowledged, given_up = (as_written(served, reports) for reports in (visitors.acknowledged, visitors.given_up))
    assert sorted(row for row in rows if row in acknowledged) == sorted(acknowledged)
    assert all(row in acknowledged or row in given_up for row in rows)
    assert accepted_count(served) == len(rows) + len(before)


class Tab:
    """A page in a tab of the browser."""

    def __init__(self, browser: Any, shop: Shop) -> None:
        browser.switch_to.new_window("tab")
        self.browser, self.shop, self.handle = browser, shop, browser.current_window_handle

    def open(self, path: str) -> None:
        self.show()
        self.browser.get(f"{self.shop.url}{path}")
        assert self.browser.find_elements(By.TAG_NAME, "h1"), self.browser.page_source

    def show(self) -> None:
        self.browser.switch_to.window(self.handle)

    def offers(self) -> list[Any]:
        found: list[Any] = self.browser.find_elements(By.CSS_SELECTOR, ".bundle-offer:not([hidden])")
        return found

    def showings(self) -> list[str]:
        return [str(offer.get_attribute("data-showing")) for offer in self.offers()]

    def press(self, selector: str) -> None:
        element = self.browser.find_element(By.CSS_SELECTOR, f".bundle-offer:not([hidden]) {selector}")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def queued(self) -> list[Report]:
        """What was not acknowledged yet."""
        self.show()
        script = "return JSON.parse(sessionStorage.getItem('bundle_app.events') ?? '[]').map((r) => [r.token, r.kind])"
        return [(token, kind) for token, kind in self.browser.execute_script(script)]


@pytest.mark.browser
def test_what_a_shopper_does_meanwhile_is_kept_in_the_browser_and_counted_once(served: Shop, browser: Any) -> None:
    """One goes from page to page, another keeps a page open."""
    going, staying = Tab(browser, served), Tab(browser, served)
    for tab, path in ((staying, "/shop/5/"), (going, "/")):
        tab.open(path)
        wait_for(lambda tab=tab: len(tab.queued()) == 0 and tab.offers())
    going.show()
    first, second, third = going.showings()
    wait_for(lambda: len(written(served)) >= 3)
    wait_for(lambda: going.queued() == [])
    staying.show()
    (stayed,) = staying.showings()

    served.database.take_away()
    staying.press(".bundle-dismiss")
    assert staying.queued()[-1] == (stayed, "dismiss")
    going.show()
    going.press(".bundle-dismiss")
    going.press("a[href]")
    wait_for(lambda: "/shop/" in browser.current_url)
    until = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < until:
        for path in ("/shop/3/", "/cart/", "/"):
            going.open(path)
            assert going.offers() == []
    assert {(first, "dismiss"), (second, "click")} <= set(going.queued())
    served.database.give_back()

    def is_delivered() -> bool:
        going.open("/")
        return bool(going.offers()) and going.queued() == []

    wait_for(is_delivered)
    wait_for(lambda: staying.queued() == [], about="for the open page to send what it kept")
    rows = written(served)
    expected = {
        (first, "impression"),
        (first, "dismiss"),
        (second, "click"),
        (third, "impression"),
        (stayed, "dismiss"),
    }
    for row in as_written(served, expected):
        assert rows.count(row) == 1, row
