"""Shoppers without a browser, for as long as a test wants them: they look at pages, click, buy, and report.

They report as the beacon does: what is not acknowledged is sent again until it is, but for what a page held that was
closed meanwhile. Some of it is sent once more though it was acknowledged, as by a page that left before it heard of it.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from random import Random

from tests.reliability.outages import PRODUCT_COUNT, SECONDS_TO_ANSWER, Shop, wait_for

PAGES = ["/", "/cart/", *(f"/shop/{pk}/" for pk in range(1, PRODUCT_COUNT + 1))]

Report = tuple[str, str]
"""Token of a showing, and what became of it."""


@dataclass
class Visitors:
    """All that they have seen, by all of them together."""

    shop: Shop
    count: int = 4
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By place and status."""
    looks: Counter[bool] = field(default_factory=Counter)
    """Pages by whether they showed bundles."""
    acknowledged: set[Report] = field(default_factory=set)
    given_up: set[Report] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Visitors:
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.count)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Everybody goes home; whoever still has something to report stays until it is acknowledged."""
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def failures(self) -> list[tuple[str, int]]:
        return sorted((place, status) for place, status in self.answers if status >= 500)

    def _run(self, number: int) -> None:
        try:
            _Visitor(self, Random(number)).shop_around()
        except Exception as error:  # noqa: BLE001  (whatever it is, the test tells it)
            self.errors.append(repr(error))


class _Visitor:
    def __init__(self, all_: Visitors, chance: Random) -> None:
        self.all, self.chance = all_, chance
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.queue: list[Report] = []
        self.form: tuple[str, dict[str, str]] | None = None

    def shop_around(self) -> None:
        while not self.all.is_over.is_set():
            self._look()
            if self.form is not None and self.chance.random() < 0.1:
                self._ask("add", self.form[0], urllib.parse.urlencode(self.form[1]).encode())
            if self.chance.random() < 0.1:
                self._ask("api", f"/bundles/api/bundles/?item={self.chance.randint(1, PRODUCT_COUNT)}")
            if self.chance.random() < 0.15:  # Till then reports gather.
                self._report_or_leave()
            time.sleep(0.02)
        wait_for(self._report, about="for reports to be acknowledged")

    def _report_or_leave(self) -> None:
        if not self._report() and self.chance.random() < 0.1:
            self.all.given_up.update(self.queue)  # The window was closed.
            self.queue = []
        elif self.chance.random() < 0.8:
            left = [report for report in self.queue if report not in self.all.acknowledged]
            self.queue = left or self.queue[-1:]  # There is always something to report.

    def _look(self) -> None:
        status, html = self._ask("page", self.chance.choice(PAGES))
        assert status >= 500 or "<h1>" in html, html
        tokens = re.findall(r'data-showing="([^"]+)"', html)
        self.all.looks[bool(tokens)] += 1
        self.queue += [(token, "impression") for token in tokens]
        self.queue += [(token, "click") for token in tokens if self.chance.random() < 0.3]
        if found := re.search(r'<form class="bundle-form".*?action="([^"]+)"(.*?)</form>', html, re.DOTALL):
            self.form = found[1], dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found[2]))

    def _report(self) -> bool:
        """Whether all was acknowledged."""
        for start in range(0, len(self.queue), 50):
            batch = self.queue[start : start + 50]
            events = [{"token": token, "kind": kind, "ago_seconds": 0.5} for token, kind in batch]
            body = json.dumps({"events": events}).encode()
            status, answer = self._ask("events", "/bundles/api/events/", body, "application/json")
            if status != 200:
                return False
            counts = json.loads(answer)
            assert counts["accepted"] + counts["replayed"] == len(batch), counts
            self.all.acknowledged.update(batch)
        return True

    def _ask(self, place: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, str]:
        headers = {"Content-Type": kind or "application/x-www-form-urlencoded"} if body is not None else {}
        request = urllib.request.Request(f"{self.all.shop.url}{path}", data=body, headers=headers)
        try:
            with self.opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        self.all.answers[place, status] += 1
        return status, text
