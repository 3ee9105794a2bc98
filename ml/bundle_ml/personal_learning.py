"""What a training run learns from shoppers' pasts: choose, weigh, measure, decide, and fit again on everything.

The slices are those of `learning`, cut in time over all shoppers. Who came before a slice and comes back in it is asked
about: the first basket there is the next one. The validation slice chooses and weighs, the test slice makes the table
and judges this blend's ladder, and what is stored is fitted once more on all baskets.

What is stored holds sums over shoppers and nobody's past. Why what needs other shoppers' pasts is left out, and what
that costs, stands in the decision records.

Shapes: B shoppers asked about, K places of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bundle_ml.baskets import Baskets, IntArray, TimeSplit
from bundle_ml.blend import Blend
from bundle_ml.bootstrap import BasketDraws, DrawArray
from bundle_ml.histories import Histories, histories_of
from bundle_ml.ladder import Decision, choose_rung
from bundle_ml.metrics import top_items
from bundle_ml.personal import FREQUENCY, NEXT_BASKET, VIEWS
from bundle_ml.personalising import CASES, choose_personal, fit_past_blend, fit_personal_rungs, next_basket_cases
from bundle_ml.rungs import POPULARITY, Rung
from bundle_ml.settings import Settings
from bundle_ml.views import Views
from bundle_ml.whole_baskets import NEW, REPEAT, WHOLE, BasketMarks, mark_lists, repeats

PERSONAL = "personal_blend"
LADDER = (POPULARITY, FREQUENCY, VIEWS, NEXT_BASKET, PERSONAL)
LISTED = 20
ROWS_AT_ONCE = 256
MEASURES = ("ndcg_at_10", "recall_at_10", "recall_at_20")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedPersonal:
    blend: Blend | None
    """What ranks by a past, popularity always beside it; None where too few shoppers came back."""
    report: dict[str, Any]
    """For the manifest: the table and the decision, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComeBack:
    """Shoppers who came before a slice and in it, row by row: their pasts, and their first basket there."""

    pasts: Histories
    nexts: Baskets

    def __len__(self) -> int:
        return len(self.nexts)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """How every model did; what `ladder.choose_rung` asks of it."""

    marks: Mapping[str, BasketMarks]
    basket_count: int

    @property
    def draws(self) -> Mapping[str, DrawArray]:
        return {name: each.ndcg_draws[WHOLE] for name, each in self.marks.items()}

    def mean_ndcg(self) -> dict[str, float]:
        return {name: each.marks[WHOLE]["ndcg_at_10"] for name, each in self.marks.items()}

    def rows(self) -> list[dict[str, Any]]:
        """One row a model: measures of the whole basket with intervals, and what was found of repeats and of news."""
        return [
            {"model": name}
            | {f"{measure}{end}": each.marks[WHOLE][f"{measure}{end}"] for measure in MEASURES for end in _ENDS}
            | {
                f"{kind}_recall_at_10{end}": each.marks[kind][f"recall_at_10{end}"]
                for kind in (REPEAT, NEW)
                for end in _ENDS
            }
            for name, each in self.marks.items()
        ]


_ENDS = ("", "_low", "_high")


def learn_personal(
    baskets: Baskets,
    split: TimeSplit,
    *,
    settings: Settings,
    views: Views | None = None,
    on_progress: Callable[[float], None] = lambda _done: None,
) -> LearnedPersonal:
    """Fit, measure, decide, and fit again on everything."""
    if baskets.shoppers is None or (baskets.shoppers < 0).all():
        return LearnedPersonal(blend=None, report={"decision": "the order lines name no shoppers (column shopper_key)"})
    before_test = split.train.followed_by(split.validation)
    validation, test = (
        come_back(*slices, views) for slices in ((split.train, split.validation), (before_test, split.test))
    )
    came_back = {"validation": len(validation), "test": len(test)}
    about: dict[str, Any] = {"came_back": came_back, "needed": settings.personal_min_shoppers}
    if min(came_back.values()) < settings.personal_min_shoppers:
        why = (
            f"{came_back['validation']} and {came_back['test']} shoppers came back in the two held-out slices; "
            f"expected {settings.personal_min_shoppers} in each to judge by (setting personal_min_shoppers)"
        )
        return LearnedPersonal(blend=None, report=about | {"decision": why})

    cases = next_basket_cases(validation.pasts, validation.nexts, seed=settings.seed, limit=CASES)
    choices = choose_personal(split.train, cases, settings)
    on_progress(0.3)
    weighed = fit_past_blend(fit_personal_rungs(split.train, choices, settings), cases)
    on_progress(0.6)
    rungs = fit_personal_rungs(before_test, choices, settings)
    table = measure({**rungs, PERSONAL: weighed.with_rungs(rungs)}, test, before_test, settings=settings)
    decision = choose_rung(LADDER, table, settings=settings)
    on_progress(0.9)
    chosen = weighed if decision.rung == PERSONAL else weighed.only(decision.rung)
    return LearnedPersonal(
        blend=chosen.with_rungs(fit_personal_rungs(baskets, choices, settings)).without_idle_parts(but=POPULARITY),
        report=about | _tell(table, decision),
    )


def come_back(before: Baskets, held_out: Baskets, views: Views | None = None) -> ComeBack:
    """Find the shoppers of a held-out slice who have a basket before it.

    Of what they looked at, that is known which came before the visit that ended in the next basket.
    """
    assert before.shoppers is not None  # noqa: S101
    assert held_out.shoppers is not None  # noqa: S101
    found, first = np.unique(held_out.shoppers, return_index=True)  # Rows stand in the order of time.
    count = int(max(before.shoppers.max(initial=-1), found.max(initial=-1))) + 1
    pasts = histories_of(before, shopper_count=count)
    known = found >= 0
    known[known] = pasts.sizes[found[known]] > 0
    shoppers, nexts = found[known].astype(np.int64), held_out.take(first[known])
    looked_at = None if views is None else views.before_visit(shoppers, nexts.ordered_at)
    return ComeBack(pasts=replace(pasts.take(shoppers), looked_at=looked_at), nexts=nexts)


def measure(models: Mapping[str, Rung], asked: ComeBack, before: Baskets, *, settings: Settings) -> Table:
    """Ask every model about the same shoppers, drawn at random where they are more than the setting's."""
    if len(asked) > settings.case_limit:
        random = np.random.default_rng([settings.seed, 7])
        rows = np.sort(random.choice(len(asked), settings.case_limit, replace=False))
        asked = ComeBack(pasts=asked.pasts.take(rows), nexts=asked.nexts.take(rows))
    is_repeat_P = repeats(before, asked.nexts)
    draws = BasketDraws.of(len(asked), samples=settings.bootstrap_samples, seed=settings.seed)
    marks = {
        name: mark_lists(best_lists(rung, asked.pasts), asked.nexts, is_repeat_P, draws=draws)
        for name, rung in models.items()
    }
    return Table(marks, len(asked))


def best_lists(rung: Rung, pasts: Histories) -> IntArray:
    """The items each shopper most likely buys next, best first; (B, K)."""
    lists = [top_items(rung.scores(contexts), LISTED) for _, contexts in pasts.in_batches(ROWS_AT_ONCE)]
    return np.concatenate(lists) if lists else np.empty((0, LISTED), np.int32)


def _tell(table: Table, decision: Decision) -> dict[str, Any]:
    return {
        "rung": decision.rung,
        "decision": decision.reason,
        "refused": [refusal.to_json() for refusal in decision.refused],
        "shoppers": table.basket_count,
        "rows": table.rows(),
    }
