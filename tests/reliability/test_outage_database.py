"""The database of the bundles goes away under a shop in use, and comes back. Its pages stay, and no event is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.reliability.outages import OUTAGE_SECONDS, Shop, Visitors, shop, wait_for

pytestmark = pytest.mark.process


@pytest.fixture
def open_shop() -> Iterator[Shop]:
    with shop() as opened:
        yield opened


def written(shop: Shop) -> set[tuple[str, str]]:
    rows = shop.ask(
        "from bundle_app.models import Event\n"
        "print(json.dumps([[str(showing), kind] for showing, kind in Event.objects.values_list('showing', 'kind')]))"
    )
    found = [(showing, kind) for showing, kind in rows]
    assert len(found) == len(set(found))
    return set(found)


def showing_ids(shop: Shop, reports: set[tuple[str, str]]) -> set[tuple[str, str]]:
    (shop.folder / "reports.json").write_text(__import__("json").dumps(sorted(reports)))
    rows = shop.ask(
        "from pathlib import Path\nfrom bundle_app.events import tokens\n"
        f"reports = json.loads(Path({str(shop.folder / 'reports.json')!r}).read_text())\n"
        "print(json.dumps([[str(tokens.read_kept(token).id), kind] for token, kind in reports]))"
    )
    return {(showing, kind) for showing, kind in rows}


def test_no_page_fails_and_what_was_acknowledged_is_there_once(open_shop: Shop) -> None:
    open_shop.start_pages()
    with Visitors(open_shop) as visitors:
        wait_for(lambda: len(visitors.acknowledged) > 50)
        before = visitors.widgets[False]
        open_shop.database.take_away()
        time.sleep(OUTAGE_SECONDS)
        during = visitors.widgets[False]
        open_shop.database.give_back()
        known = visitors.widgets[True]
        wait_for(lambda: visitors.widgets[True] > known + 50)
    print(visitors.statuses, visitors.widgets, len(visitors.given_up))
    assert visitors.errors == []
    rows = written(open_shop)
    acknowledged = showing_ids(open_shop, visitors.acknowledged)
    assert acknowledged <= rows
    assert rows - acknowledged <= showing_ids(open_shop, visitors.given_up)
    print(open_shop.log()[-3000:])
