"""Next basket: what will each shopper buy the next time, given the baskets until then?

Each shopper with three or more baskets has the last one as the test and the one before it for validation; all earlier
ones, and all baskets of other shoppers and of nobody, teach. Baskets of one item count. A shopper's baskets stand in
the order of time; where no order has a time, in the order of their keys, a shorter key first (`1-2` before `1-10`).
The vocabulary is what five teaching baskets hold.

What shoppers bought before may be named again. Gains are those of the whole next basket, and apart those of its items
that the shopper had bought before and of those new to the shopper.

Left out of the split: a cut in time over all shoppers. Other shoppers' later baskets teach, to every model alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, IntArray, OffsetArray
from bundle_ml.benchmark.datasets import Orders
from bundle_ml.benchmark.judging import MEASURES, SHOWN, Marks, with_intervals
from bundle_ml.benchmark.protocol import (
    ABOUT,
    ITEM_MIN_ORDERS,
    ITEMS,
    LIST_LENGTH,
    MIN_CASES,
    load_baskets,
    restricted,
    save_baskets,
    save_items,
)
from bundle_ml.bootstrap import BasketDraws
from bundle_ml.cases import Contexts
from bundle_ml.catalogue import CatalogueItem, read_catalogue
from bundle_ml.durable import new_directory
from bundle_ml.errors import DataError
from bundle_ml.histories import Histories, histories_of
from bundle_ml.metrics import coverage
from bundle_ml.personalising import QUESTION, last_baskets

MIN_BASKETS = 3
"""Of a shopper who is asked about."""
SLICES = ("train", "validation")
PARTS = ("offsets", "items", "quantities", "ordered_at", "shoppers")
FILES = (ABOUT, ITEMS, "test_shoppers.npy", *(f"{name}_{part}.npy" for name in SLICES for part in PARTS))
REPEAT, NEW = "repeat", "new"
NAMES = {"mean": "whole basket", REPEAT: "bought before", NEW: "new to the shopper"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextBasketGiven:
    """What a model may see; shoppers are numbers."""

    dataset: str
    ordered_by: str
    """'time' or 'key'."""
    seed: int
    items: tuple[CatalogueItem, ...]
    train: Baskets
    validation: Baskets
    """Of each shopper asked about the last basket but one, as far as the vocabulary knows it."""
    test_shoppers: IntArray
    fingerprint: str

    @property
    def item_count(self) -> int:
        return len(self.items)

    @property
    def before_test(self) -> Baskets:
        return self.train.followed_by(self.validation)

    @property
    def test_contexts(self) -> dict[str, Contexts]:
        return {QUESTION: self.histories(self.before_test, self.test_shoppers)}

    def histories(self, baskets: Baskets, shoppers: IntArray) -> Histories:
        """The pasts of these shoppers, row by row; empty where the vocabulary knows nothing of it."""
        highest = max(int(each.max(initial=-1)) for each in (shoppers, *_known(baskets)))
        return histories_of(baskets, shopper_count=highest + 1).take(shoppers.astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextBasketExam:
    """What the judge has: the next basket of each shopper who is asked about, and which of its items are repeats."""

    given: NextBasketGiven
    nexts: Baskets
    repeat_of_pair: npt.NDArray[np.bool_]


def draw_exam(orders: Orders, *, seed: int) -> NextBasketExam:
    """Cut off last baskets, choose the vocabulary.

    Raises:
        DataError: the orders name no shoppers, or too few have three baskets.
    """
    baskets = orders.baskets
    if baskets.shoppers is None:
        raise DataError(
            f"{orders.name} names no shoppers; expected a column shopper_key (or user_id) that holds a pseudonym. "
            "Export one, or choose another --task."
        )
    basket_counts = np.bincount(baskets.shoppers[baskets.shoppers >= 0])
    asked = np.flatnonzero(basket_counts >= MIN_BASKETS)
    if len(asked) < MIN_CASES:
        raise DataError(
            f"{orders.name} holds {len(asked)} shoppers with {MIN_BASKETS} or more baskets; expected at least "
            f"{MIN_CASES}. Give more orders."
        )
    before_test, test = last_baskets(baskets, shoppers=asked)
    train, validation = last_baskets(before_test, shoppers=asked)
    kept = np.flatnonzero(train.order_counts() >= ITEM_MIN_ORDERS)
    train, validation, test = (_with_items(each, kept) for each in (train, validation, test))
    if min(len(validation), len(test)) < MIN_CASES:
        raise DataError(f"{orders.name}: too few last baskets hold what {ITEM_MIN_ORDERS} earlier ones do.")
    assert test.shoppers is not None  # noqa: S101
    given = NextBasketGiven(
        dataset=orders.name,
        ordered_by="time" if (baskets.ordered_at != UNKNOWN_TIME).any() else "key",
        seed=seed,
        items=tuple(orders.items.get(key) or CatalogueItem(key=key, title=key) for key in train.keys),
        train=train,
        validation=validation,
        test_shoppers=test.shoppers,
        fingerprint=_fingerprint(train, validation, test),
    )
    return NextBasketExam(given=given, nexts=test, repeat_of_pair=_repeats(given, test))


def _fingerprint(*slices: Baskets) -> str:
    digest = hashlib.sha256("".join(each.fingerprint() for each in slices).encode())
    for each in slices:
        digest.update(np.ascontiguousarray(each.shoppers).tobytes())
    return digest.hexdigest()


def _with_items(baskets: Baskets, kept: OffsetArray) -> Baskets:
    found = restricted(baskets, kept)
    return found.where(found.lengths > 0)


def _known(baskets: Baskets) -> tuple[IntArray, ...]:
    return () if baskets.shoppers is None else (baskets.shoppers,)


def _repeats(given: NextBasketGiven, test: Baskets) -> npt.NDArray[np.bool_]:
    """Mark items of next baskets that stand in any earlier basket of the shopper, however long ago."""
    before = given.before_test
    assert before.shoppers is not None  # noqa: S101
    assert test.shoppers is not None  # noqa: S101
    bought = np.repeat(before.shoppers.astype(np.int64), before.lengths) * given.item_count + before.items
    asked = np.repeat(test.shoppers.astype(np.int64), test.lengths) * given.item_count + test.items
    return np.isin(asked, bought)


def write_given(given: NextBasketGiven, folder: Path) -> None:
    """Write the folder that models read, replacing an older one."""
    about = {
        "task": QUESTION,
        "dataset": given.dataset,
        "ordered_by": given.ordered_by,
        "seed": given.seed,
        "items": given.item_count,
        "list_length": LIST_LENGTH,
        "fingerprint": given.fingerprint,
    }
    with new_directory(folder, files=FILES) as filling:
        (filling / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        save_items(filling, given.items)
        for name, baskets in (("train", given.train), ("validation", given.validation)):
            save_baskets(filling, name, baskets, parts=PARTS)
        np.save(filling / "test_shoppers.npy", given.test_shoppers, allow_pickle=False)


def read_given(folder: Path) -> NextBasketGiven:
    """Read what `write_given` wrote."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    items = tuple(read_catalogue(folder / ITEMS))
    keys = tuple(item.key for item in items)
    train, validation = (load_baskets(folder, name, keys) for name in SLICES)
    return NextBasketGiven(
        dataset=about["dataset"],
        ordered_by=about["ordered_by"],
        seed=about["seed"],
        items=items,
        train=train,
        validation=validation,
        test_shoppers=np.load(folder / "test_shoppers.npy", allow_pickle=False).astype(np.int32),
        fingerprint=about["fingerprint"],
    )


def judge(lists: Mapping[str, IntArray], exam: NextBasketExam, *, samples: int, seed: int) -> Marks:
    """Mark one model's lists, with intervals over shoppers; `mean` is the whole basket."""
    list_BK, draws = lists[QUESTION], BasketDraws.of(len(exam.nexts), samples=samples, seed=seed)
    marks, ndcg_draws = {}, {}
    shoppers = np.arange(len(exam.nexts))
    for name, of_pair in (("mean", None), (REPEAT, exam.repeat_of_pair), (NEW, ~exam.repeat_of_pair)):
        gains_BM, counted_B = gains_of(list_BK, exam.nexts, of_pair)
        counted_BM = np.repeat(counted_B[:, None], len(MEASURES), axis=1)
        drawn_SM = draws.means(gains_BM, shoppers, counted_BM)
        means = gains_BM[counted_B].mean(axis=0) if counted_B.any() else np.zeros(len(MEASURES))
        marks[name] = with_intervals(
            dict(zip(MEASURES, means.tolist(), strict=True)),
            {measure: drawn_SM[:, column] for column, measure in enumerate(MEASURES)},
        )
        marks[name]["cases"] = int(counted_B.sum())
        ndcg_draws[name] = drawn_SM[:, MEASURES.index("ndcg_at_10")]
    shown = list_BK[:, :SHOWN]
    marks["mean"]["coverage_at_10"] = coverage(shown[shown >= 0], exam.given.item_count)
    return Marks(by_size={name: marks[name] for name in (REPEAT, NEW)}, mean=marks["mean"], ndcg_draws=ndcg_draws)


def gains_of(
    list_BK: IntArray, nexts: Baskets, of_pair: npt.NDArray[np.bool_] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """What each list earns by each measure, (B, M), and whether its basket holds any of the pairs that count.

    NDCG@10: Σ 1/log2(place + 1) over the items found in the first ten places, divided by what the best list would earn.
    Recall@k: the share of the basket's items in the first k places. MRR: 1/place of the first that was found.

    A basket of two things; the list names one of them in the second place:

    >>> two_things = Baskets(("a", "b", "c"), np.array([0, 2]), np.array([0, 2], np.int32), np.ones(2, np.float32),
    ...     np.zeros(1, np.int64))
    >>> gains, _ = gains_of(np.array([[1, 2]], np.int32), two_things)
    >>> gains.round(4).tolist()
    [[0.3869, 0.5, 0.5, 0.5]]
    """
    wanted = np.ones(len(nexts.items), bool) if of_pair is None else of_pair
    rows = np.repeat(np.arange(len(nexts)), nexts.lengths)
    counts_B = np.bincount(rows[wanted], minlength=len(nexts))
    base = nexts.item_count + 1
    cells_BK = np.arange(len(nexts))[:, None] * base + list_BK
    hit_BK = np.isin(cells_BK, rows[wanted] * base + nexts.items[wanted]) & (list_BK >= 0)
    discounts = 1 / np.log2(np.arange(SHOWN) + 2.0)
    highest_B = np.concatenate([[1.0], np.cumsum(discounts)])[np.minimum(counts_B, SHOWN)]
    shown_BK = hit_BK[:, :SHOWN]
    ndcg_B = (shown_BK * discounts[: shown_BK.shape[1]]).sum(axis=1) / highest_B
    recalls = [hit_BK[:, :places].sum(axis=1) / np.maximum(counts_B, 1) for places in (10, 20)]
    first_B = np.where(hit_BK.any(axis=1), 1 / (hit_BK.argmax(axis=1) + 1.0), 0.0)
    return np.stack([ndcg_B, *recalls, first_B], axis=1), counts_B > 0


def describe(exam: NextBasketExam) -> dict[str, Any]:
    given = exam.given
    return {
        "task": QUESTION,
        "dataset": given.dataset,
        "sliced_by": f"shopper, in the order of {given.ordered_by}",
        "seed": given.seed,
        "items": given.item_count,
        "baskets": {"train": len(given.train), "validation": len(given.validation), "test": len(exam.nexts)},
        "fingerprint": given.fingerprint,
        "names": NAMES,
        "compared_by": "NDCG@10 of the whole next basket",
    }
