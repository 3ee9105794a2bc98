"""What every peer of this task shares: read the split, tune on the validation sessions, fit again, write bundles.

    NAME.py SPLIT OUT --budget-seconds N

As `protocol.py` beside this folder, whose parts it takes: a grid of settings and a function `fit`. What differs: a
fitted model names bundles in a session of items; every setting is marked by two measures (what they are stands in
`bundle_ml/benchmark/for_sessions`), and for each the best one answers. The budget is seconds of the processor.

Import it first: it makes the modules beside this folder importable.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import protocol
from protocol import say

MOST_NAMED = 50
HITS, OVERLAP = "hits", "overlap"

Bundles = Sequence[frozenset[int]]
Named = Callable[[Sequence[int]], Bundles]
"""A fitted model: items of a session in, bundles out, the best first."""


@dataclass(frozen=True)
class Session:
    items: tuple[int, ...]
    bundles: tuple[frozenset[int], ...]


@dataclass(frozen=True)
class Sessions:
    """What a model learns from."""

    titles: list[str]
    paths: list[list[list[str]]]
    sessions: list[Session]

    def kind(self, item: int, depth: int | None) -> str:
        """Name an item's first category, cut at a depth; the leaf without one, and '' where there is none."""
        if not self.paths[item]:
            return ""
        path = self.paths[item][0]
        return path[-1] if depth is None else " > ".join(path[:depth])


Fit = Callable[..., Named]
"""`fit(sessions, **settings)`."""


def run(fit: Fit, grid: Sequence[Mapping[str, Any]], *, packages: Sequence[str]) -> None:
    """The whole life of a peer."""
    options = protocol._options()
    protocol._keep_stdout_for_progress()
    about = json.loads((options.split / "split.json").read_text(encoding="utf-8"))
    train, validation, asked = (
        [Session(tuple(each["items"]), tuple(map(frozenset, each["bundles"]))) for each in about[name]]
        for name in ("train", "validation", "asked")
    )
    started, spent_before = time.perf_counter(), time.process_time()
    tried: list[dict[str, Any]] = []
    for number, settings in enumerate(grid):
        if number and time.process_time() - spent_before > options.budget_seconds:
            break
        say(f"setting {number + 1} of {len(grid)}")
        named = fit(Sessions(about["titles"], about["paths"], train), **settings)
        tried.append({"settings": dict(settings), **marks(named, validation)})
    best = {measure: max(tried, key=lambda each: each[measure])["settings"] for measure in (HITS, OVERLAP)}
    seconds = {"tuning": time.perf_counter() - started}
    started = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    for measure, settings in best.items():
        say(f"fitting with {settings}")
        named = fit(Sessions(about["titles"], about["paths"], train + validation), **settings)
        bundles = [[sorted(bundle) for bundle in named(session.items)[:MOST_NAMED]] for session in asked]
        (options.out / f"{measure}.json").write_text(json.dumps(bundles), encoding="utf-8")
    seconds["training"] = time.perf_counter() - started
    costs = {
        "seconds": seconds,
        "peak_memory_bytes": protocol._peak_memory_bytes(),
        "settings": best,
        "tried": tried,
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }
    (options.out / "about.json").write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")


def marks(named: Named, sessions: Sequence[Session]) -> dict[str, float]:
    """F1 by either measure."""
    found = {HITS: [], OVERLAP: []}
    for session in sessions:
        bundles, truth = list(named(session.items))[:MOST_NAMED], session.bundles
        inside = [any(each <= bundle for bundle in truth) for each in bundles]
        hit = [any(each <= bundle for each in bundles) for bundle in truth]
        found[HITS].append((_mean(inside), _mean(hit)))
        found[OVERLAP].append(
            (_mean([_nearest(each, truth) for each in bundles]), _mean([_nearest(each, bundles) for each in truth]))
        )
    return {measure: _f1(each) for measure, each in found.items()}


def pairs(items: Sequence[int]) -> list[frozenset[int]]:
    return [frozenset(pair) for pair in combinations(items, 2)]


def connected(items: Sequence[int], ties: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Group items that ties lead from one to another of; single ones are left out."""
    groups = [{item} for item in items]
    for tie in ties:
        touched = [group for group in groups if group & tie]
        groups = [group for group in groups if not group & tie] + [set().union(*touched)]
    return [frozenset(group) for group in groups if len(group) > 1]


def _nearest(one: frozenset[int], others: Bundles) -> float:
    return max((len(one & other) / len(one | other) for other in others), default=0.0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _f1(each: Sequence[tuple[float, float]]) -> float:
    precision, recall = _mean([one for one, _ in each]), _mean([other for _, other in each])
    return 2 * precision * recall / max(precision + recall, 1e-12)
