"""How `bundle_app` sees this shop: the map of the preset, plus the two things that a map cannot say.

Titles depend on the reader's language, and a bundle goes into this shop's cart as one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bundle_app.exceptions import CannotAddToCart
from bundle_app.shop import CartLine, FieldMapAdapter, ItemCard
from example_shop.cart import Cart, CartError
from example_shop.models import Product

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest

    from bundle_app.models import Bundle


class ExampleShopAdapter(FieldMapAdapter):
    keeps_impressions = True

    def card(self, product: Model) -> ItemCard:
        card = super().card(product)
        return replace(card, title=product.local_title) if isinstance(product, Product) else card

    def search_items(self, query: str, *, limit: int) -> list[ItemCard]:
        found = Product.objects.filter(parent=None).matching(query).order_by("-sold_count")[:limit]
        return self.with_variants([self.card(product) for product in found])

    def cart_quantities(self, request: HttpRequest) -> Mapping[str, int]:
        return Cart(request.session).quantities()

    def add_to_cart(self, request: HttpRequest, lines: Sequence[CartLine], bundle: Bundle) -> None:
        """A whole bundle goes in as a group with its discount; the rest of one, as single items without."""
        cart, parts = Cart(request.session), {line.key: line.quantity for line in lines}
        try:
            if {line.item_key: line.quantity for line in lines} == bundle.quantities():
                cart.add_bundle(bundle.pk, parts, impression=lines[0].impression)
            else:
                cart.add_all(parts)
        except CartError as error:
            raise CannotAddToCart(str(error)) from error
