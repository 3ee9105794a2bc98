"""The table that every model carries: each rung, each context size, with intervals.

Every rung answers the same questions about the same held-out baskets, ranking all items. Items that nobody had bought
before the held-out slice stay in the table as questions that cannot be answered: a shop meets them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bundle_ml.cases import Cases
from bundle_ml.metrics import Row, ranks_of_targets, summarise, top_items
from bundle_ml.rungs import Rung

ROWS_AT_ONCE = 256
SHOWN = 10


def evaluate_rungs(
    rungs: Mapping[str, Rung],
    cases: Mapping[str, Cases],
    *,
    samples: int,
    seed: int,
    on_progress: Callable[[float, str], None] = lambda _done, _model: None,
) -> list[Row]:
    """Measure every rung at every context size that has cases."""
    rows = []
    for number, (name, rung) in enumerate(rungs.items()):
        on_progress(number / len(rungs), name)
        rows += [
            evaluate(rung, at_size, model=name, context=size, samples=samples, seed=seed)
            for size, at_size in cases.items()
            if len(at_size)
        ]
    return rows


def evaluate(rung: Rung, cases: Cases, *, model: str, context: str, samples: int, seed: int) -> Row:
    """Ask one rung all cases of one context size."""
    ranks, tops = [], []
    item_count = 0
    for rows, contexts in cases.contexts.in_batches(ROWS_AT_ONCE):
        scores_BV = contexts.exclude_from(rung.scores(contexts))
        item_count = scores_BV.shape[1]
        ranks.append(ranks_of_targets(scores_BV, cases.targets[rows]))
        tops.append(top_items(scores_BV, SHOWN))
    return summarise(
        np.concatenate(ranks),
        np.concatenate(tops),
        cases.rests,
        model=model,
        context=context,
        item_count=item_count,
        samples=samples,
        seed=seed,
    )
