"""Maps of shops whose models are known. Every key of a preset can be overridden in BUNDLE_APP["MAP"]."""

from __future__ import annotations

from typing import Any

TUTORIAL: dict[str, Any] = {
    # The shop that most Django books and courses build: no customer on the order but an address, no currency.
    "order_line": "orders.OrderItem",
    "line": {
        "order": "order_id",
        "item": "product_id",
        "quantity": "quantity",
        "unit_price": "price",
        "ordered_at": "order__created",
        "shopper": "order__email",
    },
    "counted": {"order__paid": True},
    "item": "shop.Product",
    "item_fields": {
        "title": "name",
        "category": "category__name",
        "price": "price",
        "sellable": "available",
        "url": "get_absolute_url",
        "image": "image.url",
    },
    "search": ["name"],
}

EXAMPLE_SHOP: dict[str, Any] = {
    "order_line": "example_shop.OrderLine",
    "line": {
        "order": "order_id",
        "item": "product__sku",
        "parent": "product__parent__sku",
        "quantity": "quantity",
        "unit_price": "unit_price",
        "ordered_at": "order__placed_at",
        "shopper": "order__user_id",
        "discount": "discount",
        "other_discount": "voucher_discount",
        "refunded": "refunded_amount",
        "cost": "product__cost",
        "impression": "impression",
    },
    "counted": {"order__status": "paid"},
    "item": "example_shop.Product",
    "item_key": "sku",
    "item_filter": {"parent": None},
    "item_fields": {
        "title": "title",
        "category": "category__name",
        "price": "price",
        "cost": "cost",
        "sellable": "active",
        "stock": "stock",
        "content": "category__is_content",
        "url": "get_absolute_url",
        "image": "picture_url",
    },
    "variant": "example_shop.Product",
    "variant_filter": {"parent__isnull": False},
    "variant_fields": {
        "parent": "parent__sku",
        "key": "sku",
        "label": "size",
        "price": "price",
        "cost": "cost",
        "sellable": "active",
        "stock": "stock",
    },
    "search": ["title", "sku"],
}

PRESETS: dict[str, dict[str, Any]] = {"tutorial": TUTORIAL, "example_shop": EXAMPLE_SHOP}
