"""Which products a bundle holds, in one cell: "LAP-14, MOUSE-2:3" is one of the first and three of the second.

A comma, a colon or a percent sign within a key is written as %2C, %3A or %25.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from bundle_app.admin.parts import FEWEST_PRODUCTS, MOST_PRODUCTS, MOST_UNITS

ESCAPED = {"%": "%25", ",": "%2C", ":": "%3A"}


def written(quantities: Mapping[str, int]) -> str:
    """
    >>> written({"A-1": 2, "b,c": 1})
    'A-1:2, b%2Cc:1'
    """
    return ", ".join(f"{_escaped(key)}:{quantity}" for key, quantity in quantities.items())


def read(text: str) -> dict[str, int]:
    """The inverse of `written`. A quantity of one may be left out.

    >>> read("A-1:2, b%2Cc")
    {'A-1': 2, 'b,c': 1}

    Raises:
        ValueError: says which piece is wrong, and what is expected.
    """
    found: dict[str, int] = {}
    for piece in text.split(","):
        written_key, colon, number = (part.strip() for part in piece.partition(":"))
        key = _unescaped(written_key)
        if not key:
            raise ValueError(_("“%(found)s” lacks a product. Expected keys such as “A-1:2, B-7”.") % {"found": text})
        if colon and not (number.isascii() and number.isdigit() and len(number) < 4 and 1 <= int(number) <= MOST_UNITS):
            raise ValueError(
                _("“%(found)s” has no quantity from 1 to %(most)d behind the colon.")
                % {"found": piece.strip(), "most": MOST_UNITS}
            )
        if key in found:
            raise ValueError(_("“%(key)s” is there twice. Raise its quantity instead.") % {"key": key})
        found[key] = int(number) if colon else 1
    if not FEWEST_PRODUCTS <= len(found) <= MOST_PRODUCTS:
        raise ValueError(
            _("There are %(found)d products; expected %(fewest)d to %(most)d.")
            % {"found": len(found), "fewest": FEWEST_PRODUCTS, "most": MOST_PRODUCTS}
        )
    return found


def _escaped(key: str) -> str:
    return "".join(ESCAPED.get(letter, letter) for letter in key)


def _unescaped(text: str) -> str:
    for letter, escaped in reversed(ESCAPED.items()):
        text = text.replace(escaped, letter).replace(escaped.lower(), letter)
    return text
