"""Sessions and their bundles, as they are published: CSV files of pairs, and of titles and categories."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from bundle_ml.errors import DataError
from bundle_ml.for_sessions.sessions import Goods, Session

FOLDER = "bundlerec"
DOMAINS = ("electronic", "clothing", "food")
NAMES = (FOLDER, *(f"{FOLDER}_{domain}" for domain in DOMAINS))
ONE_PATH = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    name: str
    goods: Goods
    sessions: tuple[Session, ...]
    """Those in which somebody found a bundle."""


def read_domains(name: str, folder: Path) -> list[Sessions]:
    """Read one domain, or all of them by the name of the set.

    Raises:
        DataError: the name is unknown, or a file is missing or is not what it should be.
    """
    if name not in NAMES:
        raise DataError(f"Unknown data set {name!r}; expected one of {', '.join(NAMES)}.")
    domains = DOMAINS if name == FOLDER else (name.removeprefix(f"{FOLDER}_"),)
    return [_read(f"{FOLDER}_{domain}", folder / FOLDER / domain) for domain in domains]


def _read(name: str, folder: Path) -> Sessions:
    items_of: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for session, item in _rows(folder / "session_item.csv"):
        items_of[session][item] = None
    held: defaultdict[str, set[str]] = defaultdict(set)
    for bundle, item in _rows(folder / "bundle_item.csv"):
        held[bundle].add(item)
    bundles_of: defaultdict[str, list[set[str]]] = defaultdict(list)
    for session, bundle in _rows(folder / "session_bundle.csv"):
        bundles_of[session].append(held[bundle])
    keys = list(dict.fromkeys(item for session in bundles_of for item in items_of[session]))
    number_of = {key: number for number, key in enumerate(keys)}
    titles = dict(_rows(folder / "item_titles.csv"))
    categories = dict(_rows(folder / "item_categories.csv"))
    goods = Goods(
        tuple(unescape(titles.get(key, "")) for key in keys), tuple(_paths(categories.get(key, "")) for key in keys)
    )
    sessions = []
    for session, bundles in bundles_of.items():
        items = tuple(number_of[item] for item in items_of[session])
        inside = (frozenset(number_of[item] for item in bundle if item in items_of[session]) for bundle in bundles)
        found = tuple(bundle for bundle in dict.fromkeys(inside) if len(bundle) > 1)
        if found:
            sessions.append(Session(items, found))
    return Sessions(name=name, goods=goods, sessions=tuple(sessions))


def _paths(text: str) -> tuple[tuple[str, ...], ...]:
    """
    >>> _paths("[[Food,Tea,Green],[Gifts]]")
    (('Food', 'Tea', 'Green'), ('Gifts',))
    """
    return tuple(tuple(name.strip() for name in path.split(",")) for path in ONE_PATH.findall(text) if path.strip())


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        raise DataError(
            f"Found no file {str(path)!r}; expected the data sets' folder to hold it. "
            "Name the folder with --data DIR or BUNDLE_DATA_DIR."
        )
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader, None)
        for number, row in enumerate(reader, 2):
            if len(row) < 2:
                raise DataError(f"{path.name}, line {number}: found {row}; expected two columns.")
            yield row[0], ",".join(row[1:])
