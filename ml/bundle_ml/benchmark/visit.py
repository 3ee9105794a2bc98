"""A visit: what else goes into the basket of a shopper whose past is known?

The shoppers, their pasts and the slices are those of `next_basket`. Of each last basket that holds two or more items
some are shown and one is hidden, as in the completion of baskets (`protocol`), and what is shown is out of the answer.
The judge is that of the completion, with intervals over shoppers: one basket is of one shopper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.baskets import IntArray, OffsetArray
from bundle_ml.benchmark import next_basket
from bundle_ml.benchmark.datasets import Orders
from bundle_ml.benchmark.next_basket import NextBasketGiven
from bundle_ml.benchmark.protocol import TEST_CASES, hiding_one_item, load_contexts, save_contexts
from bundle_ml.cases import CONTEXT_SIZES, Contexts, baskets_of_cases, cases_by_context_size
from bundle_ml.histories import Visits

SHOWN_FOLDER = "shown"
"""Beside the split of the next basket, for what is shown of the last baskets."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitGiven:
    """What a model may see."""

    past: NextBasketGiven
    """Its test shoppers are those with a case, in the order of baskets."""
    shown: dict[str, Contexts]
    basket_of_case: dict[str, OffsetArray]

    @property
    def item_count(self) -> int:
        return self.past.item_count

    @property
    def fingerprint(self) -> str:
        return self.past.fingerprint

    @property
    def test_contexts(self) -> dict[str, Contexts]:
        histories = self.past.histories(self.past.before_test, self.past.test_shoppers)
        return {
            size: Visits.made_of(shown, histories.take(self.basket_of_case[size])) for size, shown in self.shown.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitExam:
    """What the judge has beside it, by the names that `judging` looks for."""

    given: VisitGiven
    targets: dict[str, IntArray]
    basket_count: int

    @property
    def basket_of_case(self) -> dict[str, OffsetArray]:
        return self.given.basket_of_case


def draw_exam(orders: Orders, *, seed: int) -> VisitExam:
    """Draw the exam of the next basket, and hide one item of each.

    Raises:
        DataError: the orders name no shoppers, or too few have three baskets.
    """
    exam = next_basket.draw_exam(orders, seed=seed)
    several = exam.nexts.of_several()
    several = several.between(0, min(len(several), TEST_CASES))
    cases = hiding_one_item(cases_by_context_size(several, seed=seed, limit=len(several))["all_but_one"])
    assert several.shoppers is not None  # noqa: S101
    given = VisitGiven(
        past=replace(exam.given, test_shoppers=several.shoppers),
        shown={size: each.contexts for size, each in cases.items()},
        basket_of_case=baskets_of_cases(cases),
    )
    return VisitExam(
        given=given, targets={size: each.targets for size, each in cases.items()}, basket_count=len(several)
    )


def write_given(given: VisitGiven, folder: Path) -> None:
    """Write the folder that models read."""
    next_basket.write_given(given.past, folder)
    shown = folder.with_name(f"{folder.name}_{SHOWN_FOLDER}")
    shown.mkdir(exist_ok=True)
    for size, contexts in given.shown.items():
        save_contexts(shown, size, contexts)
        np.save(shown / f"{size}_baskets.npy", given.basket_of_case[size], allow_pickle=False)


def read_given(folder: Path) -> VisitGiven:
    """Read what `write_given` wrote."""
    shown = folder.with_name(f"{folder.name}_{SHOWN_FOLDER}")
    return VisitGiven(
        past=next_basket.read_given(folder),
        shown={size: load_contexts(shown, size) for size in CONTEXT_SIZES},
        basket_of_case={size: np.load(shown / f"{size}_baskets.npy").astype(np.int64) for size in CONTEXT_SIZES},
    )


def describe(exam: VisitExam) -> dict[str, Any]:
    past = exam.given.past
    return {
        "task": "visit",
        "dataset": past.dataset,
        "sliced_by": f"shopper, in the order of {past.ordered_by}",
        "seed": past.seed,
        "items": past.item_count,
        "baskets": {"train": len(past.train), "validation": len(past.validation), "test": exam.basket_count},
        "cases": {size: len(targets) for size, targets in exam.targets.items()},
        "fingerprint": past.fingerprint,
        "compared_by": "NDCG@10, mean over context sizes",
    }
