"""What the cells of a file mean, a column at a time: text in, values out, and which cells were understood."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bundle_ml.baskets import UNKNOWN_TIME, BoolArray

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INSTANT = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([+-]\d\d(:?\d\d)?|Z)?)?$"
TIME_OFFSET = r":.*([+-]\d\d(:?\d\d)?|Z)$"
TRUE, FALSE = ("t", "true", "1"), ("f", "false", "0")
MOMENT = "2010-12-01 08:26:00+00"
EXAMPLES = {
    "order_key": "1001",
    "quantity": "1",
    "ordered_at": MOMENT,
    "counts": "t",
    "viewed_at": MOMENT,
    "anchor_key": "42",
    "item_keys": '["7", "8"]',
    "place": "1",
    "place_count": "3",
    "reward": "1",
    "propensity": "0.95",
    "visitor": "17",
    "is_buyer": "t",
    "shown_at": MOMENT,
}
"""What a well-formed cell looks like, by column."""
YEARS = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1, 9999))
"""Orders before or after can only be slips; nearly the same bounds as those of Python's calendar."""


def as_text(block: pa.RecordBatch, name: str) -> pa.Array:
    """Every cell as text, so that CSV and Parquet are judged by the same rules; empty text is NULL."""
    if name not in block.schema.names:
        return pa.nulls(block.num_rows, pa.string())
    column = block.column(name)
    text = (column.dictionary_decode() if pa.types.is_dictionary(column.type) else column).cast(pa.string())
    return pc.if_else(pc.equal(pc.binary_length(text), 0), None, text)


def as_array(column: pa.Array) -> npt.NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _matching(text: pa.Array, pattern: str) -> tuple[pa.Array, BoolArray]:
    """Return the text with NULL where it does not match, and where it matches or was NULL already."""
    matches = pc.match_substring_regex(text, pattern)
    return pc.if_else(matches, text, None), as_array(pc.fill_null(matches, True))  # noqa: FBT003


def quantities(text: pa.Array) -> tuple[npt.NDArray[np.float64], BoolArray]:
    """NULL is one piece."""
    numbers, valid = _matching(text, NUMBER)
    return as_array(pc.fill_null(numbers.cast(pa.float64()), 1.0)), valid


def truths(text: pa.Array) -> tuple[BoolArray, BoolArray]:
    """NULL counts."""
    word = pc.fill_null(pc.utf8_lower(text), "true")
    true, false = (as_array(pc.is_in(word, pa.array(words))) for words in (TRUE, FALSE))
    return true, true | false


def instants(text: pa.Array) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Microseconds since 1970; a time without an offset is taken for UTC, NULL is UNKNOWN_TIME."""
    stamps, valid = _matching(text, INSTANT)
    stamps = pc.if_else(
        pc.equal(pc.binary_length(stamps), len("2011-12-09")), pc.binary_join_element_wise(stamps, "00:00", " "), stamps
    )
    stamps = pc.if_else(
        pc.match_substring_regex(stamps, TIME_OFFSET), stamps, pc.binary_join_element_wise(stamps, "Z", "")
    )
    try:
        moments = stamps.cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("us", "UTC"), safe=False)
    except pa.ArrowInvalid:  # one cell of the block names no day, such as 2011-02-30: find which
        moments, real = _instants_one_by_one(stamps)
        valid &= real
    moments = moments.cast(pa.int64())
    in_calendar = pc.and_(pc.greater_equal(moments, YEARS[0]), pc.less(moments, YEARS[1]))
    return as_array(pc.fill_null(moments, UNKNOWN_TIME)), valid & as_array(pc.fill_null(in_calendar, True))  # noqa: FBT003


def _instants_one_by_one(stamps: pa.Array) -> tuple[pa.Array, BoolArray]:
    values: list[datetime | None] = []
    valid = np.ones(len(stamps), bool)
    for row, stamp in enumerate(stamps.to_pylist()):
        try:
            values.append(None if stamp is None else datetime.fromisoformat(stamp))
        except ValueError:
            values.append(None)
            valid[row] = False
    return pa.array(values, pa.timestamp("us", "UTC")), valid
