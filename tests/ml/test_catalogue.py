from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.catalogue import CatalogueItem, read_catalogue
from bundle_ml.errors import DataError


def _catalogue(tmp_path: Path, text: str) -> list[CatalogueItem]:
    path = tmp_path / "items.jsonl"
    path.write_text(text, encoding="utf-8")
    return read_catalogue(path)


def test_items_are_read_and_sorted_by_key(tmp_path: Path) -> None:
    items = _catalogue(
        tmp_path,
        '{"key": "b", "title": "Mug", "category": "kitchen", "price": "9.50", "sellable": false}\n\n{"key": "a"}\n',
    )

    assert items == [
        CatalogueItem(key="a", title="a"),
        CatalogueItem(key="b", title="Mug", category="kitchen", price="9.50", sellable=False),
    ]


def test_no_path_and_an_empty_file_are_no_catalogue(tmp_path: Path) -> None:
    assert read_catalogue(None) == _catalogue(tmp_path, "") == _catalogue(tmp_path, "\n") == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Found no file '.*missing\.jsonl'; expected a catalogue as JSON lines"):
        read_catalogue(tmp_path / "missing.jsonl")


def test_what_is_not_utf_8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b'{"key": "a"}\n' + '{"key": "b", "title": "Käse"}'.encode("latin-1"))

    with pytest.raises(DataError, match=r"items\.jsonl, line 2: found no JSON in UTF-8 \(.*can't decode"):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{oops", "items.jsonl, line 1: found no JSON"),
        ('{"key": 5}', "line 1: found '{\"key\": 5}'; expected an object such as"),
        ('{"key": ""}', "expected an object such as"),
        ("[1]", "expected an object such as"),
        ('{"key": "a", "sellable": "false"}', 'line 1: found sellable "false"; expected an object such as'),
        ('{"key": "a", "sellable": null}', "found sellable null; expected"),
        ('{"key": "a"}\n{"key": "b", "category": ["tea"]}', 'line 2: found category ["tea"]; expected'),
        ('{"key": "a", "title": 7}', "found title 7; expected"),
        ('{"key": "a"}\n{"key": "a"}', "The catalogue holds the key 'a' twice"),
    ],
)
def test_a_bad_catalogue_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        _catalogue(tmp_path, text)

    assert message in str(caught.value)
