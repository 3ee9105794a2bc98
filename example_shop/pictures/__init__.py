"""Product pictures, drawn: each product has one, made from what it is called, the same on every machine.

Goods are drawn from `motifs.xml`, chosen by the words of the title; books, films and records get a cover with their
title on it. A title that says nothing known gets a still life, so that a shop imported from anywhere looks whole.
"""

from __future__ import annotations

from functools import lru_cache

from example_shop.pictures.covers import COVERS
from example_shop.pictures.motifs import motif_of
from example_shop.pictures.palette import Palette, palette_of

__all__ = ["draw", "motif_of"]


@lru_cache(maxsize=4096)
def draw(*, title: str, category: str, maker: str, key: str) -> str:
    """The picture as an SVG document of 400 × 400.

    `category` is a slug; `key` tells pictures of the same title apart where there is a choice.
    """
    cover = COVERS.get(category)
    if cover is not None:
        return cover(title, maker, key)
    motif = motif_of(title, key)
    return _document(motif.filled(palette_of(title)), palette_of(title))


def _document(drawing: str, palette: Palette) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<rect width="400" height="400" fill="{palette.ground}"/>'
        f'<path d="M0 300 H400 V400 H0z" fill="{palette.floor}"/>'
        f'<ellipse cx="200" cy="322" rx="150" ry="15" fill="{palette.shadow}"/>{drawing}</svg>'
    )
