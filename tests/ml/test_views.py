from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bundle_ml.baskets import MICROSECONDS_PER_DAY, UNKNOWN_TIME
from bundle_ml.errors import DataError
from bundle_ml.views import SAME_VISIT, Views, read_views
from tests.ml.worlds import write_lines

HEADER = ("shopper_key", "item_key", "viewed_at")
DAY = MICROSECONDS_PER_DAY


def _views() -> Views:
    """Shopper 0 looked at 5 on day 1 and at 6 on day 3, shopper 2 at 7 on day 2."""
    shoppers, items = np.asarray([2, 0, 0], np.int32), np.asarray([7, 6, 5], np.int32)
    return Views.of(shoppers, items, np.asarray([2, 3, 1]) * DAY, shopper_count=3)


def _rows(views: Views) -> list[list[int]]:
    return [views.items[start:stop].tolist() for start, stop in zip(views.offsets, views.offsets[1:], strict=False)]


def test_each_shopper_has_the_own_views_oldest_first() -> None:
    assert _rows(_views()) == [[5, 6], [], [7]]
    assert _views().ages_days.tolist() == [2, 0, 1]


def test_as_of_a_moment_later_views_are_not_known() -> None:
    asked = _views().as_of(np.asarray([2, 0, 9]), np.asarray([5, 3, 5]) * DAY)

    assert _rows(asked) == [[7], [5], []], "a shopper whom nobody saw looking has no views"
    assert asked.ages_days.tolist() == [3, 2]


def test_what_was_looked_at_in_the_visit_that_ended_in_the_order_is_not_known() -> None:
    ordered_at = np.asarray([3 * DAY + SAME_VISIT, 3 * DAY + SAME_VISIT + 1, UNKNOWN_TIME])

    asked = _views().before_visit(np.asarray([0, 0, 0]), ordered_at)

    assert _rows(asked) == [[5], [5, 6], []]


def test_rows_can_be_taken_and_put_together() -> None:
    taken = _views().take(np.asarray([2, -1, 0]))

    assert _rows(taken) == [[7], [], [5, 6]]
    assert _rows(taken.followed_by(_views())) == [[7], [], [5, 6], [5, 6], [], [7]]


def test_views_are_read_by_the_numbers_of_the_lines_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    rows = [
        ("b", "mug", "2024-01-02 00:00:00+00"),
        ("a", "cup", "2024-01-01"),
        ("stranger", "cup", "2024-01-01"),
        ("", "cup", "2024-01-01"),
        ("a", "gone", "2024-01-01"),
        ("a", "mug", "yesterday"),
        ("a", "mug", ""),
    ]

    views, report = read_views(
        write_lines(tmp_path / "views.csv", rows, HEADER), shopper_keys=("a", "b"), item_keys=("cup", "mug")
    )

    assert _rows(views) == [[0], [1]]
    assert report.counts() == {
        "lines_read": 7,
        "lines_kept": 2,
        "dropped": {"unknown_shopper": 2, "unknown_item": 1, "malformed": 2},
    }


def test_a_file_that_holds_no_views_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected at least shopper_key, item_key, viewed_at \(missing: viewed_at\)"):
        read_views(write_lines(tmp_path / "views.csv", [], ("shopper_key", "item_key")), shopper_keys=(), item_keys=())
    with pytest.raises(DataError, match="Found no file .*columns shopper_key, item_key, viewed_at"):
        read_views(tmp_path / "no.csv", shopper_keys=(), item_keys=())


def test_a_file_of_times_in_another_form_is_a_mistake(tmp_path: Path) -> None:
    rows = [("a", "cup", "01.02.2024")] * 20

    with pytest.raises(DataError, match="20 of 20 lines are malformed, most in viewed_at: found '01.02.2024'"):
        read_views(write_lines(tmp_path / "views.csv", rows, HEADER), shopper_keys=("a",), item_keys=("cup",))
