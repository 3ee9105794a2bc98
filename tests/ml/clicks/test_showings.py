from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.clicks.showings import COLUMNS, read_showings
from bundle_ml.errors import DataError
from tests.ml.worlds import write_lines

KEYS = ("a", "b", "c", "d")
AT = "2026-03-01 10:00:00+00"


def _row(**cells: Any) -> list[Any]:
    usual = {
        "anchor_key": "b", "item_keys": '["c", "a"]', "place": 1, "place_count": 3, "reward": 0, "propensity": 0.9,
        "visitor": 7, "is_buyer": "f", "shown_at": AT,
    }  # fmt: skip
    return [{**usual, **cells}[name] for name in COLUMNS]


def _file(tmp_path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    return write_lines(tmp_path / "clicks.csv", rows, COLUMNS)


def test_showings_of_one_bundle_beside_one_anchor_are_one_arm(tmp_path: Path) -> None:
    rows = [
        _row(), _row(place=2, reward=1, is_buyer="t", visitor=8), _row(item_keys='["a", "c"]'), _row(anchor_key="a",
        item_keys='["d"]'),
    ]  # fmt: skip

    showings, report = read_showings(_file(tmp_path, rows), item_keys=KEYS)

    assert showings.arms == ((0, 3), (1, 0, 2), (1, 2, 0)), "those of one anchor stand together"
    assert showings.arms_N.tolist() == [2, 2, 1, 0]
    assert showings.places_N.tolist() == [0, 1, 0, 0]
    assert showings.rewards_N.tolist() == [0, 1, 0, 0]
    assert showings.is_buyer_N.tolist() == [False, True, False, False]
    assert showings.visitors_N.tolist() == [0, 1, 0, 0]
    assert report.counts() == {"lines_read": 4, "lines_kept": 4, "dropped": {}}


def test_what_no_order_holds_is_counted_and_dropped(tmp_path: Path) -> None:
    rows = [_row(), _row(anchor_key="?"), _row(item_keys='["?", "a"]'), _row(item_keys="[]"), _row(item_keys="a, c")]

    showings, report = read_showings(_file(tmp_path, rows), item_keys=KEYS)

    assert len(showings) == 1
    assert report.dropped["unknown_item"] == 4


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("place", 0), ("place", 1.5), ("place_count", 0), ("reward", -1), ("reward", "much"), ("propensity", 0),
        ("propensity", 1.2), ("propensity", ""), ("is_buyer", "maybe"), ("shown_at", "yesterday"), ("visitor", ""),
    ],
)  # fmt: skip
def test_what_is_malformed_is_counted_under_its_column(tmp_path: Path, column: str, cell: Any) -> None:
    showings, report = read_showings(_file(tmp_path, [_row()] * 3 + [_row(**{column: cell})]), item_keys=KEYS)

    assert len(showings) == 3
    assert report.dropped["malformed"] == 1
    assert report.malformed_cells[column] == 1


def test_a_file_of_which_little_is_understood_says_what_was_found(tmp_path: Path) -> None:
    path = _file(tmp_path, [_row(propensity=90)] * 20)

    with pytest.raises(
        DataError, match=r"20 of 20 lines are malformed, most in propensity: found '90', expected .*0\.95"
    ):
        read_showings(path, item_keys=KEYS)


def test_a_file_with_a_header_alone_holds_none(tmp_path: Path) -> None:
    showings, _report = read_showings(_file(tmp_path, []), item_keys=KEYS)

    assert (len(showings), showings.arms) == (0, ())


def test_known_buyers_alone_are_believed_once_they_earned_enough(tmp_path: Path) -> None:
    few, many = ([_row(reward=1, is_buyer="t")] * count + [_row(reward=1)] * 5 for count in (99, 100))

    by_everybody, _ = read_showings(_file(tmp_path, few), item_keys=KEYS)
    by_buyers, _ = read_showings(_file(tmp_path, many), item_keys=KEYS)

    assert by_everybody.believed(np.ones(104, np.bool_)).all()
    assert by_buyers.believed(np.ones(105, np.bool_)).sum() == 100
    assert by_buyers.believed(np.arange(105) > 50).all(), "the chosen ones alone say whether it is enough"
