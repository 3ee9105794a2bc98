"""Small shops and models whose right answers are known by construction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.artefact import Candidate, Evidence, write_artefact
from tests.tutorial.orders.models import Order, OrderItem
from tests.tutorial.shop.models import Category, Product


def make_products(count: int, *, category: str = "Things", price: str = "10.00") -> list[Product]:
    """Products named Thing 1, Thing 2, …"""
    parent, _ = Category.objects.get_or_create(name=category)
    return Product.objects.bulk_create(
        Product(category=parent, name=f"Thing {number}", price=Decimal(price)) for number in range(1, count + 1)
    )


def make_order(*products: Product, paid: bool = True, quantity: int = 1) -> Order:
    order = Order.objects.create(email="somebody@example.com", paid=paid)
    OrderItem.objects.bulk_create(
        OrderItem(order=order, product=product, price=product.price, quantity=quantity) for product in products
    )
    return order


def make_pair_world(*, pairs: int = 6, orders_per_pair: int = 30) -> list[tuple[Product, Product]]:
    """A shop in which product 2k is always bought with product 2k+1, and with nothing else."""
    products = make_products(2 * pairs)
    couples = list(zip(products[::2], products[1::2], strict=True))
    orders = Order.objects.bulk_create(
        Order(email="somebody@example.com", paid=True) for _ in range(pairs * orders_per_pair)
    )
    OrderItem.objects.bulk_create(
        OrderItem(order=order, product=product, price=product.price, quantity=1)
        for number, order in enumerate(orders)
        for product in couples[number % pairs]
    )
    return couples


def make_candidate(
    anchor: str, keys: Sequence[str], *, rank: int = 1, score: float = 0.5, **evidence: Any
) -> Candidate:
    facts: dict[str, Any] = {
        "orders": 100,
        "support": 20,
        "anchor_orders": 40,
        "confidence": 0.5,
        "lift": 2.0,
        "shares": {"transformer": 0.4, "ease": 0.3, "co_purchase": 0.2, "popularity": 0.1},
        "parts": {key: {"together": 20} for key in keys if key != anchor},
    }
    return Candidate(
        anchor=anchor,
        items=tuple((key, 1) for key in keys),
        score=score,
        rank=rank,
        rung="blend",
        kind="pair" if len(keys) == 2 else "set",
        evidence=Evidence(**(facts | evidence)),
    )


def make_artefact(folder: Path, candidates: Iterable[Candidate], **about: Any) -> Path:
    """A complete artefact with the given candidates and a model of one number."""
    facts: dict[str, Any] = {
        "created_at": "2026-01-02T03:04:05+00:00",
        "rung": "blend",
        "settings": {"seed": 0},
        "data": {
            "lines_read": 200,
            "lines_kept": 180,
            "dropped": {"not_counted": 20},
            "baskets": 90,
            "items": 12,
            "catalogue_items": 12,
            "first_ordered_at": "2025-01-01T00:00:00+00:00",
            "last_ordered_at": "2026-01-01T00:00:00+00:00",
            "fingerprint": "0" * 64,
        },
        "metrics": {"contexts": ["1"], "rows": [], "test_baskets": 0},
        "history": [{"epoch": 1, "loss": 3.0, "validation_ndcg": 0.1}],
        "seconds": {"read": 0.1},
        "peak_memory_bytes": 1,
        "coverage": {"items_with_20_orders": 12, "of_these_with_bundle": 12},
        "versions": {"bundle_ml": "0"},
    }
    write_artefact(
        folder,
        vocabulary={"items": []},
        tensors={"weight": np.ones(1, dtype=np.float32)},
        candidates=candidates,
        about=facts | about,
    )
    return folder
