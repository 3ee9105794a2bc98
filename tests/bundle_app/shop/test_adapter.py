from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bundle_app.exceptions import ConfigurationError
from bundle_app.shop import FieldMapAdapter, ItemCard, get_adapter


def card(**changes: Any) -> ItemCard:
    fields: dict[str, Any] = {"key": "1", "title": "Cup", "price": Decimal(5), "currency": "EUR"}
    return ItemCard(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "quantity", "can_sell"),
    [
        ({}, 1, True),
        ({"stock": 2}, 2, True),
        ({"stock": 2}, 3, False),
        ({"sellable": False}, 1, False),
        ({"price": None}, 1, False),
        ({"price": Decimal(0)}, 1, True),
        ({"price": Decimal(-1)}, 1, False),
    ],
)
def test_an_item_can_be_sold_if_it_has_a_price_and_enough_stock(
    changes: dict[str, Any], quantity: int, can_sell: bool
) -> None:
    assert card(**changes).can_sell(quantity) is can_sell


def test_the_adapter_is_the_class_that_the_setting_names(settings: Any) -> None:
    settings.BUNDLE_APP = {"ADAPTER": "bundle_app.shop.FieldMapAdapter"}

    assert type(get_adapter()) is FieldMapAdapter


def test_an_adapter_that_cannot_be_imported_is_named(settings: Any) -> None:
    settings.BUNDLE_APP = {"ADAPTER": "shop.nowhere.Adapter"}

    with pytest.raises(ConfigurationError, match=r"'shop.nowhere.Adapter', which cannot be imported"):
        get_adapter()


def test_a_class_that_is_no_adapter_is_refused(settings: Any) -> None:
    settings.BUNDLE_APP = {"ADAPTER": "decimal.Decimal"}

    with pytest.raises(ConfigurationError, match=r"expected a subclass of bundle_app.shop.ShopAdapter"):
        get_adapter()
