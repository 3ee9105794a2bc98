"""The shop's catalogue: what can be part of a bundle.

Not here: prices as money and stock. The app checks both when it shows a bundle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle_ml.errors import DataError

KINDS: dict[str, tuple[type, ...]] = {
    "title": (str, type(None)),
    "category": (str, type(None)),
    "price": (str, int, float, type(None)),
    "sellable": (bool,),
    "content": (bool,),
}
EXPECTED = (
    'expected an object such as {"key": "42", "title": "Mug", "category": null, "price": "9.50", "sellable": true}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    key: str
    title: str
    category: str | None = None
    price: str | None = None
    sellable: bool = True
    content: bool = False
    """A book, a film, a piece of music: what is read, watched or heard rather than used."""


def read_catalogue(path: Path | None) -> list[CatalogueItem]:
    """Read one JSON object a line, sorted by key.

    No path, or a file without items, is no catalogue: then everything that was bought is for sale. A shop that sells
    nothing says so with `"sellable": false`.

    Raises:
        DataError: the file is missing, a line is not a catalogue item, or a key stands twice.
    """
    if path is None:
        return []
    if not path.is_file():
        raise DataError(f"Found no file {str(path)!r}; expected a catalogue as JSON lines. Check --items, or leave it.")
    with path.open("rb") as lines:
        items = [_parse(line, f"{path.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    _require_distinct(item.key for item in items)
    return sorted(items, key=lambda item: item.key)


def _parse(line: bytes, where: str) -> CatalogueItem:
    try:
        text = line.decode()
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: found no JSON in UTF-8 ({error}); {EXPECTED}.") from error
    if not isinstance(value, dict) or not isinstance(value.get("key"), str) or not value["key"]:
        raise DataError(f"{where}: found {text.strip()[:80]!r}; {EXPECTED}.")
    for name, kinds in KINDS.items():
        if name in value and not isinstance(value[name], kinds):
            raise DataError(f"{where}: found {name} {json.dumps(value[name])[:80]}; {EXPECTED}.")
    price = value.get("price")
    return CatalogueItem(
        key=value["key"],
        title=value.get("title") or value["key"],
        category=value.get("category") or None,
        price=None if price is None else str(price),
        sellable=value.get("sellable", True),
        content=value.get("content", False),
    )


def _require_distinct(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise DataError(
                f"The catalogue holds the key {key!r} twice; keys must be unique. Check the adapter's items()."
            )
        seen.add(key)
