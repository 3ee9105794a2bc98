"""What can be asked, and all that differs between the questions: the exam, our models, the peers, the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle_ml.benchmark import judging, next_basket, own, own_next_basket, own_visit, protocol, visit
from bundle_ml.benchmark.judging import Marks
from bundle_ml.personalising import QUESTION
from bundle_ml.rungs import TRANSFORMER

COMPLETION, VISIT = "completion", "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The exam is of the task's own type; only the functions beside it look inside.

    Every exam has `given`, with `test_contexts`, `item_count` and `fingerprint`: what a model's answers are checked by.
    """

    draw: Callable[..., Any]
    write: Callable[[Any, Path], None]
    judge: Callable[..., Marks]
    describe: Callable[[Any], dict[str, Any]]
    own_module: str
    own_models: tuple[str, ...]
    shipped: str
    part_left_out: tuple[str, ...] = ()
    """Ours without one part: what does that part add?"""
    peers_prefix: str = ""
    ablated: Mapping[str, str] = field(default_factory=dict)
    """Part of the model that ships → the name of ours without it, handed in only where it is asked for."""


TASKS = {
    COMPLETION: Task(
        draw=protocol.draw_exam,
        write=protocol.write_given,
        judge=judging.judge,
        describe=protocol.describe,
        own_module="bundle_ml.benchmark.own",
        own_models=own.MODELS,
        shipped=own.SHIPPED,
        part_left_out=(own.SHIPPED_STATISTICS,),
        ablated=own.ABLATED | {TRANSFORMER: own.STATISTICS_BLEND},
    ),
    QUESTION: Task(
        draw=next_basket.draw_exam,
        write=next_basket.write_given,
        judge=next_basket.judge,
        describe=next_basket.describe,
        own_module="bundle_ml.benchmark.own_next_basket",
        own_models=own_next_basket.MODELS,
        shipped=own_next_basket.SHIPPED,
        peers_prefix=f"{QUESTION}_",
    ),
    VISIT: Task(
        draw=visit.draw_exam,
        write=visit.write_given,
        judge=judging.judge,
        describe=visit.describe,
        own_module="bundle_ml.benchmark.own_visit",
        own_models=own_visit.MODELS,
        shipped=own_visit.SHIPPED,
        part_left_out=(own_visit.WITHOUT_PAST,),
        peers_prefix=f"{VISIT}_",
    ),
}
