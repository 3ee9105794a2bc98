"""One judge for all: from named bundles to precision, recall, F1 and coverage, with intervals over sessions.

The draws of the bootstrap are the same for every model, so that two can be compared draw by draw.

Source of hits and coverage: Sun et al. 2022, "Revisiting Bundle Recommendation: Datasets, Tasks, Challenges and
Opportunities for Intent-aware Product Bundling" (bundle detection); what is counted follows their published code.

Shapes: N sessions, M measurements, S draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bundle_ml.benchmark.for_sessions.protocol import HITS, MEASURES, OVERLAP, Named
from bundle_ml.bootstrap import BasketDraws, DrawArray, interval
from bundle_ml.for_sessions.sessions import Bundle, Session
from bundle_ml.logistic import Cells

Mark = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class SessionMarks:
    """How well one model did: by each measure precision, recall, F1; F1 in every draw."""

    by_measure: Mapping[str, Mark]
    f1_draws: Mapping[str, DrawArray]


def hits(named: Sequence[Bundle], bundles: Sequence[Bundle]) -> tuple[float, float, float, int]:
    """Precision, recall, and coverage summed over so many true bundles, of one session.

    >>> truth = [frozenset("abcd"), frozenset("ef")]
    >>> hits([frozenset("ab"), frozenset("abe")], truth)
    (0.5, 0.5, 0.5, 2)
    """
    inside = [any(each <= bundle for bundle in bundles) for each in named]
    held = [max((len(each) / len(bundle) for each in named if each <= bundle), default=0.0) for bundle in bundles]
    precision = sum(inside) / len(named) if named else 0.0
    return precision, sum(share > 0 for share in held) / len(bundles), sum(held), len(bundles)


def overlap(named: Sequence[Bundle], bundles: Sequence[Bundle]) -> tuple[float, float]:
    """Precision and recall by Jaccard with the nearest one, of one session.

    >>> overlap([frozenset("ab"), frozenset("ef")], [frozenset("abcd")])
    (0.25, 0.5)
    """
    precision = sum(_nearest(each, bundles) for each in named) / len(named) if named else 0.0
    return precision, sum(_nearest(bundle, named) for bundle in bundles) / len(bundles)


def _nearest(one: Bundle, others: Sequence[Bundle]) -> float:
    return max((len(one & other) / len(one | other) for other in others), default=0.0)


def judge(named: Mapping[str, Named], test: Sequence[Session], *, samples: int, seed: int) -> SessionMarks:
    """Mark one model's lists, each by the measure that it was handed in for."""
    draws = BasketDraws.of(len(test), samples=samples, seed=seed)
    by_session = {
        HITS: np.asarray(
            [hits(each, session.bundles) for each, session in zip(named[HITS], test, strict=True)], np.float64
        ),
        OVERLAP: np.asarray(
            [overlap(each, session.bundles) for each, session in zip(named[OVERLAP], test, strict=True)], np.float64
        ),
    }
    every_session_N = np.arange(len(test))
    marks, f1_draws = {}, {}
    for measure, values_NM in by_session.items():
        means_SM = draws.means(values_NM, every_session_N)
        columns = _columns(values_NM.mean(axis=0)[None, :])
        drawn = _columns(means_SM)
        marks[measure] = _mark(columns, drawn)
        marks[measure]["named"] = float(np.mean([len(each) for each in named[measure]]))
        f1_draws[measure] = drawn["f1"]
    return SessionMarks(marks, f1_draws)


def _columns(means_SM: Cells) -> dict[str, DrawArray]:
    precision, recall = means_SM[:, 0], means_SM[:, 1]
    columns = {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / np.maximum(precision + recall, 1e-12),
    }
    return columns | ({"coverage": means_SM[:, 2] / means_SM[:, 3]} if means_SM.shape[1] > 2 else {})


def _mark(columns: Mapping[str, DrawArray], drawn: Mapping[str, DrawArray]) -> Mark:
    mark: Mark = {}
    for name, value in columns.items():
        low, high = interval(drawn[name])
        mark |= {name: float(value[0]), f"{name}_low": low, f"{name}_high": high}
    return mark


def compare(marks: Mapping[str, SessionMarks], *, ours: str, others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Set F1 of one model beside the best of the others, by each measure; nothing where either side has no marks."""
    rivals = [name for name in others if name in marks]
    if ours not in marks or not rivals:
        return {}
    compared: dict[str, dict[str, Any]] = {}
    for measure in MEASURES:
        best = max(rivals, key=lambda name: marks[name].by_measure[measure]["f1"])
        own, rival = marks[ours], marks[best]
        low, high = interval(own.f1_draws[measure] - rival.f1_draws[measure])
        compared[measure] = {
            "ours": own.by_measure[measure]["f1"],
            "theirs": rival.by_measure[measure]["f1"],
            "other": best,
            "difference_low": low,
            "difference_high": high,
        }
    return compared
