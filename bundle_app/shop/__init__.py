"""How the app sees the host shop: a protocol, and an adapter that needs no code for most shops."""

from __future__ import annotations

from bundle_app.shop.adapter import (
    IMPRESSION_LENGTH,
    LINE_COLUMNS,
    SALE_COLUMNS,
    SHOPPER,
    VIEW_COLUMNS,
    CartLine,
    CatalogueItem,
    ItemCard,
    ShopAdapter,
    VariantCard,
    get_adapter,
)
from bundle_app.shop.field_map import FieldMapAdapter

__all__ = [
    "IMPRESSION_LENGTH",
    "LINE_COLUMNS",
    "SALE_COLUMNS",
    "SHOPPER",
    "VIEW_COLUMNS",
    "CartLine",
    "CatalogueItem",
    "FieldMapAdapter",
    "ItemCard",
    "ShopAdapter",
    "VariantCard",
    "get_adapter",
]
