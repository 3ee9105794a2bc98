"""The questions that every model is asked, drawn once and written down.

`Given` is what a model may see: two slices of baskets, the questions about the second with their answers, and the
questions about the third without. It travels as a folder of plain .npy and JSON files, so that whoever has numpy can
read it. `Exam` adds the answers and stays with the judge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, IntArray, OffsetArray, TimeSplit, split_by_time
from bundle_ml.benchmark.datasets import Orders
from bundle_ml.cases import CONTEXT_SIZES, SHOWN, Cases, Contexts, baskets_of_cases, cases_by_context_size
from bundle_ml.catalogue import CatalogueItem, read_catalogue
from bundle_ml.durable import new_directory
from bundle_ml.errors import DataError

VALIDATION_RATIO = TEST_RATIO = 0.1
ITEM_MIN_ORDERS = 5
"""Baskets of the first slice that must hold an item for it to be in the vocabulary."""
MIN_BASKETS = 300
MIN_CASES = 20
"""With fewer held-out baskets no two models could be told apart."""
VALIDATION_CASES = 3000
TEST_CASES = 20_000
LIST_LENGTH = 100
"""Items that a model names for each question."""

ABOUT, ITEMS = "split.json", "items.jsonl"
SLICES = ("train", "validation")
PARTS = ("offsets", "items", "quantities", "ordered_at")
FILES = (
    ABOUT,
    ITEMS,
    *(f"{name}_{part}.npy" for name in SLICES for part in PARTS),
    *(f"validation_cases_{size}_{part}.npy" for size in CONTEXT_SIZES for part in ("offsets", "items", "targets")),
    *(f"test_cases_{size}_{part}.npy" for size in CONTEXT_SIZES for part in ("offsets", "items")),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a model may see. Of `validation_cases` the rests hold the target alone."""

    dataset: str
    sliced_by: str
    """'time' or 'random'."""
    seed: int
    items: tuple[CatalogueItem, ...]
    """By item number."""
    train: Baskets
    validation: Baskets
    validation_cases: dict[str, Cases]
    test_contexts: dict[str, Contexts]
    fingerprint: str

    @property
    def item_count(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exam:
    """What the judge has: the questions, the hidden items, and which basket each case stems from."""

    given: Given
    targets: dict[str, IntArray]
    basket_of_case: dict[str, OffsetArray]
    basket_count: int


def draw_exam(orders: Orders, *, seed: int) -> Exam:
    """Cut the slices, choose the vocabulary, draw the questions.

    Raises:
        DataError: there are too few baskets of two or more items.
    """
    several = orders.baskets.of_several()
    if len(several) < MIN_BASKETS:
        raise DataError(
            f"{orders.name} holds {len(several)} orders of two or more items; expected at least {MIN_BASKETS}. "
            "Give more orders, or judge by eye."
        )
    slices = split_by_time(in_order(several, seed=seed), validation_ratio=VALIDATION_RATIO, test_ratio=TEST_RATIO)
    split = _with_vocabulary_of_train(slices)
    validation = cases_by_context_size(split.validation, seed=seed, limit=VALIDATION_CASES)
    test = hiding_one_item(cases_by_context_size(split.test, seed=seed, limit=TEST_CASES)["all_but_one"])
    fewest = min(len(validation["1"]), len(test["1"]))
    if fewest < MIN_CASES:
        raise DataError(
            f"{orders.name}: a held-out slice has {fewest} baskets of two or more items that {ITEM_MIN_ORDERS} earlier "
            f"baskets hold; expected at least {MIN_CASES}. Give more orders."
        )
    keys = split.train.keys
    given = Given(
        dataset=orders.name,
        sliced_by="time" if has_times(several) else "random",
        seed=seed,
        items=tuple(orders.items.get(key) or CatalogueItem(key=key, title=key) for key in keys),
        train=split.train,
        validation=split.validation,
        validation_cases=validation,
        test_contexts={size: cases.contexts for size, cases in test.items()},
        fingerprint=_fingerprint(split, test),
    )
    return Exam(
        given=given,
        targets={size: cases.targets for size, cases in test.items()},
        basket_of_case=baskets_of_cases(test),
        basket_count=len(test["1"]),
    )


def has_times(baskets: Baskets) -> bool:
    return bool((baskets.ordered_at != UNKNOWN_TIME).any())


def in_order(baskets: Baskets, *, seed: int) -> Baskets:
    """As they stand, which is in time; in a random order where none has a time, so that slices are random."""
    if has_times(baskets):
        return baskets
    return baskets.take(np.random.default_rng([seed, 3]).permutation(len(baskets)))


def _with_vocabulary_of_train(split: TimeSplit) -> TimeSplit:
    kept = np.flatnonzero(split.train.order_counts() >= ITEM_MIN_ORDERS)
    train, validation, test = (
        restricted(each, kept).of_several() for each in (split.train, split.validation, split.test)
    )
    return TimeSplit(train, validation, test)


def restricted(baskets: Baskets, kept: npt.NDArray[np.int64]) -> Baskets:
    """Take out all other items and renumber; a basket may be left with none."""
    number_of = np.full(baskets.item_count, -1, np.int32)
    number_of[kept] = np.arange(len(kept))
    numbers = number_of[baskets.items]
    known = numbers >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    return Baskets(
        tuple(baskets.keys[item] for item in kept.tolist()),
        before[baskets.offsets].astype(np.int64),
        numbers[known],
        baskets.quantities[known],
        baskets.ordered_at,
        baskets.shoppers,
    )


def hiding_one_item(whole: Cases) -> dict[str, Cases]:
    """Hide the same item of a basket at every size; else one question would show the answer to another."""
    shown = np.diff(whole.contexts.offsets)
    cases = {}
    for size, count in SHOWN.items():
        rows = np.flatnonzero(shown >= count)
        contexts = Contexts.of([whole.contexts[row][:count] for row in rows.tolist()])
        targets = whole.targets[rows]
        cases[size] = Cases(contexts, targets, Contexts.of(list(targets[:, None])))
    return {size: whole if size == "all_but_one" else cases[size] for size in CONTEXT_SIZES}


def _fingerprint(split: TimeSplit, test: Mapping[str, Cases]) -> str:
    digest = hashlib.sha256("".join(each.fingerprint() for each in (split.train, split.validation)).encode())
    for cases in test.values():
        digest.update(cases.contexts.items.tobytes() + cases.targets.tobytes())
    return digest.hexdigest()


def write_given(given: Given, folder: Path) -> None:
    """Write the folder that models read, replacing an older one."""
    slices = {"train": given.train, "validation": given.validation}
    about = {
        "dataset": given.dataset,
        "sliced_by": given.sliced_by,
        "seed": given.seed,
        "items": given.item_count,
        "baskets": {name: len(baskets) for name, baskets in slices.items()},
        "cases": {size: len(contexts) for size, contexts in given.test_contexts.items()},
        "list_length": LIST_LENGTH,
        "fingerprint": given.fingerprint,
    }
    with new_directory(folder, files=FILES) as filling:
        (filling / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        save_items(filling, given.items)
        for name, baskets in slices.items():
            save_baskets(filling, name, baskets)
        for size in CONTEXT_SIZES:
            cases = given.validation_cases[size]
            save_contexts(filling, f"validation_cases_{size}", cases.contexts)
            _save(filling, f"validation_cases_{size}_targets", cases.targets)
            save_contexts(filling, f"test_cases_{size}", given.test_contexts[size])


def read_given(folder: Path) -> Given:
    """Read what `write_given` wrote."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    items = tuple(read_catalogue(folder / ITEMS))
    keys = tuple(item.key for item in items)
    train, validation = (load_baskets(folder, name, keys) for name in SLICES)
    return Given(
        dataset=about["dataset"],
        sliced_by=about["sliced_by"],
        seed=about["seed"],
        items=items,
        train=train,
        validation=validation,
        validation_cases={size: _load_cases(folder, f"validation_cases_{size}") for size in CONTEXT_SIZES},
        test_contexts={size: load_contexts(folder, f"test_cases_{size}") for size in CONTEXT_SIZES},
        fingerprint=about["fingerprint"],
    )


def save_items(folder: Path, items: Sequence[CatalogueItem]) -> None:
    lines = [json.dumps({"key": item.key, "title": item.title, "category": item.category}) + "\n" for item in items]
    (folder / ITEMS).write_text("".join(lines), encoding="utf-8")


def save_baskets(folder: Path, name: str, baskets: Baskets, *, parts: Sequence[str] = PARTS) -> None:
    """Write a slice; who bought only where the task asks for it."""
    for part in parts:
        _save(folder, f"{name}_{part}", getattr(baskets, part))


def _save(folder: Path, name: str, values: npt.NDArray[np.generic]) -> None:
    np.save(folder / f"{name}.npy", values, allow_pickle=False)


def save_contexts(folder: Path, name: str, contexts: Contexts) -> None:
    _save(folder, f"{name}_offsets", contexts.offsets)
    _save(folder, f"{name}_items", contexts.items)


def _load(folder: Path, name: str) -> npt.NDArray[np.generic]:
    return np.asarray(np.load(folder / f"{name}.npy", allow_pickle=False))


def load_baskets(folder: Path, name: str, keys: tuple[str, ...]) -> Baskets:
    return Baskets(
        keys,
        _load(folder, f"{name}_offsets").astype(np.int64),
        _load(folder, f"{name}_items").astype(np.int32),
        _load(folder, f"{name}_quantities").astype(np.float32),
        _load(folder, f"{name}_ordered_at").astype(np.int64),
        _load(folder, f"{name}_shoppers").astype(np.int32) if (folder / f"{name}_shoppers.npy").is_file() else None,
    )


def load_contexts(folder: Path, name: str) -> Contexts:
    return Contexts(_load(folder, f"{name}_offsets").astype(np.int64), _load(folder, f"{name}_items").astype(np.int32))


def _load_cases(folder: Path, name: str) -> Cases:
    targets = _load(folder, f"{name}_targets").astype(np.int32)
    return Cases(load_contexts(folder, name), targets, Contexts.of(list(targets[:, None])))


def describe(exam: Exam) -> dict[str, Any]:
    """What the report says about the questions."""
    given = exam.given
    return {
        "dataset": given.dataset,
        "sliced_by": given.sliced_by,
        "seed": given.seed,
        "items": given.item_count,
        "baskets": {"train": len(given.train), "validation": len(given.validation), "test": exam.basket_count},
        "cases": {size: len(targets) for size, targets in exam.targets.items()},
        "validation_cases": {size: len(cases) for size, cases in given.validation_cases.items()},
        "fingerprint": given.fingerprint,
        "compared_by": "NDCG@10, mean over context sizes",
    }
