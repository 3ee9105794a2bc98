"""Titles as vectors: which items are called alike.

TF-IDF of words, so that a word which very many titles hold, such as a colour, counts little. A word in a script that
sets no blanks between words counts as its pairs of characters as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import log, sqrt

WORD = re.compile(r"[^\W_]+", re.UNICODE)
UNSPACED = re.compile(r"[぀-ヿ㐀-鿿가-힣]{3,}")


def words(title: str) -> tuple[str, ...]:
    """
    >>> words("Trail-Backpack, BLUE 20L")
    ('trail', 'backpack', 'blue', '20l')
    """
    return tuple(WORD.findall(title.casefold()))


def terms(title: str) -> Iterator[str]:
    """Yield what a title is compared by.

    >>> list(terms("无线鼠标 黑色"))
    ['无线鼠标', '无线', '线鼠', '鼠标', '黑色']
    """
    for word in words(title):
        yield word
        if UNSPACED.fullmatch(word):
            yield from (word[place : place + 2] for place in range(len(word) - 1))


Vector = Mapping[str, float]
"""Term → weight, of unit length; only what a title holds."""


def title_vectors(titles: Sequence[str]) -> tuple[Vector, ...]:
    """Weigh each term by 1 + log(titles / titles that hold it)."""
    held = [frozenset(terms(title)) for title in titles]
    holding = Counter(term for each in held for term in each)
    return tuple(_unit({term: 1.0 + log(len(titles) / holding[term]) for term in sorted(each)}) for each in held)


def cosine(one: Vector, other: Vector) -> float:
    """Say how alike two titles are, 0 to 1.

    >>> mug, red_mug, lamp = title_vectors(["Mug", "Red Mug", "Lamp"])
    >>> round(cosine(mug, red_mug), 2), cosine(mug, lamp)
    (0.56, 0.0)
    """
    shorter, longer = sorted((one, other), key=len)
    return sum(weight * longer.get(term, 0.0) for term, weight in shorter.items())


def _unit(weights: Vector) -> Vector:
    length = sqrt(sum(weight**2 for weight in weights.values()))
    return {term: weight / length for term, weight in weights.items()}
