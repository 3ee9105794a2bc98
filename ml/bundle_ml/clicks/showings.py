"""What became of the bundles that a shop showed: a file, a row a showing.

An arm is a bundle beside an anchor: the anchor, then the other items in the order in which the bundle holds them. Arms
of one anchor stand together. A showing whose bundle holds what no order of the shop ever held is counted and dropped:
nothing that was learned from orders can compose it.

Shapes: N showings, R arms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bundle_ml.cells import as_array, as_text, instants, quantities, truths
from bundle_ml.clicks.nightly import LEAST_BUYERS_REWARD
from bundle_ml.clicks.truth import Flags, Numbers, Reals
from bundle_ml.lines import MALFORMED, ReadReport, blocks, explaining, require_mostly_well_formed

COLUMNS = (
    "anchor_key", "item_keys", "place", "place_count", "reward", "propensity", "visitor", "is_buyer", "shown_at",
)  # fmt: skip
NUMBERS = ("place", "place_count", "reward", "propensity")
UNKNOWN_ITEM = "unknown_item"
_TYPES = dict(zip(COLUMNS, (*[pa.string()] * 2, *[pa.float64()] * 4, pa.string(), pa.bool_(), pa.int64()), strict=True))
_NONE = pa.schema(_TYPES.items()).empty_table()

Arm = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Showings:
    """Each array is (N,); arms are numbers into `arms`."""

    arms: tuple[Arm, ...]
    """Item numbers, the anchor first; ascending by anchor."""
    arms_N: Numbers
    places_N: Numbers
    """From 0."""
    place_counts_N: Numbers
    rewards_N: Reals
    propensities_N: Reals
    visitors_N: Numbers
    is_buyer_N: Flags
    shown_at_N: Numbers
    """Microseconds since 1970."""

    def __len__(self) -> int:
        return len(self.arms_N)

    @property
    def anchors_R(self) -> Numbers:
        return np.asarray([arm[0] for arm in self.arms], np.int64)

    def believed(self, chosen_N: Flags) -> Flags:
        """Whose showings say what is liked: known buyers' alone, where they earned enough among the chosen ones."""
        vouched = float(self.rewards_N[chosen_N & self.is_buyer_N].sum())
        return self.is_buyer_N if vouched >= LEAST_BUYERS_REWARD else np.ones_like(self.is_buyer_N)

    def take(self, chosen: Flags | Numbers) -> Showings:
        """Return some showings, of the same arms."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "arms"}
        return Showings(self.arms, **{name: values[chosen] for name, values in arrays.items()})


def read_showings(
    path: Path, *, item_keys: Sequence[str], on_block: Callable[[int], None] = lambda _rows_read: None
) -> tuple[Showings, ReadReport]:
    """Read showings of bundles whose items the order lines know, numbered as there.

    `item_keys` of a row are a JSON list, without the anchor; `place` counts from 1; `visitor` is any text that one
    visitor's showings share, and is a number from here on.

    Raises:
        DataError: the file is missing, unreadable, lacks a column, or most of its rows are malformed.
    """
    report, number_of = ReadReport(), {key: number for number, key in enumerate(item_keys)}
    found = [_NONE]
    with explaining(path):
        for block in blocks(path, report, required=COLUMNS):
            found.append(_well_formed(block, report))
            on_block(report.lines_read)
    require_mostly_well_formed(report, path)
    table = pa.concat_tables(found).combine_chunks()
    arms, arms_N = _arms(table, number_of)
    known = arms_N >= 0
    report.dropped[UNKNOWN_ITEM] += int((~known).sum())
    report.lines_kept = int(known.sum())
    visitors_N = as_array(table.column("visitor").combine_chunks().dictionary_encode().indices).astype(np.int64)
    columns = {name: table.column(name).to_numpy() for name in (*NUMBERS, "is_buyer", "shown_at")}
    showings = Showings(
        arms=arms,
        arms_N=arms_N,
        places_N=columns["place"].astype(np.int64) - 1,
        place_counts_N=columns["place_count"].astype(np.int64),
        rewards_N=columns["reward"],
        propensities_N=columns["propensity"],
        visitors_N=visitors_N,
        is_buyer_N=columns["is_buyer"],
        shown_at_N=columns["shown_at"],
    )
    return showings.take(known), report


def _well_formed(block: pa.RecordBatch, report: ReadReport) -> pa.Table:
    """Keep the rows whose every cell is understood; count the others."""
    text = {name: as_text(block, name) for name in COLUMNS}
    columns: dict[str, object] = {name: text[name] for name in ("anchor_key", "item_keys", "visitor")}
    valid = {name: as_array(pc.is_valid(text[name])) for name in COLUMNS}
    for name in NUMBERS:
        columns[name], understood = quantities(text[name])
        valid[name] &= understood
    columns["is_buyer"], understood = truths(text["is_buyer"])
    valid["is_buyer"] &= understood
    columns["shown_at"], understood = instants(text["shown_at"])
    valid["shown_at"] &= understood
    place, place_count, reward, propensity = (np.asarray(columns[name]) for name in NUMBERS)
    valid["place"] &= (place >= 1) & (place == np.floor(place))
    valid["place_count"] &= (place_count >= place) & (place_count == np.floor(place_count))
    valid["reward"] &= reward >= 0
    valid["propensity"] &= (propensity > 0) & (propensity <= 1)
    keep = np.logical_and.reduce(list(valid.values()))
    for name, well_formed in valid.items():
        rows = np.flatnonzero(~well_formed)
        if len(rows):
            report.malformed_cells[name] += len(rows)
            report.malformed_examples.setdefault(name, repr((text[name][int(rows[0])].as_py() or "")[:80]))
    report.dropped[MALFORMED] += int((~keep).sum())
    return pa.table([columns[name] for name in COLUMNS], schema=_NONE.schema).filter(pa.array(keep))


def _arms(table: pa.Table, number_of: dict[str, int]) -> tuple[tuple[Arm, ...], Numbers]:
    """Number the different arms, those of one anchor together; -1 for a row whose arm is none."""
    anchors, bundles = (table.column(name).combine_chunks().dictionary_encode() for name in COLUMNS[:2])
    anchor_numbers = [number_of.get(key) for key in anchors.dictionary.to_pylist()]
    rests = [_numbers(text, number_of) for text in bundles.dictionary.to_pylist()]
    pairs_N = np.stack([as_array(anchors.indices), as_array(bundles.indices)], axis=1).astype(np.int64)
    pairs_P, pair_of_N = np.unique(pairs_N, axis=0, return_inverse=True)
    found = [_arm(anchor_numbers[anchor], rests[bundle]) for anchor, bundle in pairs_P.tolist()]
    arms = tuple(sorted({arm for arm in found if arm is not None}))
    place_of = {arm: place for place, arm in enumerate(arms)}
    numbers_P = np.asarray([-1 if arm is None else place_of[arm] for arm in found], np.int64)
    return arms, numbers_P[pair_of_N.ravel()] if found else np.empty(0, np.int64)


def _arm(anchor: int | None, rest: Arm | None) -> Arm | None:
    return None if anchor is None or rest is None or anchor in rest else (anchor, *rest)


def _numbers(text: str, number_of: dict[str, int]) -> Arm | None:
    try:
        keys = json.loads(text)
    except ValueError:
        return None
    numbers = [number_of.get(str(key)) for key in keys] if isinstance(keys, list) else []
    known = [number for number in numbers if number is not None]
    return tuple(known) if known and len(set(known)) == len(numbers) else None
