"""What is given: items with titles and category paths, and sessions with the bundles that people found in them."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str, ...]
"""A category with those above it, the widest first."""
Bundle = frozenset[int]


@dataclass(frozen=True, slots=True)
class Goods:
    """All items, by number; a title may be empty, and an item may stand in no category or in several."""

    titles: tuple[str, ...]
    paths: tuple[tuple[Path, ...], ...]


@dataclass(frozen=True, slots=True)
class Session:
    items: tuple[int, ...]
    bundles: tuple[Bundle, ...] = ()
    """Empty where they are to be found. They may overlap: people do not agree."""
