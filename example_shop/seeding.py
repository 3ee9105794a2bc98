"""Fills the shop from the generator."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from example_shop.filling import (
    Progress,
    count_sales,
    create_members,
    is_filled_from,
    next_pk,
    reset_sequences,
    write_rows,
)
from example_shop.generate import GeneratedOrder, categories, generate_orders, products
from example_shop.generate.orders import MEMBER_COUNT
from example_shop.models import Category, Order, OrderLine, Product, ShopSource

SOLD_OUT = frozenset({"BOL-1", "PIL-1"})
"""Two products are sold out, so that one sees what that looks like. Neither is anybody's planted partner."""

COST_RATIO = Decimal("0.6")
"""What the shop pays for a product, as a share of its price."""

SOURCE_NAME = gettext_noop("the shop's generator")


@transaction.atomic
def seed(*, order_count: int, seed: int, progress: Progress) -> bool:
    """Generate catalogue, members and orders. False if the shop holds exactly them already.

    Raises:
        AlreadyFilled: the shop holds something else.
    """
    fingerprint = f"seed {seed}, {order_count} orders"
    if is_filled_from(ShopSource.Kind.GENERATED, SOURCE_NAME, fingerprint):
        return False
    progress("Writing the catalogue")
    product_pks = _write_catalogue(random.Random(seed))
    progress(f"Writing {MEMBER_COUNT:,} members")
    member_pks = create_members(MEMBER_COUNT)
    progress(f"Writing {order_count:,} orders")
    orders = list(generate_orders(order_count=order_count, seed=seed))
    _write_orders(orders, product_pks=product_pks, member_pks=member_pks)
    reset_sequences()
    count_sales()
    ShopSource.objects.create(kind=ShopSource.Kind.GENERATED, name=SOURCE_NAME, fingerprint=fingerprint)
    return True


def _write_catalogue(rng: random.Random) -> dict[str, int]:
    category_by_slug = {
        row.slug: Category.objects.create(
            slug=row.slug, name=row.name, name_zh=row.name_zh, section=row.section, position=position
        )
        for position, row in enumerate(categories(), start=1)
    }
    created = Product.objects.bulk_create(
        Product(
            sku=product.sku,
            title=product.title,
            title_zh=product.title_zh,
            maker=product.maker,
            maker_zh=product.maker_zh,
            description=product.description,
            description_zh=product.description_zh,
            category=category_by_slug[product.category],
            variant_group=product.variant_group,
            price=product.price,
            cost=(product.price * COST_RATIO).quantize(product.price),
            stock=0 if product.sku in SOLD_OUT else rng.randint(40, 400),
        )
        for product in products()
    )
    return {product.sku: product.pk for product in created}


def _write_orders(orders: list[GeneratedOrder], *, product_pks: dict[str, int], member_pks: list[int]) -> None:
    first_pk = next_pk(Order)
    write_rows(
        Order,
        ("id", "number", "user_id", "email", "placed_at", "status"),
        (
            (
                pk,
                order.number,
                member_pks[order.member - 1] if order.member else None,
                "",
                order.placed_at,
                order.status,
            )
            for pk, order in enumerate(orders, start=first_pk)
        ),
    )
    titles = {product.sku: product.title for product in products()}

    def lines() -> Iterator[tuple[Any, ...]]:
        for order_pk, order in enumerate(orders, start=first_pk):
            for line in order.lines:
                yield order_pk, product_pks[line.sku], titles[line.sku], line.quantity, line.unit_price, 0

    write_rows(OrderLine, ("order_id", "product_id", "title", "quantity", "unit_price", "discount"), lines())
