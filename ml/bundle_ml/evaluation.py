"""The table that every model carries: each rung, each context size, each segment, with intervals.

Every rung answers the same questions about the same held-out baskets, ranking all items. Items that nobody had bought
before the held-out slice stay in the table as questions that cannot be answered: a shop meets them too.

Shapes: B cases, K items shown, S bootstrap draws, V items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bundle_ml.baskets import IntArray, OffsetArray
from bundle_ml.bootstrap import BasketDraws, DrawArray, interval
from bundle_ml.cases import Cases, baskets_of_cases
from bundle_ml.metrics import RankArray, Row, SegmentRow, ndcg, ranks_of_targets, summarise, top_items
from bundle_ml.rungs import Rung
from bundle_ml.segments import segments_of

ROWS_AT_ONCE = 256
SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What came out: the table, the table by segments, and NDCG@10 in every bootstrap draw."""

    rows: list[Row]
    segments: list[SegmentRow]
    draws: dict[str, DrawArray]
    """Model → its NDCG@10, averaged over context sizes, in each draw; draws are shared by all models."""
    basket_count: int

    def mean_ndcg(self) -> dict[str, float]:
        """NDCG@10 of each model, averaged over context sizes."""
        by_model: dict[str, list[float]] = {}
        for row in self.rows:
            by_model.setdefault(row.model, []).append(row.ndcg_at_10)
        return {name: float(np.mean(values)) for name, values in by_model.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one model said to the cases of one context size."""

    ranks_B: RankArray
    top_BK: IntArray


def evaluate_rungs(
    rungs: Mapping[str, Rung],
    cases: Mapping[str, Cases],
    *,
    order_counts_V: npt.NDArray[np.int64],
    samples: int,
    seed: int,
    earlier_N: OffsetArray | None = None,
    on_progress: Callable[[float, str], None] = lambda _done, _model: None,
) -> Evaluation:
    """Measure every rung at every context size that has cases.

    `order_counts_V` are the baskets that held each item before the held-out slice; they say what is rare, and what is
    news to a shopper. `earlier_N` are the baskets that the shopper of each basket asked about had before it (see
    `segments`).
    """
    asked = {size: at_size for size, at_size in cases.items() if len(at_size)}
    basket_count = len(cases["all_but_one"])
    draws = BasketDraws.of(basket_count, samples=samples, seed=seed)
    basket_of_case = baskets_of_cases(cases)
    segments = segments_of(cases, order_counts_V, earlier_N)
    evaluation = Evaluation([], [], {}, basket_count)
    for number, (name, rung) in enumerate(rungs.items() if asked else ()):
        on_progress(number / len(rungs), name)
        drawn = []
        for size, at_size in asked.items():
            answers = answer(rung, at_size)
            columns = {"": np.ones(len(at_size), np.bool_), **segments[size]}
            counted_BM = np.stack(list(columns.values()), axis=1)
            gains_BM = np.repeat(ndcg(answers.ranks_B, SHOWN)[:, None], len(columns), axis=1)
            drawn_SM = draws.means(gains_BM, basket_of_case[size], counted_BM)
            drawn.append(drawn_SM[:, 0])
            evaluation.rows.append(
                summarise(
                    answers.ranks_B,
                    answers.top_BK,
                    at_size.rests,
                    model=name,
                    context=size,
                    order_counts_V=order_counts_V,
                    ndcg_interval=interval(drawn_SM[:, 0]),
                )
            )
            evaluation.segments.extend(
                SegmentRow(
                    model=name,
                    context=size,
                    segment=segment,
                    ndcg_at_10=float(gains_BM[counted_BM[:, column], column].mean()),
                    ndcg_at_10_low=interval(drawn_SM[:, column])[0],
                    ndcg_at_10_high=interval(drawn_SM[:, column])[1],
                    cases=int(counted_BM[:, column].sum()),
                )
                for column, segment in enumerate(columns)
                if segment and counted_BM[:, column].any()
            )
        evaluation.draws[name] = np.mean(drawn, axis=0)
    return evaluation


def answer(rung: Rung, cases: Cases) -> Answers:
    """Ask one rung all cases of one context size."""
    ranks, tops = [np.empty(0, np.int64)], []
    for rows, contexts in cases.contexts.in_batches(ROWS_AT_ONCE):
        scores_BV = contexts.exclude_from(rung.scores(contexts))
        ranks.append(ranks_of_targets(scores_BV, cases.targets[rows]))
        tops.append(top_items(scores_BV, SHOWN))
    return Answers(np.concatenate(ranks), np.concatenate(tops) if tops else np.empty((0, 0), np.int32))
