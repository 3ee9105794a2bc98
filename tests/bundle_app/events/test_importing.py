from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bundle_app.events import importing
from bundle_app.events.aggregation import _count
from bundle_app.events.days import day_of
from bundle_app.events.subjects import pseudonyms
from bundle_app.exceptions import FileRefused
from bundle_app.models import Bundle, CountedDay, Event, composition_hash
from tests.bundle_app.events.worlds import NOON

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=3)
HEAD = "time,kind,bundle,items,showing,subject,anchor,placement,slot,propensity\n"


@pytest.fixture
def pair() -> Bundle:
    return Bundle.objects.create(composition_hash=composition_hash({"LAP-14": 1, "MOU-1": 2}))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def imported(path: Path, *rows: str, **options: Any) -> importing.Imported:
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return importing.import_events(path, now=NOW, **options)


def test_a_row_says_all_of_an_event(log: Path, pair: Bundle) -> None:
    done = imported(log, "2026-03-10T14:00:00+01:00,click,,LAP-14|MOU-1×2,s1,ann,LAP-14,cart,2,0.25")
    assert (done.row_count, done.written, done.errors) == (1, 1, [])
    event = Event.objects.get()
    assert (event.kind, event.bundle_id, event.anchor_key, event.placement) == ("click", pair.pk, "LAP-14", "cart")
    assert (event.slot, event.propensity, event.subject) == (2, 0.25, pseudonyms("ann")[0])
    assert (event.occurred_at, event.shown_at, event.received_at) == (NOON + timedelta(hours=1),) * 2 + (NOW,)
    assert CountedDay.objects.get().counted_at is None


def test_json_lines_say_the_same(tmp_path: Path, pair: Bundle) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"time": "2026-03-10 13:00", "kind": "add", "bundle": pair.pk, "slot": 2}) + "\n\n")
    assert importing.import_events(path, now=NOW).written == 1
    event = Event.objects.get()
    assert (event.slot, event.placement, event.propensity, event.subject) == (2, "import", 1.0, "")


def test_the_same_file_read_twice_is_the_same_events(log: Path, pair: Bundle) -> None:
    rows = [f"2026-03-10T13:0{n}:00Z,{kind},{pair.pk},,,ann,,,," for n in range(3) for kind in ("impression", "click")]
    assert imported(log, *rows).written == 6
    assert imported(log, *rows).written == 0
    assert imported(log, *rows, f"2026-03-10T14:00:00Z,click,{pair.pk},,,ann,,,,").written == 1


def test_rows_of_one_showing_are_told_by_its_name_and_count_on_one_day(log: Path, pair: Bundle) -> None:
    imported(
        log, f"2026-03-10T23:59:00Z,impression,{pair.pk},,s1,,,,,", f"2026-03-11T00:01:00Z,click,{pair.pk},,s1,,,,,"
    )
    assert Event.objects.values("showing", "shown_at").distinct().count() == 1


def test_caps_hold_for_who_is_known_and_nobody_is_believed(log: Path, pair: Bundle) -> None:
    imported(log, *[f"2026-03-10T13:0{n}:00Z,click,{pair.pk},,,{who},,,," for n in range(5) for who in ("ann", "")])
    assert Event.objects.filter(is_rewarded=True).exclude(subject="").count() == 3
    assert Event.objects.filter(is_rewarded=True, subject="").count() == 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("then,click,{pk},,,,,,,", "time is 'then'; expected one such as 2026-03-01T14:30:00+01:00."),
        ("2026-02-30T00:00:00Z,click,{pk},,,,,,,", "time is '2026-02-30T00:00:00Z'; expected one such as"),
        ("2027-01-01T00:00:00Z,click,{pk},,,,,,,", "time is '2027-01-01T00:00:00Z', which is yet to come."),
        ("2020-01-01T00:00:00Z,click,{pk},,,,,,,", "time is '2020-01-01T00:00:00Z'; events are kept from 2025-"),
        ("2026-03-10T13:00:00Z,buy,{pk},,,,,,,", "kind is 'buy'; expected impression, click, add, dismiss."),
        ("2026-03-10T13:00:00Z,click,0,,,,,,,", "There is no bundle 0."),
        ("2026-03-10T13:00:00Z,click,99999999999999999999,,,,,,,", "There is no bundle 99999999999999999999."),
        ("2026-03-10T13:00:00Z,click,x,,,,,,,", "bundle is 'x'; expected a whole number."),
        ("2026-03-10T13:00:00Z,click,,LAP-14,,,,,,", "There is no bundle of 'LAP-14'."),
        ("2026-03-10T13:00:00Z,click,,LAP-14×x,,,,,,", "The quantity is 'x'; expected a whole number."),
        ("2026-03-10T13:00:00Z,click,,,,,,,,", "Expected a bundle's number or its items, one of the two."),
        ("2026-03-10T13:00:00Z,click,{pk},LAP-14,,,,,,", "Expected a bundle's number or its items, one of the two."),
        ("2026-03-10T13:00:00Z,click,{pk},,,,,,0,", "The slot is 0; expected a whole number from 1 to 32767."),
        ("2026-03-10T13:00:00Z,click,{pk},,,,,,,much", "The propensity is nan; expected a number above 0, at most 1."),
        ("2026-03-10T13:00:00Z,click,{pk},,,,\x00,,,", "A cell holds the character NUL"),
        ("2026-03-10T13:00:00Z,click,{pk},,,,,,,,,more", "The row has more cells than the first row."),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_nothing_is_imported(
    log: Path, pair: Bundle, row: str, message: str
) -> None:
    good = f"2026-03-10T13:00:00Z,click,{pair.pk},,,,,,,"
    done = imported(log, good, row.format(pk=pair.pk), good)
    assert [(error.line, error.message[: len(message)]) for error in done.errors] == [(3, message)]
    assert (done.row_count, done.written, Event.objects.count()) == (3, 0, 0)


def test_a_closed_day_takes_nothing_in(log: Path, pair: Bundle) -> None:
    _count(day_of(NOON), now=NOW, close=True)
    (error,) = imported(log, f"2026-03-10T13:00:00Z,click,{pair.pk},,,,,,,").errors
    assert "events are kept from" in error.message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"time,kind,bundel\n", "The first row has the unknown column 'bundel'. Known columns: time, kind"),
        ("a.csv", b"time,bundle\n", "The first row has no column 'kind'. Known columns: time, kind"),
        ("a.csv", b"", "The first row has no column 'time'."),
        ("a.csv", b"\xff\xfe", "a.csv is not in UTF-8"),
        ("a.csv", b'time,kind\n"x" y,click\n', "Line 2 is no CSV"),
        ("a.jsonl", b"{}\n{\n", "Line 2 is no JSON"),
        ("a.jsonl", b"[1]\n", 'Line 1 is [1]; expected an object such as {"kind": "click", …}.'),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileRefused) as caught:
        importing.import_events(path, now=NOW)
    assert str(caught.value).startswith(message)
    assert not Event.objects.exists()


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="cannot be read: No such file"):
        importing.import_events(tmp_path / "no.csv")


class TestTheCommand:
    def run(self, *arguments: Any) -> str:
        out = StringIO()
        call_command("bundles_import_events", *map(str, arguments), stdout=out, stderr=out)
        return out.getvalue()

    @pytest.fixture
    def rows(self, log: Path, pair: Bundle) -> Path:
        at = (timezone.now() - timedelta(hours=1)).isoformat()
        log.write_text(HEAD + f"{at},click,{pair.pk},,,,,,,\n{at},add,{pair.pk},,,,,,,\n", encoding="utf-8")
        return log

    def test_it_says_what_it_did(self, rows: Path) -> None:
        assert self.run(rows, "--dry-run") == "2 rows are right; nothing was imported.\n"
        assert not Event.objects.exists()
        assert self.run(rows) == "2 events imported, 0 were there already.\n"
        assert self.run(rows) == "0 events imported, 2 were there already.\n"

    def test_it_names_every_wrong_row(self, rows: Path) -> None:
        with rows.open("a", encoding="utf-8") as file:
            file.write("then,click,1,,,,,,,\n")
        with pytest.raises(CommandError, match="1 of 3 rows are wrong; nothing was imported."):
            self.run(rows)
        assert not Event.objects.exists()
