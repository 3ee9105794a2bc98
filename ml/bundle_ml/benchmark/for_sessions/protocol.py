"""What a model may see, as a JSON file, and what it hands in: bundles of each test session, a list for each measure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.benchmark.answers import ABOUT, AnswersError, Costs, read_costs
from bundle_ml.benchmark.for_sessions.datasets import Sessions
from bundle_ml.durable import new_directory
from bundle_ml.errors import DataError
from bundle_ml.for_sessions.sessions import Bundle, Goods, Session

TRAIN_RATIO, VALIDATION_RATIO = 0.5, 0.15
MOST_NAMED = 50
"""Bundles of one session that a model may name."""
HITS, OVERLAP = "hits", "overlap"
MEASURES = (HITS, OVERLAP)
SPLIT = "split.json"
MIN_SESSIONS = 20

Named = tuple[tuple[Bundle, ...], ...]
"""For each test session the bundles that a model names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a model may see."""

    dataset: str
    goods: Goods
    train: tuple[Session, ...]
    validation: tuple[Session, ...]
    asked: tuple[Session, ...]
    """Without their bundles."""
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    given: Given
    test: tuple[Session, ...]


def draw_exam(data: Sessions, *, seed: int) -> Exam:
    """Draw who teaches, chooses and judges.

    Raises:
        DataError: there are too few sessions.
    """
    count = len(data.sessions)
    if count < MIN_SESSIONS:
        raise DataError(f"{data.name} holds {count} sessions with a bundle; expected at least {MIN_SESSIONS}.")
    drawn = [data.sessions[place] for place in np.random.default_rng([seed, 7]).permutation(count)]
    first, second = int(count * TRAIN_RATIO), int(count * (TRAIN_RATIO + VALIDATION_RATIO))
    test = tuple(drawn[second:])
    parts = {
        "train": tuple(drawn[:first]),
        "validation": tuple(drawn[first:second]),
        "asked": tuple(Session(session.items) for session in test),
    }
    content = json.dumps([data.name, _listed(data.goods, parts)], sort_keys=True)
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    return Exam(given=Given(dataset=data.name, goods=data.goods, fingerprint=fingerprint, **parts), test=test)


def write_given(given: Given, folder: Path) -> None:
    """Write the folder that models read, replacing an older one."""
    parts = {"train": given.train, "validation": given.validation, "asked": given.asked}
    about = {"dataset": given.dataset, "fingerprint": given.fingerprint, **_listed(given.goods, parts)}
    with new_directory(folder, files=(SPLIT,)) as filling:
        (filling / SPLIT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def read_given(folder: Path) -> Given:
    """Read what `write_given` wrote."""
    about = json.loads((folder / SPLIT).read_text(encoding="utf-8"))

    def sessions(name: str) -> tuple[Session, ...]:
        return tuple(Session(tuple(each["items"]), tuple(map(frozenset, each["bundles"]))) for each in about[name])

    paths = tuple(tuple(tuple(path) for path in paths) for paths in about["paths"])
    return Given(
        dataset=about["dataset"],
        goods=Goods(tuple(about["titles"]), paths),
        train=sessions("train"),
        validation=sessions("validation"),
        asked=sessions("asked"),
        fingerprint=about["fingerprint"],
    )


def _listed(goods: Goods, parts: Mapping[str, Sequence[Session]]) -> dict[str, Any]:
    sessions = {
        name: [
            {"items": list(session.items), "bundles": [sorted(bundle) for bundle in session.bundles]}
            for session in each
        ]
        for name, each in parts.items()
    }
    return {"titles": goods.titles, "paths": goods.paths, **sessions}


def write_named(folder: Path, named: Mapping[str, Named], costs: Costs) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for measure, each in named.items():
        listed = [[sorted(bundle) for bundle in bundles] for bundles in each]
        (folder / f"{measure}.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / ABOUT).write_text(json.dumps(asdict(costs), indent=2) + "\n", encoding="utf-8")


def read_named(folder: Path, asked: Sequence[Session]) -> tuple[dict[str, Named], Costs]:
    """Read and check what a model handed in.

    Raises:
        AnswersError: it is missing, or is no answer to these questions.
    """
    costs = read_costs(folder)
    return {measure: _read_bundles(folder / f"{measure}.json", asked) for measure in MEASURES}, costs


def _read_bundles(path: Path, asked: Sequence[Session]) -> Named:
    expected = f"expected up to {MOST_NAMED} lists of two or more items for each of {len(asked)} sessions, all of it"
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        named = tuple(tuple(frozenset(map(int, bundle)) for bundle in bundles) for bundles in value)
    except (OSError, ValueError, TypeError) as error:
        raise AnswersError(f"Found no readable {path.name} ({error}); {expected}.") from error
    if len(named) != len(asked):
        raise AnswersError(f"{path.name} answers {len(named)} sessions; {expected}.")
    for number, (bundles, session) in enumerate(zip(named, asked, strict=True)):
        if len(bundles) > MOST_NAMED or any(len(each) < 2 or not each <= set(session.items) for each in bundles):
            raise AnswersError(f"{path.name}, session {number}: found {list(map(sorted, bundles))[:3]}; {expected}.")
    return named
