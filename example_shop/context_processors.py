"""What every page of the shop needs: its name, its categories, what is in the cart, and where its data come from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from example_shop.cart import Cart
from example_shop.models import Category, ShopSource


def shop(request: HttpRequest) -> dict[str, Any]:
    return {
        "shop_name": settings.SHOP_NAME,
        "shop_categories": SimpleLazyObject(lambda: list(Category.objects.all())),
        "shop_source": SimpleLazyObject(ShopSource.objects.first),
        "cart_count": SimpleLazyObject(lambda: Cart(request.session).item_count),
    }
