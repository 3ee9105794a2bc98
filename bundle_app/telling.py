"""What may be told of a bundle's evidence: pure, and the one door through which counts of orders reach a person.

A count of orders below a threshold points at the few people who placed them (k-anonymity), so it is not told: not as a
number, and not by numbers from which it follows. Two told counts, of which one counts a part of the other's orders,
tell their difference as well; a ratio beside its denominator tells its numerator. Therefore

* nothing is 0 instead of "fewer than": that nobody bought it is a count below the threshold, too;
* of two such counts the less telling one is kept back where they differ by less than the threshold;
* a ratio is told only where all the counts are told that it is made of.

What this does not see: counts of different bundles, or of one bundle at different times, held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Counts of orders, each at least `threshold` or None: all, those with the whole bundle, with its anchor, with all
    parts in the bundle's proportion, with an item of each of two categories. Ratios as in the evidence, or None."""

    threshold: int
    orders: int | None
    support: int | None
    anchor_orders: int | None
    in_these_quantities: int | None
    template_orders: int | None
    confidence: float | None
    lift: float | None
    categories: tuple[str, ...]
    is_rare: bool
    """Whether the support is below the threshold, and not merely kept back because it follows from another count."""
    partners: tuple[str, ...]
    """Keys of the parts that were in enough orders with the anchor, the most frequent first; how many is not told."""


def tell(evidence: Mapping[str, Any], *, threshold: int) -> Told:
    """Keep back what must not be told; evidence of another shape is no evidence.

    >>> found = tell({"orders": 900, "support": 4, "anchor_orders": 40, "confidence": 0.1}, threshold=5)
    >>> found.orders, found.support, found.anchor_orders, found.confidence  # 0.1 of 40 would be the 4
    (900, None, 40, None)
    >>> found = tell({"orders": 900, "support": 38, "anchor_orders": 40, "confidence": 0.95}, threshold=5)
    >>> found.support, found.anchor_orders, found.confidence  # 2 orders hold the anchor without the rest
    (38, None, None)
    """
    template = _mapping(evidence.get("template"))
    parts = {key: _count(_mapping(part).get("together")) for key, part in _mapping(evidence.get("parts")).items()}

    def kept(count: int, *beside: int | None) -> int | None:
        differs = all(abs(count - other) >= threshold for other in beside if other is not None)
        return count if count >= threshold and differs else None

    orders = kept(_count(evidence.get("orders")))
    support = kept(_count(evidence.get("support")), orders)
    anchor_orders = kept(_count(evidence.get("anchor_orders")), orders, support)
    rest_orders = kept(_count(evidence.get("rest_orders")), orders, support)
    in_these_quantities = kept(_count(evidence.get("in_these_quantities")), support)
    has_ratio = None not in {support, anchor_orders}
    return Told(
        threshold=threshold,
        orders=orders,
        support=support,
        anchor_orders=anchor_orders,
        in_these_quantities=in_these_quantities if support is not None else None,
        template_orders=kept(_count(template.get("orders")), orders, support, in_these_quantities),
        confidence=_number(evidence.get("confidence")) if has_ratio else None,
        lift=_number(evidence.get("lift")) if has_ratio and None not in {orders, rest_orders} else None,
        is_rare=_count(evidence.get("support")) < threshold,
        categories=tuple(map(str, template.get("categories") or ())),
        partners=tuple(_most_first({key: count for key, count in parts.items() if count >= threshold})),
    )


def brings(evidence: Mapping[str, Any]) -> dict[str, float]:
    """What each part brings to the scores of all others, the most first; empty where that was not measured.

    >>> brings({"influence": {"bag": {"mouse": 0.5, "laptop": -0.25}, "laptop": {"mouse": 2.0, "bag": 1.0}}})
    {'laptop': 3.0, 'bag': 0.25}
    """
    influence = _mapping(evidence.get("influence"))
    totals = {key: sum(_numbers(brought).values()) for key, brought in influence.items()}
    return {key: totals[key] for key in _most_first(totals)}


def most_brought_to(evidence: Mapping[str, Any], key: str) -> str:
    """The part to which this one brings most; "" if it brings nothing to any."""
    brought = _numbers(_mapping(evidence.get("influence")).get(key))
    best = next(iter(_most_first(brought)), "")
    return best if best and brought[best] > 0 else ""


def leading(evidence: Mapping[str, Any]) -> str:
    """The part that brings most to the others, "" if none is known to bring anything."""
    totals = brings(evidence)
    best = next(iter(totals), "")
    return best if best and totals[best] > 0 else ""


def _numbers(value: object) -> dict[str, float]:
    return {key: number for key, each in _mapping(value).items() if (number := _number(each)) is not None}


def _most_first(numbers: Mapping[str, float]) -> list[str]:
    return sorted(numbers, key=lambda key: -numbers[key])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]
