"""A value in a cell of a spreadsheet, both ways: safe to open, and the same again when it comes back."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
YES = {"true", "yes", "1", "x", "是", "对"}
NO = {"false", "no", "0", "", "否", "不"}


def written(value: Any) -> str:
    """A value as a cell holds it. Text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> written("=HYPERLINK(1)"), written("Tea set"), written("-5"), written("- five")
    ("'=HYPERLINK(1)", 'Tea set', '-5', "'- five")
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return localtime(value).isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    text = CONTROL.sub("", str(value))
    return f"'{text}" if _would_calculate(text) else text


def _would_calculate(text: str) -> bool:
    """An apostrophe that is followed by such text gets another one, so that reading takes away just what was added."""
    bare = text.lstrip("'")
    if not bare.startswith(STARTS_A_FORMULA):
        return False
    if text != bare:
        return True
    try:
        Decimal(text)
    except InvalidOperation:
        return True
    return False


def read(value: Any) -> str:
    """A cell as text, whatever the spreadsheet has made of it; the inverse of `written`.

    >>> read("'=1"), read(12.0), read(True), read(None), read(" Tea ")
    ('=1', '12', 'yes', '', 'Tea')
    """
    if value is None:
        return ""
    if isinstance(value, bool | datetime):
        return ("yes" if value else "no") if isinstance(value, bool) else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    if text.startswith("'") and text.lstrip("'").startswith(STARTS_A_FORMULA):
        return text[1:]
    return text


def yes_or_no(text: str) -> bool:
    """Raises ValueError for anything else."""
    word = text.casefold()
    if word not in YES | NO:
        raise ValueError(_("“%(found)s” is neither yes nor no.") % {"found": text})
    return word in YES
