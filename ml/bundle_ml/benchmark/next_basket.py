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
from bundle_ml.benchmark.judging import Marks
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
from bundle_ml.whole_baskets import NEW, REPEAT, SHOWN, WHOLE, mark_lists, repeats

MIN_BASKETS = 3
"""Of a shopper who is asked about."""
SLICES = ("train", "validation")
PARTS = ("offsets", "items", "quantities", "ordered_at", "shoppers")
FILES = (ABOUT, ITEMS, "test_shoppers.npy", *(f"{name}_{part}.npy" for name in SLICES for part in PARTS))
NAMES = {WHOLE: "whole basket", REPEAT: "bought before", NEW: "new to the shopper"}


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
    return NextBasketExam(given=given, nexts=test, repeat_of_pair=repeats(given.before_test, test))


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
    found = mark_lists(list_BK, exam.nexts, exam.repeat_of_pair, draws=draws)
    shown = list_BK[:, :SHOWN]
    mean = found.marks[WHOLE] | {"coverage_at_10": coverage(shown[shown >= 0], exam.given.item_count)}
    return Marks(by_size={name: found.marks[name] for name in (REPEAT, NEW)}, mean=mean, ndcg_draws=found.ndcg_draws)


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
