"""Takes in what the beacon reports, in batches: each report is counted once, or told apart by why it was not.

A batch is one transaction of a few statements, whatever its size: the events by one INSERT that leaves alone what is
there already, and the counts. Only after it is the batch acknowledged. A report that was written and whose
acknowledgement was lost is sent again, and changes nothing.

What is unusual: a click, an add or a dismissal beyond `rewards_a_day` is written like any other and marked as not to be
learned from. Reports of one visitor wait for one another there, so that twenty at once cannot pass the cap together.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from django.db import connection, transaction

from bundle_app import conf
from bundle_app.events import tokens
from bundle_app.events.days import day_of
from bundle_app.events.tokens import Showing
from bundle_app.exceptions import BatchRefused, TokenForeign, TokenForged, TokenLate, TokenMalformed, TokenRefused
from bundle_app.models import Event, IntakeCount

MOST_EVENTS = 100
LOCK = 0x62756E64
"""First half of the advisory locks on visitors; the second is their pseudonym's."""

Kind: TypeAlias = Event.Kind
Outcome: TypeAlias = IntakeCount.Outcome
KINDS = tuple(Kind.values)
REFUSALS: Mapping[type[TokenRefused], Outcome] = {
    TokenMalformed: Outcome.MALFORMED,
    TokenForged: Outcome.FORGED,
    TokenLate: Outcome.LATE,
    TokenForeign: Outcome.FOREIGN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who reports. `subject` is written with the events, `known_as` are the pseudonyms that tokens may be bound to."""

    subject: str
    known_as: Collection[str] = ()


class Row(NamedTuple):
    """An event as it is written: the columns of COLUMNS, in order."""

    showing: int
    kind: str
    bundle_id: int
    anchor_key: str
    placement: str
    slot: int
    version_id: int
    policy_id: int
    arm: str
    propensity: float
    subject: str
    is_rewarded: bool
    shown_at: datetime
    occurred_at: datetime
    received_at: datetime


COLUMNS = Row._fields


def reports_of(body: bytes) -> list[Any]:
    """The reports in a request's body; each is looked at later, and alone.

    Raises:
        BatchRefused: it is no JSON, no batch, or holds more than MOST_EVENTS.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BatchRefused from error
    reports = content.get("events") if isinstance(content, dict) else None
    if not isinstance(reports, list):
        raise BatchRefused
    if len(reports) > MOST_EVENTS:
        raise BatchRefused(f"The batch holds {len(reports)} events; expected at most {MOST_EVENTS}. Split it.")
    return reports


def take_in(reports: Sequence[Any], *, visitor: Visitor, now: datetime) -> Counter[str]:
    """Write what can be counted. Returns the number of reports by `IntakeCount.Outcome`."""
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    lifetime = timedelta(hours=conf.load().showing_hours)
    for report in reports:
        try:
            rows.append(_read(report, visitor=visitor, now=now, lifetime=lifetime))
        except TokenRefused as error:
            counts[REFUSALS[type(error)]] += 1
    with transaction.atomic():
        counts[Outcome.ACCEPTED] = write(rows)
        counts[Outcome.REPLAYED] = len(rows) - counts[Outcome.ACCEPTED]
        _count(day_of(now), counts)
    return counts


def write(rows: Iterable[Row]) -> int:
    """Write what is not there yet, within the open transaction; return how many rows that was."""
    ordered = sorted(rows, key=lambda row: (row.showing, row.kind))  # In one order, so that batches never deadlock.
    if not ordered:
        return 0
    adapted = connection.ops.adapt_datetimefield_value
    values: list[Any] = []
    for row in _capped(ordered):
        *others, shown_at, occurred_at, received_at = row
        values += [*others, adapted(shown_at), adapted(occurred_at), adapted(received_at)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Event._meta.db_table} ({', '.join(COLUMNS)}) "  # noqa: S608
            f"VALUES {_places(len(ordered), len(COLUMNS))} ON CONFLICT DO NOTHING",
            values,
        )
        return int(cursor.rowcount)


def _read(report: Any, *, visitor: Visitor, now: datetime, lifetime: timedelta) -> Row:
    """
    Raises:
        TokenRefused: the kind of it says why the report does not count.
    """
    fields = report if isinstance(report, dict) else {}
    token, kind, ago = fields.get("token"), fields.get("kind"), fields.get("ago_seconds")
    if not isinstance(token, str) or kind not in KINDS or not isinstance(ago, int | float) or isinstance(ago, bool):
        raise TokenMalformed
    if not 0 <= ago < math.inf:
        raise TokenMalformed
    showing = tokens.read(token, subjects=visitor.known_as, now=now, lifetime=lifetime)
    happened_at = now - timedelta(seconds=min(ago, lifetime.total_seconds()))
    return row_of(
        showing,
        str(kind),
        subject=visitor.subject,
        occurred_at=max(happened_at, min(showing.shown_at, now)),
        received_at=now,
    )


def row_of(showing: Showing, kind: str, *, subject: str, occurred_at: datetime, received_at: datetime) -> Row:
    return Row(
        showing=showing.id,
        kind=kind,
        bundle_id=showing.bundle_id,
        anchor_key=showing.anchor_key,
        placement=showing.placement,
        slot=showing.slot,
        version_id=showing.version_id,
        policy_id=showing.policy_id,
        arm=showing.arm,
        propensity=showing.propensity,
        subject=subject,
        is_rewarded=True,
        shown_at=showing.shown_at,
        occurred_at=occurred_at,
        received_at=received_at,
    )


def _capped(rows: list[Row]) -> list[Row]:
    """The rows, those marked that a visitor has done too often: (visitor, kind, bundle, anchor) on one day.

    Rows of nobody come out of a shop's own log alone, and are believed.
    """
    answers = [row for row in rows if _is_capped(row)]
    if not answers:
        return rows
    subjects = {row.subject for row in answers}
    _one_at_a_time(subjects)
    known = Event.objects.exclude(kind=Kind.IMPRESSION).filter(
        subject__in=subjects,
        occurred_at__gte=min(row.occurred_at for row in answers) - timedelta(days=1),
        bundle_id__in={row.bundle_id for row in answers},
        is_rewarded=True,
    )
    written: set[tuple[int, str]] = set()
    taken: Counter[tuple[Any, ...]] = Counter()
    for event in known.only("showing", "subject", "kind", "bundle_id", "anchor_key", "occurred_at"):
        written.add((event.showing, event.kind))
        taken[_what(event)] += 1
    most = conf.load().rewards_a_day
    judged = []
    for row in rows:
        if _is_capped(row) and (row.showing, row.kind) not in written:
            written.add((row.showing, row.kind))
            taken[_what(row)] += 1
            judged.append(row._replace(is_rewarded=taken[_what(row)] <= most))
        else:
            judged.append(row)
    return judged


def _is_capped(row: Row) -> bool:
    return row.kind != Kind.IMPRESSION and row.subject != ""


def _what(event: Row | Event) -> tuple[Any, ...]:
    return event.subject, event.kind, event.bundle_id, event.anchor_key, day_of(event.occurred_at)


def _one_at_a_time(subjects: Iterable[str]) -> None:
    """Hold these visitors until the transaction ends. SQLite lets one transaction write at a time anyway."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for number in sorted({int.from_bytes(subject.encode()[:4], signed=True) for subject in subjects}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, number])


def _count(day: date, counts: Mapping[str, int]) -> None:
    """Add to the day's counts: last in the transaction, since every batch of the shop writes the same few rows."""
    told = connection.ops.adapt_datefield_value(day)
    values = [value for outcome, count in sorted(counts.items()) if count for value in (told, str(outcome), count)]
    if not values:
        return
    table = IntakeCount._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (day, outcome, count) VALUES {_places(len(values) // 3, 3)} "  # noqa: S608
            f"ON CONFLICT (day, outcome) DO UPDATE SET count = {table}.count + excluded.count",
            values,
        )


def _places(row_count: int, column_count: int) -> str:
    """
    >>> _places(2, 3)
    '(%s, %s, %s), (%s, %s, %s)'
    """
    return ", ".join([f"({', '.join(['%s'] * column_count)})"] * row_count)
