from __future__ import annotations

from types import SimpleNamespace

from bundle_app.shop.field_paths import check_path, read_path, relations_of, split_path
from tests.tutorial.orders.models import OrderItem
from tests.tutorial.shop.models import Product


def test_dots_and_double_underscores_mean_the_same() -> None:
    assert split_path("a.b__c") == ["a", "b", "c"]


def test_a_method_at_the_end_is_called() -> None:
    assert read_path(SimpleNamespace(owner=SimpleNamespace(name=lambda: "Ada")), "owner.name") == "Ada"


def test_nothing_on_the_way_ends_the_path_with_nothing() -> None:
    assert read_path(SimpleNamespace(owner=None), "owner.name") is None


def test_an_exported_path_must_be_fields_all_the_way() -> None:
    assert check_path(Product, "get_absolute_url", label="P", fields_only=True)[0].startswith(
        "P is 'get_absolute_url', but shop.Product has no field 'get_absolute_url'."
    )
    assert check_path(Product, "get_absolute_url", label="P") == []


def test_a_file_field_can_be_asked_for_its_url() -> None:
    assert check_path(Product, "image.url", label="P") == []


def test_relations_end_where_plain_fields_begin() -> None:
    assert list(relations_of(OrderItem, "product__category__name")) == ["product__category"]
    assert list(relations_of(OrderItem, "quantity")) == []
    assert list(relations_of(Product, "order_items__quantity")) == []
