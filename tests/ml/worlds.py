"""Worlds whose answer is known by construction.

`PlantedShop` draws orders around families: an anchor is bought with each of its partners, independently, in half of its
orders; parts come in colours that nobody buys two of; loose goods fall into baskets at random.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.baskets import Baskets, baskets_from_pairs

START = datetime(2024, 1, 1, tzinfo=UTC)
HEADER = ("order_key", "item_key", "quantity", "unit_price", "ordered_at", "counts")
WOODS = ("Oak", "Birch", "Maple", "Cedar", "Larch", "Willow", "Rowan", "Hazel")
KINDS = ("Mouse", "Keyboard", "Bag")
COLOURS = ("Red", "Blue")


def baskets_of(
    rows: Sequence[Sequence[int]], item_count: int, *, days_apart: float = 1.0, shoppers: Sequence[int] | None = None
) -> Baskets:
    """Build baskets out of rows of item numbers, one after the other in time."""
    orders = np.asarray([order for order, row in enumerate(rows) for _ in row], np.int32)
    items = np.asarray([item for row in rows for item in row], np.int32)
    ordered_at = (np.arange(len(rows)) * days_apart * 86_400_000_000).astype(np.int64)
    keys = tuple(f"item{number:03d}" for number in range(item_count))
    baskets, _ = baskets_from_pairs(
        keys,
        orders,
        items,
        np.ones(len(items), np.float32),
        ordered_at=ordered_at,
        shoppers=None if shoppers is None else np.asarray(shoppers, np.int32),
    )
    return baskets


GROUPS, FAVOURITES = 6, 5
PRINTERS = GROUPS * FAVOURITES
INK = PRINTERS + GROUPS
REGULAR_ITEMS = INK + GROUPS


def regulars(shopper_count: int, *, visits: int = 6, seed: int = 0) -> tuple[list[int], list[list[int]]]:
    """Who buys, and what, visit by visit: shoppers of six groups, who come again.

    A shopper likes three of the group's five favourites and buys each in two visits of three. In one visit the shopper buys
    the group's printer, and in the next one its ink, which nobody else ever buys.
    """
    chance = random.Random(seed)
    liked = [chance.sample(range(FAVOURITES), 3) for _ in range(shopper_count)]
    printer_at = [chance.randrange(visits) for _ in range(shopper_count)]
    shoppers, rows = [], []
    for visit in range(visits):
        for shopper in chance.sample(range(shopper_count), shopper_count):
            group = shopper % GROUPS
            row = [group * FAVOURITES + each for each in liked[shopper] if chance.random() < 2 / 3]
            row += [PRINTERS + group] if visit == printer_at[shopper] else []
            row += [INK + group] if visit == printer_at[shopper] + 1 else []
            shoppers.append(shopper)
            rows.append(row or [group * FAVOURITES + liked[shopper][0]])
    return shoppers, rows


FINDS = 40
BROWSED_ITEMS = FINDS + 10


def browsers(
    shopper_count: int, *, visits: int = 6, seed: int = 0
) -> tuple[list[int], list[list[int]], list[tuple[int, int, float]]]:
    """Who buys, and what, and what was looked at: (shopper, item, number of the order that comes at that moment).

    In each visit a shopper buys the one staple that the shopper always buys, and a find, new each time. Three times of
    four the find was looked at before, half a round of visits ago; as many other finds were looked at and never bought.
    """
    chance = random.Random(seed)
    shoppers: list[int] = []
    rows: list[list[int]] = []
    views: list[tuple[int, int, float]] = []
    finds = [chance.sample(range(FINDS), 2 * visits) for _ in range(shopper_count)]
    for visit in range(visits):
        for shopper in range(shopper_count):
            moment = len(rows) - shopper_count / 2
            bought, other = finds[shopper][visit], finds[shopper][visits + visit]
            if chance.random() < 3 / 4:
                views.append((shopper, bought, moment))
            if chance.random() < 3 / 4:
                views.append((shopper, other, moment))
            shoppers.append(shopper)
            rows.append([FINDS + shopper % 10, bought])
    return shoppers, rows, views


def write_lines(path: Path, rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@dataclass(slots=True)
class PlantedShop:
    """A generated shop: catalogue and order lines, and what its bundles must and must not hold."""

    order_count: int = 3000
    seed: int = 0
    loose_count: int = 30
    catalogue: list[dict[str, Any]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    partners: dict[str, set[str]] = field(default_factory=dict)
    """Anchor → what must be in its top bundle; an accessory's is its anchor."""
    variants: dict[str, str] = field(default_factory=dict)
    """Item → product; two items of one product are its colours."""

    def __post_init__(self) -> None:
        self._fill_shelf()
        self._sell(random.Random(self.seed))

    def _fill_shelf(self) -> None:
        for number, wood in enumerate(WOODS):
            anchor = self._add(f"L{number}", f"{wood} Laptop", "computers")
            self.partners[anchor] = set()
            for kind in KINDS:
                for colour in COLOURS:
                    key = self._add(f"{kind[0]}{number}{colour[0]}", f"{wood} {kind} {colour}", "computers")
                    self.variants[key] = f"{wood} {kind}"
                favourite = f"{kind[0]}{number}{COLOURS[number % 2][0]}"
                self.partners[anchor].add(favourite)
                self.partners[favourite] = {anchor}
        for number in range(self.loose_count):
            self._add(f"S{number}", f"Sundry {number:02d}{'abcdefgh'[number % 8]}", "sundries")

    def _add(self, key: str, title: str, category: str) -> str:
        self.catalogue.append({"key": key, "title": title, "category": category, "price": "9.00", "sellable": True})
        return key

    def _sell(self, chance: random.Random) -> None:
        for order in range(self.order_count):
            basket: list[str] = []
            if chance.random() < 0.7:
                number = chance.randrange(len(WOODS))
                basket.append(f"L{number}")
                for kind in KINDS:
                    if chance.random() < 0.5:
                        usual = chance.random() < 0.8
                        basket.append(f"{kind[0]}{number}{COLOURS[(number + (not usual)) % 2][0]}")
            basket += [f"S{chance.randrange(self.loose_count)}" for _ in range(chance.choice((0, 1, 1, 2)))]
            ordered_at = (START + timedelta(hours=order)).strftime("%Y-%m-%d %H:%M:%S+00")
            self.lines += [(order, key, 1, "9.00", ordered_at, "t") for key in basket]

    def write(self, directory: Path) -> tuple[Path, Path]:
        directory.mkdir(parents=True, exist_ok=True)
        items = directory / "items.jsonl"
        items.write_text("".join(json.dumps(item) + "\n" for item in self.catalogue), encoding="utf-8")
        return write_lines(directory / "lines.csv", self.lines), items
