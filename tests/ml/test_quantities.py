"""Painters who take five paints and seven brushes, wholesalers who take twelve of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bundle_ml.baskets import baskets_from_pairs
from bundle_ml.evidence import Postings
from bundle_ml.quantities import Quantities, QuantityRule
from bundle_ml.settings import Settings

PAINT, BRUSH, LADDER = range(3)


def _rule(orders: Sequence[Mapping[int, float]], **settings: float) -> QuantityRule:
    pairs = [(order, item, quantity) for order, held in enumerate(orders) for item, quantity in held.items()]
    baskets, _ = baskets_from_pairs(
        ("paint", "brush", "ladder"),
        np.asarray([order for order, _, _ in pairs], np.int32),
        np.asarray([item for _, item, _ in pairs], np.int32),
        np.asarray([quantity for _, _, quantity in pairs], np.float32),
        ordered_at=np.arange(len(orders), dtype=np.int64),
    )
    return QuantityRule(baskets, Postings.of(baskets, item_count=3), replace(Settings(), **settings))  # type: ignore[arg-type]


def test_five_paints_go_with_seven_brushes() -> None:
    rule = _rule([{PAINT: 5, BRUSH: 7}] * 8 + [{PAINT: 1, BRUSH: 1}] * 3 + [{PAINT: 1}] * 20)

    assert rule.of([PAINT, BRUSH]) == Quantities((5, 7), 8, 11)
    assert rule.of([BRUSH, PAINT]).of_items == (7, 5)


def test_twelve_of_everything_is_one_of_each() -> None:
    assert _rule([{PAINT: 12, BRUSH: 12}] * 20).of([PAINT, BRUSH]).of_items == (1, 1)


def test_the_proportion_counts_and_not_the_size_of_the_order() -> None:
    rule = _rule([{PAINT: times, BRUSH: 2 * times} for times in range(1, 13)])

    assert rule.of([PAINT, BRUSH]) == Quantities((1, 2), 12, 12)


def test_orders_that_do_not_agree_make_one_of_each() -> None:
    orders = [{PAINT: 1, BRUSH: number} for number in (1, 2, 3, 4)] * 5 + [{PAINT: 1, BRUSH: 2}] * 10

    assert _rule(orders).of([PAINT, BRUSH]).of_items == (1, 1)
    assert _rule(orders, quantity_ratio=0.4).of([PAINT, BRUSH]).of_items == (1, 2)


def test_a_few_orders_are_no_rule() -> None:
    rule = _rule([{PAINT: 5, BRUSH: 7}] * 4)

    assert rule.of([PAINT, BRUSH]).of_items == (1, 1)
    assert _rule([{PAINT: 5, BRUSH: 7}] * 4, quantity_min_orders=4).of([PAINT, BRUSH]).of_items == (5, 7)


def test_only_orders_with_all_parts_are_asked() -> None:
    rule = _rule([{PAINT: 2, BRUSH: 1}] * 20 + [{PAINT: 1, BRUSH: 1, LADDER: 1}] * 6)

    assert rule.of([PAINT, BRUSH]).of_items == (2, 1)
    assert rule.of([PAINT, BRUSH, LADDER]).of_items == (1, 1, 1)


def test_what_is_sold_by_weight_is_not_counted() -> None:
    assert _rule([{PAINT: 0.5, BRUSH: 2}] * 20).of([PAINT, BRUSH]).of_items == (1, 1)


def test_more_than_a_bundle_can_hold_is_one_of_each() -> None:
    assert _rule([{PAINT: 1, BRUSH: 13}] * 20).of([PAINT, BRUSH]).of_items == (1, 1)
    assert _rule([{PAINT: 1, BRUSH: 12}] * 20).of([PAINT, BRUSH]).of_items == (1, 12)


def test_items_that_nobody_bought_together_are_one_of_each() -> None:
    assert _rule([{PAINT: 2}, {BRUSH: 3}] * 10).of([PAINT, BRUSH]) == Quantities((1, 1))
