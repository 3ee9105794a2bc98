"""Formats, encodings and sizes: what is read, and with which words the rest is refused."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import pytest

from bundle_app.exceptions import FileRefused
from bundle_app.transfer import reading
from tests.bundle_app.transfer.conftest import csv_bytes, xlsx_bytes

KNOWN = ("products", "title", "status")


def read(content: bytes, name: str = "sets.csv") -> reading.Sheet:
    return reading.read(name, content, known=KNOWN, needed=("products",))


@pytest.mark.parametrize(
    ("encoding", "told"), [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"), ("gbk", "GB18030")]
)
def test_what_chinese_excel_writes_is_read(encoding: str, told: str) -> None:
    sheet = read(csv_bytes(["products", "title"], ["a, b", "早餐套装"], encoding=encoding))

    assert sheet.encoding == told
    assert sheet.dataset.dict == [{"products": "a, b", "title": "早餐套装"}]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "shift_jis", "cp1251"])
def test_another_encoding_is_refused_rather_than_guessed(encoding: str) -> None:
    title = {"latin-1": "Café Größe", "shift_jis": "ｶﾌｪのセット", "cp1251": "Чайный набор"}.get(encoding, "Tea")

    with pytest.raises(FileRefused, match="neither UTF-8 nor GB18030. Save the file as “CSV UTF-8”"):
        read(csv_bytes(["products", "title"], ["a, b", title], encoding=encoding))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_is_that_of_the_first_line(delimiter: str) -> None:
    sheet = read(f'products{delimiter}title\n"a, b"{delimiter}Tea\n'.encode())

    assert sheet.dataset.dict == [{"products": "a, b", "title": "Tea"}]


def test_empty_rows_and_columns_are_overlooked_and_rows_keep_their_numbers() -> None:
    rows: list[list[Any]] = [["products", "title", None], ["a, b", "Tea", None], [None, None], ["c, d"]]

    for sheet in (read(xlsx_bytes(*rows), "sets.xlsx"), read(csv_bytes(*rows))):
        assert sheet.numbers == [2, 4]
        assert list(sheet.dataset) == [("a, b", "Tea"), ("c, d", "")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title\nTea\n", "The column “products” is missing. It belongs in the first row."),
        (b"products,titel\na,b\n", "There is no column “titel”. Did you mean “title”? Known columns: products, title,"),
        (b"products,title,title\na,b,c\n", "The column “title” is there twice."),
        (b"products,title\n", "There is no row below the names of the columns."),
        (b'products\n"a, b",c\n', "Row 2 has more cells than there are columns."),
        (b'products\n"a, b\n', "is no CSV"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read(content)

    assert message in str(caught.value)


def test_a_workbook_that_is_none_is_refused() -> None:
    with pytest.raises(FileRefused, match="called .xlsx and is no Excel workbook"):
        read(b"products\n", "sets.xlsx")

    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(FileRefused, match="The workbook cannot be read"):
        read(stream.getvalue(), "sets.xlsx")


def test_a_workbook_that_would_fill_the_memory_is_refused_before_it_is_unpacked(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_MAX_BYTES": 50_000}
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 3_000_000)
    assert len(stream.getvalue()) < 50_000

    with pytest.raises(FileRefused, match="would unpack to 3000000 bytes; at most 2000000 are taken"):
        read(stream.getvalue(), "sets.xlsx")


def test_too_many_rows_are_refused(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_MAX_ROWS": 2}

    with pytest.raises(FileRefused, match="The file has more than 2 rows. Split it."):
        read(csv_bytes(["products"], ["a, b"], ["c, d"], ["e, f"]))


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("sets.xls", 10, "“sets.xls” is neither .csv nor .xlsx."),
        ("sets.csv", 0, "The file is empty."),
        ("sets.CSV", 6_000_000, "The file has 6000000 bytes; at most 5242880 are taken. Split it."),
    ],
)
def test_a_file_is_refused_by_its_name_and_size_before_it_is_read(name: str, size: int, message: str) -> None:
    with pytest.raises(FileRefused) as caught:
        reading.check_size(name, size)

    assert message in str(caught.value)
