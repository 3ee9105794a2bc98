from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.category_pairs import CategoryPairs, read_category_pairs
from bundle_ml.errors import DataError


def _read(tmp_path: Path, text: str) -> CategoryPairs:
    file = tmp_path / "pairs.jsonl"
    file.write_text(text, encoding="utf-8")
    return read_category_pairs(file)


def test_decisions_hold_whichever_category_comes_first(tmp_path: Path) -> None:
    pairs = _read(
        tmp_path,
        '{"categories": ["mugs", "mugs"], "together": true}\n\n{"categories": ["phones", "tablets"], "together": false}\n',
    )

    assert pairs.may_share("mugs", "mugs") is True
    assert pairs.may_share("phones", "tablets") is pairs.may_share("tablets", "phones") is False
    assert pairs.may_share("mugs", "phones") is None


def test_without_a_file_nothing_is_decided() -> None:
    assert read_category_pairs(None) == CategoryPairs()


@pytest.mark.parametrize(
    "line",
    [
        "mugs",
        "[]",
        '{"categories": ["mugs"], "together": true}',
        '{"categories": ["mugs", 1], "together": true}',
        '{"categories": ["mugs", ""], "together": true}',
        '{"categories": ["mugs", "mugs"], "together": "yes"}',
        '{"categories": ["mugs", "mugs"]}',
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r'pairs\.jsonl, line 1: found .*expected an object such as {"categories"'):
        _read(tmp_path, line)


def test_two_decisions_about_one_pair_must_agree(tmp_path: Path) -> None:
    line = '{"categories": ["a", "b"], "together": true}\n'

    with pytest.raises(DataError, match=r"line 2: \['a', 'b'\] was decided the other way before"):
        _read(tmp_path, line + '{"categories": ["b", "a"], "together": false}\n')

    assert _read(tmp_path, line * 2).may_share("b", "a")


def test_a_missing_file_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Found no file .*expected category pairs"):
        read_category_pairs(tmp_path / "pairs.jsonl")
