"""Finds the drawing for a title, and the group of goods that it belongs to."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET  # reads only the file beside this one
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from example_shop.pictures.palette import Palette, pick

STILL_LIFES = ("stilllife", "parcel", "shapes")
FIXED_COLOURS = {
    "k": "#2f2d2b", "p": "#fbf8f2", "w": "#c9a06f", "v": "#8f6a45", "s": "#c3c8ca", "t": "#8c9397",
    "g": "#7d9c68", "h": "#55744a",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of goods: what a shop would call a category."""

    slug: str
    name: str
    name_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """`group` is None for the still lifes, which stand for anything."""

    name: str
    group: Group | None

    def filled(self, palette: Palette) -> str:
        """The drawing in a palette's colours."""
        return Template(_drawings()[self.name]).substitute(
            FIXED_COLOURS, m=palette.main, d=palette.dark, l=palette.light, a=palette.accent, b=palette.shadow
        )


def motif_of(title: str, key: str) -> Motif:
    """The drawing for a title; one of the still lifes, chosen by `key`, if no word of it is known."""
    text = " " + " ".join(re.findall(r"[a-z0-9]+(?:-[a-z]+)?", title.lower().partition(" with ")[0])) + " "
    found = max(
        (
            (position + len(phrase), len(phrase), phrase)
            for phrase in _motif_by_phrase()
            for position in [_at(text, phrase)]
            if position >= 0
        ),
        default=None,
    )
    if found is None:
        return Motif(name=STILL_LIFES[pick(key, len(STILL_LIFES))], group=None)
    return _motif_by_phrase()[found[2]]


def _at(text: str, phrase: str) -> int:
    return text.rfind(f" {phrase} ")


@cache
def _motif_by_phrase() -> dict[str, Motif]:
    tables = tomllib.loads((Path(__file__).parent / "keywords.toml").read_text(encoding="utf-8"))["group"]
    return {
        phrase: Motif(name=name, group=Group(slug=table["slug"], name=table["name"], name_zh=table["name_zh"]))
        for table in tables
        for name, phrases in table["motifs"].items()
        for phrase in phrases
    }


@cache
def _drawings() -> dict[str, str]:
    root = ET.parse(Path(__file__).parent / "motifs.xml").getroot()  # noqa: S314  (our own file)
    return {
        drawing.get("id", ""): "".join(ET.tostring(part, encoding="unicode") for part in drawing) for drawing in root
    }
