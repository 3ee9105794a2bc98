"""What peers of the next basket share: the split by shoppers.

`train` holds baskets, each of a shopper (-1: nobody), a shopper's own in order. A question is a shopper with the
baskets until then; what was bought before may be answered again.

Shapes: B questions, K places of a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import protocol
from protocol import CASES_AT_ONCE, Fit, IntArray, Sets, Top, checked

QUESTION = "next_basket"
SHOWN = 10


@dataclass(frozen=True, eq=False)
class Orders:
    """Baskets with the shopper of each."""

    baskets: Sets
    shoppers: IntArray

    def followed_by(self, later: Orders) -> Orders:
        return Orders(self.baskets.followed_by(later.baskets), np.concatenate([self.shoppers, later.shoppers]))

    def take(self, rows: npt.NDArray[np.int64]) -> Orders:
        lengths = self.baskets.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        pairs = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.baskets.offsets[rows], lengths)
        return Orders(Sets(offsets, self.baskets.items[pairs]), self.shoppers[rows])

    def by_shopper(self) -> Orders:
        """Put baskets in the order of shoppers, oldest first; those of nobody are left out."""
        rows = np.argsort(self.shoppers, kind="stable")
        return self.take(rows[self.shoppers[rows] >= 0])

    def ages(self) -> npt.NDArray[np.int64]:
        """How many baskets of the shopper follow each; of baskets that stand `by_shopper`."""
        last = np.searchsorted(self.shoppers, self.shoppers, side="right") - 1
        return last - np.arange(len(self.shoppers))


@dataclass(frozen=True, eq=False)
class Pasts:
    """Shoppers who are asked about, and all their baskets until then, `by_shopper`."""

    shoppers: IntArray
    past: Orders

    def __len__(self) -> int:
        return len(self.shoppers)

    def __getitem__(self, row: int) -> IntArray:
        """Items that must not be answered: none."""
        return np.empty(0, np.int32)

    def in_batches(self, size: int = CASES_AT_ONCE) -> Iterator[Pasts]:
        for start in range(0, len(self), size):
            yield Pasts(self.shoppers[start : start + size], self.past)

    @property
    def items(self) -> IntArray:
        return self[0]

    def row_numbers(self) -> IntArray:
        return self[0]

    def own(self) -> tuple[npt.NDArray[np.int64], Orders]:
        """Row of the question → its baskets: the row of each basket, and the baskets."""
        row_of = np.full(int(max(self.shoppers.max(initial=-1), self.past.shoppers.max(initial=-1))) + 1, -1)
        row_of[self.shoppers] = np.arange(len(self))
        rows = row_of[self.past.shoppers]
        return rows[rows >= 0], self.past.take(np.flatnonzero(rows >= 0))


@dataclass(frozen=True, eq=False)
class Split:
    """What `protocol.run` asks of a split."""

    item_count: int
    list_length: int
    train: Orders
    validation: Orders
    test_shoppers: IntArray

    @property
    def test_contexts(self) -> dict[str, Pasts]:
        return {QUESTION: Pasts(self.test_shoppers, self.train.followed_by(self.validation).by_shopper())}

    def ndcg(self, top: Top) -> float:
        """Mean NDCG@10 of the validation baskets."""
        lists_BK = checked(top, Pasts(self.validation.shoppers, self.train.by_shopper()), self)[:, :SHOWN]
        discounts = 1 / np.log2(np.arange(SHOWN) + 2.0)
        gains = []
        for row, list_K in enumerate(lists_BK):
            wanted = self.validation.baskets[row]
            found = np.isin(list_K, wanted)
            gains.append((found * discounts).sum() / discounts[: len(wanted)].sum())
        return float(np.mean(gains))


def read_split(folder: Path) -> Split:
    about = json.loads((folder / "split.json").read_text(encoding="utf-8"))

    def load(name: str) -> Any:
        return np.load(folder / f"{name}.npy", allow_pickle=False)

    train, validation = (
        Orders(Sets(load(f"{name}_offsets"), load(f"{name}_items")), load(f"{name}_shoppers"))
        for name in ("train", "validation")
    )
    return Split(about["items"], about["list_length"], train, validation, load("test_shoppers"))


def run(fit: Fit, grid: Sequence[Any], *, packages: Sequence[str]) -> None:
    protocol.run(fit, grid, packages=packages, read=read_split)
