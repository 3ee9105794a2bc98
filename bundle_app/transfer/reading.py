"""From the bytes of a file to rows: formats, encodings, sizes. What the columns mean is said elsewhere."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from pathlib import PurePath
from typing import Any

import openpyxl
import tablib
from django.utils.translation import gettext as _

from bundle_app import cells, conf
from bundle_app.exceptions import FileRefused

SUFFIXES = {".csv", ".xlsx"}
MOST_COLUMNS = 64
UNPACKED_TIMES = 40
"""How much larger than the largest file an Excel workbook may be once it is unpacked."""

Rows = Iterator[tuple[int, Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows of text without those that are empty, and the number that each has in the spreadsheet."""

    dataset: tablib.Dataset
    numbers: list[int]
    encoding: str


def check_size(name: str, size_bytes: int) -> None:
    """What can be told before a file is looked into.

    Raises:
        FileRefused: it is of another kind, empty or too large.
    """
    most = conf.load().import_max_bytes
    if PurePath(name).suffix.lower() not in SUFFIXES:
        raise FileRefused(_("“%(name)s” is neither .csv nor .xlsx. Save it as one of the two.") % {"name": name})
    if not size_bytes:
        raise FileRefused(_("The file is empty."))
    if size_bytes > most:
        raise FileRefused(
            _("The file has %(found)d bytes; at most %(most)d are taken. Split it.")
            % {"found": size_bytes, "most": most}
        )


def read(name: str, content: bytes, *, known: Collection[str], needed: Collection[str]) -> Sheet:
    """The rows of a file whose columns are among the `known` ones.

    Raises:
        FileRefused: says what is wrong with the file as a whole.
    """
    if PurePath(name).suffix.lower() == ".xlsx":
        rows, encoding = _workbook(content), ""
    else:
        text, encoding = decoded(content)
        rows = _csv(text)
    headers = [cells.read(header) for header in next(rows, (0, ()))[1]]
    while headers and not headers[-1]:  # Spreadsheets like to append empty columns.
        headers.pop()
    _check_headers(headers, known, needed)
    dataset = tablib.Dataset(headers=headers)
    numbers: list[int] = []
    most = conf.load().import_max_rows
    for number, row in rows:
        values = [cells.read(cell) for cell in row]
        if any(values[len(headers) :]):
            raise FileRefused(_("Row %(row)d has more cells than there are columns.") % {"row": number})
        if not any(values):
            continue
        if len(numbers) == most:
            raise FileRefused(_("The file has more than %(most)d rows. Split it.") % {"most": most})
        dataset.append([*values, *[""] * len(headers)][: len(headers)])
        numbers.append(number)
    if not numbers:
        raise FileRefused(_("There is no row below the names of the columns."))
    return Sheet(dataset=dataset, numbers=numbers, encoding=encoding)


def decoded(content: bytes) -> tuple[str, str]:
    """The text, and the name of the encoding: UTF-8, or GB18030, which Chinese Excel writes.

    Almost any bytes are valid GB18030, so it is believed only where most of what is not ASCII is common Chinese.

    >>> decoded("标题".encode("gb18030")), decoded("Café".encode("utf-8-sig"))
    (('标题', 'GB18030'), ('Café', 'UTF-8'))
    """
    if content[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return content.decode("utf-8-sig"), "UTF-8"
        except UnicodeDecodeError:
            pass
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            text = ""
        foreign = [letter for letter in text if not letter.isascii()]
        if foreign and 2 * sum(map(_is_common_chinese, foreign)) > len(foreign):
            return text, "GB18030"
    raise FileRefused(
        _("The text is neither UTF-8 nor GB18030. Save the file as “CSV UTF-8”, or as an Excel workbook (.xlsx).")
    )


def _is_common_chinese(letter: str) -> bool:
    try:
        return len(letter.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


def _csv(text: str) -> Rows:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # Excel writes semicolons where the comma is for decimals.
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        yield from enumerate(rows, 1)
    except csv.Error as error:
        raise FileRefused(_("Line %(line)d is no CSV: %(error)s.") % {"line": rows.line_num, "error": error}) from error


def _workbook(content: bytes) -> Rows:
    """The first sheet, row by row. How large it is unpacked is asked before it is unpacked."""
    most = UNPACKED_TIMES * conf.load().import_max_bytes
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise FileRefused(_("The file is called .xlsx and is no Excel workbook. Save it as one.")) from error
    if unpacked > most:
        raise FileRefused(
            _("The workbook would unpack to %(found)d bytes; at most %(most)d are taken. Split it.")
            % {"found": unpacked, "most": most}
        )
    try:
        sheet = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # What a workbook claims of its size is not believed.
        yield from enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), 1)
    except (KeyError, IndexError, ValueError, TypeError, SyntaxError, OSError, zipfile.BadZipFile) as error:
        raise FileRefused(
            _("The workbook cannot be read (%(error)s). Save it again as .xlsx, or as CSV.") % {"error": error}
        ) from error


def _check_headers(headers: list[str], known: Collection[str], needed: Collection[str]) -> None:
    for header in headers:
        if header not in known:
            near = get_close_matches(header.lower(), known, n=1, cutoff=0.6)
            advice = _("Did you mean “%(near)s”?") % {"near": near[0]} if near else ""
            raise FileRefused(
                _("There is no column “%(found)s”. %(advice)s Known columns: %(known)s.")
                % {"found": header, "advice": advice, "known": ", ".join(known)}
            )
        if headers.count(header) > 1:
            raise FileRefused(_("The column “%(found)s” is there twice.") % {"found": header})
    missing = [name for name in needed if name not in headers]
    if missing:
        raise FileRefused(
            _("The column “%(missing)s” is missing. It belongs in the first row.") % {"missing": missing[0]}
        )
