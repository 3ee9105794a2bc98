"""A made-up shop: a catalogue and two years of orders from a seeded generator, with a structure that is known.

Nothing here imports Django. The truth that was planted is told by `planted_partners` and `variant_groups`, so that a
test can ask whether it was learned:

* An anchor (a laptop) is bought with its partners (this mouse, that keyboard, a bag), each far more often than chance.
* Colours of one product substitute for each other: no basket holds two of them.
* Titles of one series (books, films, records) are bought together.
* Some products come in sizes. A basket holds the product; which size was sold is settled when the shop is filled.
* Families have seasons (the garden in spring, gifts in December), members have tastes, and a few products sell much
  more than most. Some orders are cancelled, some things are bought for no reason at all.
"""

from __future__ import annotations

from example_shop.generate.catalogue import (
    GeneratedCategory,
    GeneratedProduct,
    categories,
    planted_partners,
    products,
    variant_groups,
)
from example_shop.generate.orders import GeneratedLine, GeneratedOrder, generate_orders

__all__ = [
    "GeneratedCategory",
    "GeneratedLine",
    "GeneratedOrder",
    "GeneratedProduct",
    "categories",
    "generate_orders",
    "planted_partners",
    "products",
    "variant_groups",
]
