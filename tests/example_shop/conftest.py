"""A small shop whose contents are known, and the generated one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bundle_app.models import Bundle, BundlePart
from bundle_app.models.bundle import composition_hash
from example_shop.models import Category, Product, ShopSource
from example_shop.seeding import seed


@pytest.fixture
def category(db: None) -> Category:
    return Category.objects.create(slug="kitchen", name="Kitchen", name_zh="厨房", position=1)


@pytest.fixture
def teapot(category: Category) -> Product:
    return Product.objects.create(
        sku="POT", title="Teapot", title_zh="茶壶", category=category, price=Decimal("40.00"), stock=3
    )


@pytest.fixture
def cups(category: Category) -> Product:
    return Product.objects.create(
        sku="CUP", title="Tea Cups", title_zh="茶杯", category=category, price=Decimal("9.99"), stock=5
    )


def make_bundle(products: Sequence[Product], *, discount_percent: int, **fields: Any) -> Bundle:
    """A bundle on offer, one of each product."""
    quantities = {product.sku: 1 for product in products}
    bundle = Bundle.objects.create(
        composition_hash=composition_hash(quantities),
        discount_percent=discount_percent,
        **{"status": Bundle.Status.ACTIVE, **fields},
    )
    BundlePart.objects.bulk_create(
        BundlePart(bundle=bundle, item_key=sku, quantity=1, position=position)
        for position, sku in enumerate(quantities, start=1)
    )
    return bundle


@pytest.fixture
def tea_set(teapot: Product, cups: Product) -> Bundle:
    """Teapot and cups, 10 percent off: 49.99 becomes 44.99."""
    return make_bundle([teapot, cups], discount_percent=10, title="Tea for two")


@pytest.fixture
def generated_shop(db: None) -> ShopSource:
    seed(order_count=200, seed=7, progress=lambda _message: None)
    return ShopSource.objects.get()
