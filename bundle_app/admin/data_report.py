"""What a model version learned from, and what it left out and why, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from bundle_app.admin.presentation import grouped, rounded

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

REASONS: dict[str, StrPromise] = {
    "malformed": _("Could not be read: a field is missing or is no number."),
    "null_item": _("Name no product, for instance because it was deleted."),
    "not_counted": _("Belong to orders that were cancelled or never paid."),
    "non_positive_quantity": _("Have a quantity of zero or below, as returns do."),
    "not_in_catalogue": _("Name a product that is no longer in the catalogue."),
    "oversized_basket": _("Belong to orders of so many products that they are stock transfers rather than shopping."),
    "duplicate_line": _("Repeat a product of the same order, which counts once."),
}

FACTS: dict[str, StrPromise] = {
    "lines_read": _("Order lines read"),
    "lines_kept": _("Order lines learned from"),
    "baskets": _("Orders"),
    "single_item_baskets": _("Orders of one product alone"),
    "items": _("Products that were bought"),
    "catalogue_items": _("Products in the catalogue"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Lines that were left out for one reason; `ratio` is their share of all lines read."""

    reason: str
    count: str
    ratio: float

    @property
    def percent(self) -> str:
        """The share with as many decimals as it takes to be seen."""
        return f"{rounded(self.ratio * 100, decimal_count=1 if self.ratio >= 0.001 else 3)}%"


def facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(label), grouped(int(data[name]))) for name, label in FACTS.items() if data.get(name) is not None]


def dropped(data: Mapping[str, Any]) -> list[Dropped]:
    """Most frequent reason first; a reason that did not occur is not told."""
    counts = {reason: int(count) for reason, count in (data.get("dropped") or {}).items() if count}
    lines_read = int(data.get("lines_read") or 0) or sum(counts.values())
    return [
        Dropped(reason=str(REASONS.get(reason, reason)), count=grouped(count), ratio=count / lines_read)
        for reason, count in sorted(counts.items(), key=lambda entry: -entry[1])
    ]


def flattened(settings: Mapping[str, Any], *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings as rows: nested ones under dotted names.

    >>> list(flattened({"seed": 7, "blend": {"step": 0.1}}))
    [('seed', '7'), ('blend.step', '0.1')]
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flattened(value, prefix=f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
