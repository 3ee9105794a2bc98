"""Takes in what a shop's own log says of bundles that were shown before, or elsewhere: CSV, or JSON lines (.jsonl).

    time         when, as ISO 8601; without an offset, in the shop's time zone
    kind         impression, click, add or dismiss
    bundle       its number; or
    items        its contents, keys apart by |, a quantity behind ×: LAP-14|MOU-1×2
    showing      what rows of one showing have in common; without it, each row is a showing of its own
    subject      whom the shop knows it by; a pseudonym of it is kept
    anchor, placement, slot, propensity     "", import, 1 and 1 where they are left out

All rows are looked at before one is written, and they are written in one transaction: a file with an error changes
nothing. A showing gets its number from what its row says, so that a file which is read twice is the same events.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bundle_app import conf
from bundle_app.events import intake, tokens
from bundle_app.events.days import day_of, mark_changed
from bundle_app.events.intake import Row
from bundle_app.events.subjects import pseudonyms
from bundle_app.exceptions import FileRefused
from bundle_app.models import Bundle, CountedDay, Event, composition_hash

NEEDED = ("time", "kind")
KNOWN = (*NEEDED, *"bundle items showing subject anchor placement slot propensity".split())
ROWS_A_STATEMENT = 1000
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file holds, and how many of its rows were new; with errors none was written."""

    row_count: int
    written: int = 0
    errors: list[RowError] = field(default_factory=list)


def import_events(path: Path, *, dry_run: bool = False, now: datetime | None = None) -> Imported:
    """Take a file in, all rows or none.

    Raises:
        FileRefused: it is no such file at all; the message says where it ends to be one.
    """
    moment = now or timezone.now()
    reader, errors, days, row_count = _Reader(now=moment), [], set(), 0
    for line, raw in _rows(path):
        row_count += 1
        try:
            days.add(day_of(reader.read(raw).shown_at))
        except ValueError as error:
            errors.append(RowError(line=line, message=str(error)))
    if errors or dry_run:
        return Imported(row_count=row_count, errors=errors)
    with transaction.atomic():
        rows = (reader.read(raw) for _line, raw in _rows(path))
        written = 0
        while chunk := list(islice(rows, ROWS_A_STATEMENT)):
            written += intake.write(chunk)
        mark_changed(days)
    return Imported(row_count=row_count, written=written)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each row with the number of its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_rows(file) if path.suffix in {".jsonl", ".ndjson"} else _csv_rows(file)
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path.name} is not in UTF-8: {error}. Save it so.") from error
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}.") from error


def _csv_rows(file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    try:
        _check_headers(reader.fieldnames or [])
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise FileRefused(f"Line {reader.line_num + 1} is no CSV: {error}.") from error


def _check_headers(headers: Sequence[str]) -> None:
    unknown, missing = [name for name in headers if name not in KNOWN], [name for name in NEEDED if name not in headers]
    if unknown or missing:
        found = f"the unknown column {unknown[0]!r}" if unknown else f"no column {missing[0]!r}"
        raise FileRefused(f"The first row has {found}. Known columns: {', '.join(KNOWN)}.")


def _json_rows(file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise FileRefused(f"Line {line} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise FileRefused(f'Line {line} is {text.strip()[:40]}; expected an object such as {{"kind": "click", …}}.')
        yield line, row


class _Reader:
    """Reads rows of one file; remembers its bundles, and when each showing was first spoken of."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.oldest = day_of(now - timedelta(days=conf.load().event_days))
        self.bundles: dict[str, int | None] = {}
        self.shown: dict[int, datetime] = {}
        self.closed: set[date] = set(CountedDay.objects.filter(is_closed=True).values_list("day", flat=True))

    def read(self, raw: Mapping[str, Any]) -> Row:
        """
        Raises:
            ValueError: a sentence for whoever made the file.
        """
        cells = {name: _text(value) for name, value in raw.items() if name in KNOWN}
        if extra := [name for name in raw if name not in KNOWN]:
            found = "more cells than the first row" if extra == [None] else f"the unknown field {extra[0]!r}"
            raise ValueError(f"The row has {found}. Known are: {', '.join(KNOWN)}.")
        if any("\x00" in cell for cell in cells.values()):
            raise ValueError("A cell holds the character NUL, which no database takes.")
        kind = cells.get("kind", "")
        if kind not in Event.Kind.values:
            raise ValueError(f"kind is {kind!r}; expected {', '.join(Event.Kind.values)}.")
        at, bundle_id = self._time(cells.get("time", "")), self._bundle(cells)
        number = _number(cells, at, bundle_id)
        showing = tokens.Showing(
            id=number,
            bundle_id=bundle_id,
            anchor_key=cells.get("anchor", ""),
            placement=cells.get("placement") or "import",
            slot=_whole("slot", cells.get("slot") or "1"),
            propensity=_chance(cells.get("propensity") or "1"),
            shown_at=self.shown.setdefault(number, at),
        )
        subject = cells.get("subject", "")
        return intake.row_of(
            showing, kind, subject=pseudonyms(subject)[0] if subject else "", occurred_at=at, received_at=self.now
        )

    def _time(self, text: str) -> datetime:
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None:
            raise ValueError(f"time is {text!r}; expected one such as 2026-03-01T14:30:00+01:00.")
        at = moment if timezone.is_aware(moment) else timezone.make_aware(moment, timezone.get_default_timezone())
        if at > self.now:
            raise ValueError(f"time is {text!r}, which is yet to come.")
        if day_of(at) < self.oldest or day_of(at) in self.closed:
            raise ValueError(f"time is {text!r}; events are kept from {self.oldest} on. Raise EVENT_DAYS to keep more.")
        return at

    def _bundle(self, cells: Mapping[str, str]) -> int:
        number, items = cells.get("bundle", ""), cells.get("items", "")
        if bool(number) == bool(items):
            raise ValueError("Expected a bundle's number or its items, one of the two.")
        if number:
            name, found = f"bundle {number}", Bundle.objects.filter(pk=min(_whole("bundle", number), LARGEST_INTEGER))
        else:
            name, found = f"bundle of {items!r}", Bundle.objects.filter(composition_hash=_hash(items))
        if name not in self.bundles:
            self.bundles[name] = found.values_list("pk", flat=True).first()
        bundle_id = self.bundles[name]
        if bundle_id is None:
            raise ValueError(f"There is no {name}.")
        return bundle_id


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,30}", text):
        raise ValueError(f"{name} is {text!r}; expected a whole number.")
    return int(text)


def _chance(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # which no showing takes, and says so


def _hash(items: str) -> str:
    """
    >>> _hash("LAP-14|MOU-1×2") == composition_hash({"LAP-14": 1, "MOU-1": 2})
    True
    """
    parts = (part.strip().partition("×") for part in items.split("|"))
    return composition_hash({key: _whole("The quantity", count or "1") for key, _, count in parts})


def _number(cells: Mapping[str, str], at: datetime, bundle_id: int) -> int:
    """The number of a showing: always the same for the same row, and none that a page gives out but by chance."""
    names = ("subject", "anchor", "placement", "slot")
    said = [cells["showing"]] if cells.get("showing") else [at.isoformat(), *(cells.get(name, "") for name in names)]
    digest = hashlib.sha256(json.dumps(["import", bundle_id, *said]).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
