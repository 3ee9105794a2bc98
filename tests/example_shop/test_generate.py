"""The generator keeps its promises: what it says it planted is in the orders."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import permutations

import pytest

from example_shop.generate import (
    GeneratedOrder,
    categories,
    generate_orders,
    planted_partners,
    products,
    variant_groups,
)
from example_shop.seeding import SOLD_OUT

ORDER_COUNT = 20_000


@cache
def orders() -> list[GeneratedOrder]:
    return list(generate_orders(order_count=ORDER_COUNT, seed=7))


@cache
def together() -> Counter[tuple[str, str]]:
    """Baskets with both products; under (x, x), baskets with x."""
    counts: Counter[tuple[str, str]] = Counter()
    for order in orders():
        skus = {line.sku for line in order.lines}
        counts.update(permutations(skus, 2))
        counts.update((sku, sku) for sku in skus)
    return counts


def test_the_same_seed_gives_the_same_orders() -> None:
    assert list(generate_orders(order_count=300, seed=3)) == list(generate_orders(order_count=300, seed=3))
    assert list(generate_orders(order_count=300, seed=3)) != list(generate_orders(order_count=300, seed=4))


@pytest.mark.parametrize("anchor", sorted(planted_partners()))
def test_partners_are_bought_with_their_anchor_far_above_chance(anchor: str) -> None:
    for partner in planted_partners()[anchor]:
        share = together()[anchor, partner] / together()[anchor, anchor]
        share_everywhere = together()[partner, partner] / ORDER_COUNT
        assert share > 0.3, f"only {share:.0%} of the baskets with {anchor} hold {partner}"
        assert share > 5 * share_everywhere, f"{partner} is with {anchor} little more often than anywhere"


@pytest.mark.parametrize("anchor", sorted(planted_partners()))
def test_no_other_product_is_bought_with_an_anchor_as_often_as_its_partners(anchor: str) -> None:
    partners = planted_partners()[anchor]
    others = [sku for (first, sku), _count in together().items() if first == anchor and sku not in partners | {anchor}]
    least = min(together()[anchor, partner] for partner in partners)
    assert all(together()[anchor, sku] < least for sku in others)


def test_every_anchor_is_bought_often_enough_to_learn_from() -> None:
    rarest = min(planted_partners(), key=lambda anchor: together()[anchor, anchor])
    assert together()[rarest, rarest] >= 50, f"{rarest} is in {together()[rarest, rarest]} baskets"


def test_two_colours_of_one_product_are_never_in_one_basket() -> None:
    assert variant_groups()
    for group in variant_groups().values():
        assert not any(together()[pair] for pair in permutations(group, 2))


def test_partners_are_products_that_exist_and_can_be_bought() -> None:
    skus = [product.sku for product in products()]
    assert len(set(skus)) == len(skus)
    for anchor, partners in planted_partners().items():
        assert {anchor, *partners} <= set(skus) - SOLD_OUT


def test_the_laptop_the_phone_and_a_book_have_the_partners_one_expects() -> None:
    assert planted_partners()["LAP-15"] == {"MOU-BLACK", "KEY-MEC", "BAG-LAP-BLACK"}
    assert planted_partners()["PHO-N-BLUE"] == {"CAS-N-BLUE", "EAR-WHITE", "POW-10"}
    assert planted_partners()["BK-MOON-1"] == {"BK-MOON-2", "BK-MOON-3"}


def test_the_garden_sells_in_spring_and_gifts_sell_in_december() -> None:
    def sales(sku: str) -> Counter[int]:
        return Counter(order.placed_at.month for order in orders() if any(line.sku == sku for line in order.lines))

    assert sales("BED-1")[4] > 5 * sales("BED-1")[12]
    assert sales("BOX-GIFT")[12] > 2 * sales("BOX-GIFT")[6]


def test_members_place_about_three_orders_in_five_and_few_orders_are_cancelled() -> None:
    members = [order.member for order in orders() if order.member is not None]
    assert 0.55 < len(members) / ORDER_COUNT < 0.65
    assert len(set(members)) > 1500
    assert 0.01 < sum(order.status == "cancelled" for order in orders()) / ORDER_COUNT < 0.06


def test_everything_has_a_chinese_title_and_a_category_that_exists() -> None:
    slugs = {category.slug for category in categories()}
    for product in products():
        assert product.category in slugs
        assert product.price > 0
        assert any("\u4e00" <= letter <= "\u9fff" for letter in product.title_zh), product.title_zh
        assert product.description
        assert product.description_zh
