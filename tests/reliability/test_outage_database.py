"""The database of the bundles goes away under a shop in use, and comes back.

Its pages stay, without bundles; no event that was acknowledged is lost and none is counted twice; pages, beacon and
worker go on by themselves. For how long it is away, OUTAGE_SECONDS says; `make test-outage` waits for a minute.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import partial
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


def written(shop: Shop) -> list[tuple[Any, ...]]:
    """What stands in the table, row by row: number of the showing, and kind."""
    return shop.database.rows("SELECT showing, kind FROM bundle_app_event WHERE placement <> 'elsewhere'")


def as_written(shop: Shop, reports: set[Report]) -> list[tuple[Any, ...]]:
    """The same of reports."""
    code = (
        "from bundle_app.events import tokens\n"
        "print(json.dumps([[tokens.read_kept(token).id, kind] for token, kind in about[0]]))"
    )
    return [(showing, kind) for showing, kind in shop.ask(code, sorted(reports))]


def test_no_page_fails_and_what_was_acknowledged_is_there_once(served: Shop) -> None:
    before = written(served)
    with Visitors(served) as visitors:
        wait_for(lambda: len(visitors.acknowledged) > 50)
        served.database.take_away()
        time.sleep(OUTAGE_SECONDS)
        wait_for(lambda: visitors.answers.keys() >= {("api", 503), ("events", 503)}, about=f"{visitors.answers}")
        served.database.give_back()
        known = visitors.looks[True]
        wait_for(lambda: visitors.looks[True] > known + 50, about=f"for bundles to be back\n{served.log()[-3000:]}")

    assert visitors.errors == []
    told = served.log()[served.log().find("Internal Server Error") :][:6000]
    assert visitors.failures() == [("api", 503), ("events", 503)], f"{visitors.answers}\n{told}"
    assert visitors.looks[False] > 5
    rows = [row for row in written(served) if row not in before]
    acknowledged, given_up = (as_written(served, reports) for reports in (visitors.acknowledged, visitors.given_up))
    assert sorted(row for row in rows if row in acknowledged) == sorted(acknowledged)
    assert all(row in acknowledged or row in given_up for row in rows)
    counted = "SELECT sum(count) FROM bundle_app_intakecount WHERE outcome = 'accepted'"
    assert served.database.rows(counted) == [(len(rows) + len(before),)]


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
    staying.open("/shop/5/")
    (stayed,) = staying.showings()
    going.open("/")
    first, second, third = going.showings()
    seen = as_written(served, {(showing, "impression") for showing in (first, second, third)})
    wait_for(lambda: set(seen) <= set(written(served)), about="for what was seen")
    wait_for(lambda: going.queued() == [])

    served.database.take_away()
    staying.show()
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
    for row in [*seen, *as_written(served, {(first, "dismiss"), (second, "click"), (stayed, "dismiss")})]:
        assert rows.count(row) == 1, row


ORDERS = """
from datetime import timedelta
from django.utils import timezone
from bundle_app.events import tokens
from bundle_app.models import Bundle, Event
from tests.tutorial.orders.models import Order, OrderItem
bundle, at = Bundle.objects.earliest("pk"), timezone.now() - timedelta(minutes=5)
key = int(next(iter(bundle.quantities())))
about_showings = [tokens.Showing(bundle_id=bundle.pk, anchor_key="", placement="elsewhere", slot=1, shown_at=at)
                  for _ in range(about[0])]
for showing in about_showings:
    Event.objects.create(showing=showing.id, kind="click", bundle=bundle, anchor_key="", placement="elsewhere", slot=1,
                         shown_at=at, occurred_at=at, received_at=at)
    order = Order.objects.create(email="ann@example.org", paid=True)
    OrderItem.objects.create(order=order, product_id=key, price=10, quantity=1, impression=tokens.sign(showing, subject=""))
"""


def is_done_twice(shop: Shop, task: str) -> bool:
    return len(re.findall(rf"Task bundle_app\.{task}\[.*succeeded", shop.log())) == 2


def test_tasks_that_were_cut_off_are_done_when_it_is_back_and_once(served: Shop) -> None:
    """Attribution and aggregation wait for a lock, each in its transaction, when the database goes."""
    order_count = 40
    served.start_worker()
    served.ask(ORDERS, order_count)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with served.database.connected() as cursor:
        cursor.execute("LOCK TABLE bundle_app_countedday IN ACCESS EXCLUSIVE MODE")
        served.send("bundle_app.attribute", "bundle_app.aggregate")
        wait_for(lambda: served.database.rows(waiting) == [(2,)], about=f"for the tasks\n{served.log()[-3000:]}")
        served.database.take_away()
    served.send("bundle_app.attribute", "bundle_app.aggregate")
    time.sleep(OUTAGE_SECONDS)
    served.database.give_back()

    for task in ("attribute", "aggregate"):
        wait_for(partial(is_done_twice, served, task), about=f"for {task}\n{served.log()[-3000:]}")
    served.send("bundle_app.aggregate")  # the next night's: attribution may have ended after both
    sold = "SELECT count(*), sum(share), sum(revenue) FROM bundle_app_purchase"
    assert served.database.rows(sold) == [(order_count, order_count, 10 * order_count)]
    counted = "SELECT sum(clicks), sum(purchases) FROM bundle_app_dailyfigure WHERE placement = 'elsewhere'"
    wait_for(lambda: served.database.rows(counted) == [(order_count, order_count)])
