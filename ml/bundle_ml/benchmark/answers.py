"""What a model hands in: for each question its first hundred items, and what they cost.

A folder with one list file per context size, `top_SIZE.npy`: int32, a row per case, best first, nothing of the context,
-1 after the last where a model names fewer; and `about.json`: seconds, peak memory, the settings chosen, versions. A
model that cannot answer hands in `about.json` alone, with the reason under `declined`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.baskets import IntArray
from bundle_ml.benchmark.protocol import LIST_LENGTH
from bundle_ml.cases import Contexts
from bundle_ml.errors import BundleMLError

ABOUT = "about.json"
EXPECTED = f"expected int32 item numbers, {LIST_LENGTH} a case at most, each once, none of the context, then -1"


class AnswersError(BundleMLError, ValueError):
    """A model's answers are missing or are not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the answers took, and how they were come by."""

    seconds: Mapping[str, float]
    """'tuning' on the validation slice, 'training' once more with what was chosen, 'scoring' of all test cases; from
    models that stop early also 'to_best': training until the best validation score of the chosen settings."""
    peak_memory_bytes: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    tried: tuple[Mapping[str, Any], ...] = ()
    """Every setting looked at, each with its mean validation NDCG@10."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    lists: dict[str, IntArray]
    costs: Costs


def write_answers(folder: Path, lists: Mapping[str, IntArray], costs: Costs) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for size, list_BK in lists.items():
        np.save(folder / f"top_{size}.npy", list_BK.astype(np.int32), allow_pickle=False)
    _write_about(folder, asdict(costs))


def decline(folder: Path, why: str) -> None:
    """Hand in a reason in place of answers."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_about(folder, {"declined": why})


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_answers(folder: Path, contexts: Mapping[str, Contexts], *, item_count: int) -> Answers:
    """Read and check what a model handed in.

    Raises:
        AnswersError: the model declined, or its answers are no answers to these questions.
    """
    costs = read_costs(folder)
    lists = {}
    for size, asked in contexts.items():
        try:
            list_BK = np.load(folder / f"top_{size}.npy", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise AnswersError(f"Found no readable top_{size}.npy ({error}); {EXPECTED}.") from error
        wrong = _what_is_wrong(list_BK, asked, item_count=item_count)
        if wrong:
            raise AnswersError(f"top_{size}.npy {wrong}; {EXPECTED}.")
        lists[size] = list_BK
    return Answers(lists=lists, costs=costs)


def read_costs(folder: Path) -> Costs:
    try:
        about: Any = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnswersError(f"Found no readable {ABOUT} ({error}); expected seconds, memory and settings.") from error
    if isinstance(about, dict) and "declined" in about:
        raise AnswersError(str(about["declined"]))
    try:
        return Costs(**{**about, "tried": tuple(about.get("tried", ()))})
    except (TypeError, AttributeError) as error:
        raise AnswersError(f"{ABOUT} is not what was expected: {error}.") from error


def _what_is_wrong(list_BK: Any, contexts: Contexts, *, item_count: int) -> str | None:
    if list_BK.dtype != np.int32 or list_BK.ndim != 2 or list_BK.shape[1] > LIST_LENGTH:
        return f"is {list_BK.dtype} of shape {list_BK.shape}"
    if len(list_BK) != len(contexts):
        return f"answers {len(list_BK)} cases of {len(contexts)}"
    if ((list_BK < -1) | (list_BK >= item_count)).any():
        return f"names items outside 0..{item_count - 1}"
    if ((list_BK[:, :-1] < 0) & (list_BK[:, 1:] >= 0)).any():
        return "goes on after a -1"
    sorted_BK = np.sort(list_BK, axis=1)
    if ((sorted_BK[:, 1:] == sorted_BK[:, :-1]) & (sorted_BK[:, 1:] >= 0)).any():
        return "names an item twice"
    # One number per (case, item), so that lists and contexts can be compared at once.
    named = (np.arange(len(list_BK))[:, None] * (item_count + 1) + list_BK)[list_BK >= 0]
    if np.isin(contexts.row_numbers() * (item_count + 1) + contexts.items, named).any():
        return "names an item of the context"
    return None
