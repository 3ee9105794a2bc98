"""Builders for tests of events: showings, their tokens, what visitors report, and what they buy."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from bundle_app.events import intake, subjects, tokens
from bundle_app.events.intake import Visitor
from bundle_app.events.tokens import Showing

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def visitor(name: str) -> Visitor:
    """Somebody whom the shop knows by this word."""
    known_as = subjects.pseudonyms(name)
    return Visitor(subject=known_as[0], known_as=known_as)


def showing(bundle_id: int = 1, *, shown_at: datetime = NOON, **fields: Any) -> Showing:
    given = {"anchor_key": "A", "placement": "product", "slot": 1, **fields}
    return Showing(bundle_id=bundle_id, shown_at=shown_at, **given)


def report(of: Showing, kind: str, *, to: str = "", ago_seconds: float = 0) -> dict[str, Any]:
    """What the beacon sends of a showing that was given to a visitor."""
    subject = subjects.pseudonyms(to)[0] if to else ""
    return {"token": tokens.sign(of, subject=subject), "kind": kind, "ago_seconds": ago_seconds}


def happened(
    who: str, kinds: Iterable[str], of: Showing | None = None, *, at: datetime = NOON, **fields: Any
) -> Showing:
    """A visitor is shown a bundle, and this comes of it a second later."""
    shown = of or showing(shown_at=at, **fields)
    reports = [report(shown, kind, to=who) for kind in kinds]
    intake.take_in(reports, visitor=visitor(who), now=at + timedelta(seconds=1))
    return shown


def database_url() -> str:
    """Of the tests' own database, for a process of its own."""
    server, _, options = os.environ["DATABASE_URL"].partition("?")
    own = f"{server.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    return f"{own}?{options}" if options else own
