"""Colours of a picture: from the colour that a title names, or else from a small set that goes together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """`main`, `dark` and `light` paint the thing, `accent` its details; the other three are what it stands on."""

    main: str
    dark: str
    light: str
    accent: str
    ground: str
    floor: str
    shadow: str


# main, darker, lighter, accent
NAMED = {
    "black": ("#3a3a3c", "#262628", "#55555a", "#d98f4e"),
    "white": ("#f7f4ee", "#d5cfc4", "#ffffff", "#c9744f"),
    "ivory": ("#f3ead6", "#d8cbaf", "#fbf6ea", "#9c6b4a"),
    "cream": ("#f0e4cb", "#d6c5a2", "#f9f2e2", "#a5603f"),
    "grey": ("#9aa0a3", "#767c80", "#b9bec0", "#e0a03a"),
    "silver": ("#b4babd", "#8d9498", "#d3d8da", "#4f7a94"),
    "blue": ("#44719b", "#2f5478", "#6e97bb", "#f0b45a"),
    "turquoise": ("#4aa3a0", "#33807e", "#7cc2bf", "#f0b45a"),
    "green": ("#5f8262", "#456249", "#87a688", "#e3a857"),
    "red": ("#bf4c3f", "#963629", "#d87868", "#f1d9a8"),
    "pink": ("#dd9aa0", "#bd757d", "#edbdc1", "#7d4a5c"),
    "purple": ("#7d5f92", "#5f4472", "#a188b3", "#f0c26a"),
    "plum": ("#7b4f6c", "#5d3850", "#9f7692", "#eab676"),
    "lilac": ("#a793c2", "#8570a3", "#c6b8da", "#f0c26a"),
    "yellow": ("#e5b84a", "#c39528", "#f0d181", "#3d5a6c"),
    "gold": ("#cfa752", "#a98436", "#e2c684", "#7b3f35"),
    "orange": ("#dd8643", "#b9662a", "#ecab78", "#3d5a6c"),
    "brown": ("#8d6245", "#6b472f", "#b08866", "#e3c08c"),
    "fig": ("#6d4a63", "#52354a", "#916c86", "#d9a05f"),
    "cedar": ("#6f7f58", "#545f41", "#95a37f", "#c47f4a"),
    "terracotta": ("#c26e4d", "#9c5237", "#d99578", "#f3e2c3"),
}
SAME = {
    "gray": "grey", "beige": "cream", "violet": "purple", "mint": "turquoise", "retrospot": "red", "wooden": "brown",
    "olive": "green", "iron": "black", "leather": "brown", "brass": "gold", "copper": "orange", "glass": "turquoise",
}  # fmt: skip
UNNAMED = ("blue", "green", "terracotta", "turquoise", "plum", "yellow", "red", "cedar", "grey", "pink")
GROUNDS = (
    ("#efe8dc", "#e5dccd", "#d2c6b3"),
    ("#e6ece4", "#d9e1d6", "#c1cdbd"),
    ("#eae6ee", "#ddd8e3", "#c7c0d0"),
    ("#f3e5dc", "#e9d7cb", "#d8c1b1"),
    ("#e2eaef", "#d4dee5", "#bccad3"),
    ("#f4edd9", "#e9dfc4", "#d5c9a8"),
    ("#f1e2e2", "#e5d2d2", "#d2baba"),
    ("#e3ecea", "#d4e0dd", "#bccbc7"),
)


def pick(text: str, count: int) -> int:
    """A number below `count` that depends on the text alone, on every machine."""
    return crc32(text.encode()) % count


def palette_of(title: str) -> Palette:
    """Products that differ only in the colour after the comma stand on the same ground."""
    words = [SAME.get(word, word) for word in re.findall(r"[a-z]+", title.lower())]
    named = next((word for word in reversed(words) if word in NAMED), None)
    base = title.partition(",")[0]
    main, dark, light, accent = NAMED[named or UNNAMED[pick(base, len(UNNAMED))]]
    ground, floor, shadow = GROUNDS[pick(base[::-1], len(GROUNDS))]
    return Palette(main=main, dark=dark, light=light, accent=accent, ground=ground, floor=floor, shadow=shadow)
