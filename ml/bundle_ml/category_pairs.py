"""What the shop itself says about two categories: they may share a bundle, or they must not.

One JSON object a line: {"categories": ["mugs", "mugs"], "together": true}. It overrules what was learned, in both
directions: `true` lets two mugs into one bundle, `false` keeps phones and phones, or phones and tablets, apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundle_ml.errors import DataError

EXPECTED = 'expected an object such as {"categories": ["mugs", "spoons"], "together": true}'

Pair = frozenset[str]


@dataclass(frozen=True, slots=True)
class CategoryPairs:
    """Answers for pairs of categories; a category with itself is a pair as well."""

    decided: Mapping[Pair, bool] = field(default_factory=dict)

    def may_share(self, one: str | None, other: str | None) -> bool | None:
        """Say what was decided; None where nothing was.

        >>> pairs = CategoryPairs({frozenset({"mugs"}): True})
        >>> pairs.may_share("mugs", "mugs"), pairs.may_share("mugs", "spoons"), pairs.may_share(None, None)
        (True, None, None)
        """
        return None if one is None or other is None else self.decided.get(frozenset({one, other}))


def read_category_pairs(path: Path | None) -> CategoryPairs:
    """Read decisions, none without a path.

    Raises:
        DataError: the file is missing, a line is no decision, or two lines contradict each other.
    """
    if path is None:
        return CategoryPairs()
    if not path.is_file():
        raise DataError(
            f"Found no file {str(path)!r}; expected category pairs as JSON lines. Check --pairs, or leave it."
        )
    with path.open("rb") as lines:
        return _gathered(
            _parse(line, f"{path.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()
        )


def _gathered(decisions: Iterable[tuple[Pair, bool, str]]) -> CategoryPairs:
    decided: dict[Pair, bool] = {}
    for pair, together, where in decisions:
        if decided.setdefault(pair, together) != together:
            raise DataError(f"{where}: {sorted(pair)} was decided the other way before. Leave one of the two lines.")
    return CategoryPairs(decided)


def _parse(line: bytes, where: str) -> tuple[Pair, bool, str]:
    try:
        value: Any = json.loads(line)
        one, other = value["categories"]
        together = value["together"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{where}: found no decision ({error!r}); {EXPECTED}.") from error
    if not (isinstance(one, str) and isinstance(other, str) and one and other and isinstance(together, bool)):
        raise DataError(f"{where}: found {json.dumps(value)[:80]}; {EXPECTED}.")
    return frozenset({one, other}), together, where
