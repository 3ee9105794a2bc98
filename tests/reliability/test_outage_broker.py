"""The message broker, a real Redis, goes away under a shop in use and comes back with what it had on disk.

Shoppers notice nothing; who starts a task in admin is told; the worker goes on by itself and does what it was given.
For how long it is away, OUTAGE_SECONDS says; `make test-outage` waits for a minute.
"""

from __future__ import annotations

import html
import re
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.reliability.outages import OUTAGE_SECONDS, SECONDS_TO_ANSWER, Redis, Shop, shop, wait_for
from tests.reliability.visitors import Visitors

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="no redis-server here: apt-get install redis-server"
    ),
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    yield server
    server.end()


@pytest.fixture
def served(broker: Redis) -> Iterator[Shop]:
    with shop(CELERY_BROKER_URL=broker.url) as opened:
        opened.start_pages()
        opened.start_worker(supervised=True)  # Celery 5.7.0 ends where a Redis goes away under a task.
        yield opened


class Merchandiser:
    """Somebody who is logged in to admin. Every page is one that a person could read."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        shop.ask(
            "from django.contrib.auth import get_user_model\n"
            "get_user_model().objects.create_superuser('boss', password='secret')"
        )
        self.post("/admin/login/", "/admin/login/", username="boss", password="secret", next="/admin/")

    def get(self, path: str) -> str:
        return self._read(urllib.request.Request(f"{self.shop.url}{path}"))

    def post(self, form: str, path: str, *, file: str = "", **fields: str) -> str:
        """Send what stands on a page; return the page that follows."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(form))
        assert token is not None
        fields["csrfmiddlewaretoken"] = token[1]
        headers, body = {"Referer": self.shop.url}, urllib.parse.urlencode(fields).encode()
        if file:
            headers["Content-Type"] = "multipart/form-data; boundary=edge"
            parts = [
                f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}' for name in fields
            ]
            parts += [f'--edge\r\nContent-Disposition: form-data; name="file"; filename="sets.csv"\r\n\r\n{file}']
            body = "\r\n".join([*parts, "--edge--\r\n"]).encode()
        return self._read(urllib.request.Request(f"{self.shop.url}{path}", data=body, headers=headers))

    def train(self) -> str:
        return self.post("/admin/bundle_app/trainingrun/", "/admin/bundle_app/trainingrun/train/")

    def hand_in(self, *products: int) -> str:
        path, cell = "/admin/bundle_app/bundle/import/", ", ".join(map(str, products))
        return self.post(path, path, file=f'products\n"{cell}"\n')

    def confirm(self, number: int) -> str:
        path = f"/admin/bundle_app/fileimport/{number}/"
        return self.post(f"{path}change/", f"{path}confirm/")

    def _read(self, request: urllib.request.Request) -> str:
        with self.opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
            return html.unescape(answer.read().decode())


def status_of_imports(shop: Shop) -> list[str]:
    return [status for (status,) in shop.database.rows("SELECT status FROM bundle_app_fileimport ORDER BY id")]


def done_count(shop: Shop, task: str) -> int:
    return len(re.findall(rf"Task bundle_app\.{task}\[.*succeeded", shop.log()))


def test_shoppers_notice_nothing_and_who_starts_a_task_is_told(served: Shop, broker: Redis) -> None:
    boss = Merchandiser(served)
    boss.hand_in(1, 3)
    wait_for(lambda: status_of_imports(served) == ["checked"], about=f"for the preview\n{served.log()[-3000:]}")

    with Visitors(served) as visitors:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with served.database.connected() as cursor:
            cursor.execute("LOCK TABLE bundle_app_countedday IN ACCESS EXCLUSIVE MODE")
            served.send("bundle_app.aggregate")
            wait_for(lambda: served.database.rows(waiting) == [(1,)], about=f"for the task\n{served.log()[-3000:]}")
            broker.take_away()
        began, shown = time.monotonic(), visitors.looks[True]
        for answer in (boss.train(), boss.train()):
            assert "The task could not be sent to the message broker" in answer
            assert "is queued" not in answer
        for answer in (boss.hand_in(2, 4), boss.confirm(1)):
            assert "Nothing was imported yet; the file is kept" in answer
        assert status_of_imports(served) == ["confirmed", "uploaded"]
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - began)))
        assert visitors.looks[True] > shown
        broker.give_back()

        served.send("bundle_app.sweep")
        wait_for(lambda: done_count(served, "sweep") == 1, about=f"for the worker\n{served.log()[-3000:]}")
    assert visitors.errors == []
    assert visitors.failures() == []
    assert {status for place, status in visitors.answers if place == "events"} == {200}
    wait_for(lambda: done_count(served, "aggregate") >= 1, about=f"for what was cut off\n{served.log()[-3000:]}")
    done = done_count(served, "aggregate")
    served.send("bundle_app.aggregate")
    wait_for(lambda: done_count(served, "aggregate") > done)
    clicks = "SELECT count(*) FROM bundle_app_event WHERE kind = 'click' AND is_rewarded"
    assert served.database.rows("SELECT sum(clicks) FROM bundle_app_dailyfigure") == served.database.rows(clicks)

    served.database.execute("UPDATE bundle_app_fileimport SET touched_at = touched_at - interval '1 hour'")
    served.send("bundle_app.sweep")
    wait_for(lambda: status_of_imports(served) == ["applied", "checked"], about=f"for imports\n{served.log()[-3000:]}")

    assert "is queued" in boss.train()
    runs = "SELECT status FROM bundle_app_trainingrun ORDER BY id"
    wait_for(
        lambda: served.database.rows(runs) == [("failed",), ("failed",), ("succeeded",)],
        about=f"for the training\n{served.log()[-3000:]}",
    )
