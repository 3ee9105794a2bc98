"""Our finder of bundles in sessions, as one process among the others.

python -m bundle_ml.benchmark.for_sessions.own SPLIT OUT
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.answers import Costs
from bundle_ml.benchmark.for_sessions.judging import hits, overlap
from bundle_ml.benchmark.for_sessions.protocol import HITS, OVERLAP, Given, read_given, write_named
from bundle_ml.benchmark.own import PREFIX, say
from bundle_ml.for_sessions.finding import CHOICES, Choice, Rated, fit_finder
from bundle_ml.for_sessions.sessions import Session
from bundle_ml.pipeline import peak_memory_bytes, versions

FINDER = "for_sessions"
MODELS = (FINDER,)
SHIPPED = PREFIX + FINDER


def answer_all(given: Given, out: Path) -> None:
    """Choose on the validation sessions, fit again with them, hand in."""
    started = time.perf_counter()
    say("learning from train")
    finder = fit_finder(given.goods, given.train)
    rated = [finder.rate(Session(session.items)) for session in given.validation]
    tried = [{"choice": asdict(choice), **_f1_of(choice, rated, given.validation)} for choice in CHOICES]
    best = {measure: CHOICES[max(range(len(tried)), key=lambda n: tried[n][measure])] for measure in (HITS, OVERLAP)}
    tuning = time.perf_counter() - started
    started = time.perf_counter()
    say("learning from train and validation")
    finder = fit_finder(given.goods, (*given.train, *given.validation))
    training = time.perf_counter() - started
    started = time.perf_counter()
    asked = [finder.rate(session) for session in given.asked]
    named = {measure: tuple(each.choose(choice) for each in asked) for measure, choice in best.items()}
    costs = Costs(
        seconds={"tuning": tuning, "training": training, "scoring": time.perf_counter() - started},
        peak_memory_bytes=peak_memory_bytes(),
        settings={measure: asdict(choice) for measure, choice in best.items()},
        tried=tuple(tried),
        versions=versions(),
    )
    write_named(out / SHIPPED, named, costs)


def _f1_of(choice: Choice, rated: Sequence[Rated], sessions: Sequence[Session]) -> dict[str, Any]:
    named = [each.choose(choice) for each in rated]
    marks = {
        HITS: [hits(each, session.bundles)[:2] for each, session in zip(named, sessions, strict=True)],
        OVERLAP: [overlap(each, session.bundles) for each, session in zip(named, sessions, strict=True)],
    }
    return {measure: _f1(each) for measure, each in marks.items()}


def _f1(precision_and_recall: Sequence[tuple[float, float]]) -> float:
    precision = sum(each[0] for each in precision_and_recall) / max(len(precision_and_recall), 1)
    recall = sum(each[1] for each in precision_and_recall) / max(len(precision_and_recall), 1)
    return 2 * precision * recall / max(precision + recall, 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bundle_ml.benchmark.for_sessions.own")
    parser.add_argument("split", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    answer_all(read_given(options.split), options.out)


if __name__ == "__main__":
    main()
