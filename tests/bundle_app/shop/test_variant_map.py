"""Variants in a model of their own, read through the map of the tutorial shop. Those of the item's model: the example."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.exceptions import MappingError
from bundle_app.shop import FieldMapAdapter
from bundle_app.shop.field_map import resolved_map
from example_shop.models import Product as ExampleProduct
from tests.bundle_app import variant_shop
from tests.tutorial.shop.models import Edition, Product
from tests.worlds import make_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tutorial_shop")]

EDITIONS: dict[str, Any] = {
    "variant": "shop.Edition",
    "variant_fields": {"parent": "product_id", "key": "code", "label": "binding", "sellable": "available"},
}


def with_editions(settings: Any, fields: dict[str, Any] | None = None, **changes: Any) -> FieldMapAdapter:
    variant_fields = {**EDITIONS["variant_fields"], **(fields or {})}
    settings.BUNDLE_APP = {
        **settings.BUNDLE_APP,
        "MAP": {"preset": "tutorial", **EDITIONS, "variant_fields": variant_fields, **changes},
    }
    return FieldMapAdapter()


@pytest.fixture
def book() -> Product:
    """A book in paperback, and in cloth, which is out of print; beside it one in no edition."""
    book, _other = make_products(2)
    Edition.objects.create(product=book, code="b-cloth", binding="cloth", available=False)
    Edition.objects.create(product=book, code="b-paper", binding="paperback")
    return book


def test_an_item_is_sold_in_its_variants_and_what_these_do_not_tell_is_its_own(settings: Any, book: Product) -> None:
    adapter = with_editions(settings)
    assert adapter.problems() == []
    card = adapter.get_items([str(book.pk)], None)[str(book.pk)]
    told = [(one.key, one.label, one.price, one.sellable, one.stock) for one in card.variants]
    assert told == [("b-cloth", "cloth", book.price, False, None), ("b-paper", "paperback", book.price, True, None)]
    assert (card.price, card.sellable, card.parent, card.item_key) == (book.price, True, "", str(book.pk))


def test_a_variant_s_key_is_answered_with_what_is_sold(settings: Any, book: Product) -> None:
    adapter = with_editions(settings)
    cards = adapter.get_items(["b-paper", "no-such", str(book.pk + 1)], None)
    assert list(cards) == ["b-paper", str(book.pk + 1)]
    assert (cards["b-paper"].title, cards["b-paper"].parent) == (f"{book.name}, paperback", str(book.pk))
    assert cards["b-paper"].variants == ()
    assert adapter.parents(["b-paper", str(book.pk)]) == {"b-paper": str(book.pk)}
    assert adapter.item_keys([str(book.pk), "b-paper", "b-cloth"]) == [str(book.pk)]


def test_templates_may_hold_a_variant(settings: Any, book: Product) -> None:
    adapter = with_editions(settings)
    assert adapter.key_for(book.editions.first()) == adapter.key_for(book) == str(book.pk)


def test_cards_of_any_number_of_variants_take_two_queries_and_the_catalogue_as_many(
    settings: Any, book: Product
) -> None:
    adapter = with_editions(settings)
    for number in range(20):
        Edition.objects.create(product_id=book.pk + 1, code=f"other-{number}", binding=str(number))
    with CaptureQueriesContext(connection) as queries:
        cards = adapter.get_items([str(book.pk), str(book.pk + 1)], None)
    assert sum(len(card.variants) for card in cards.values()) == 22
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        assert [item.sellable for item in adapter.items()] == [True, True]
    assert len(queries) == 2


def test_an_item_none_of_whose_variants_is_for_sale_is_not_for_sale(settings: Any, book: Product) -> None:
    Edition.objects.update(available=False)
    first, second = with_editions(settings).items()
    assert (first.key, first.sellable, second.sellable) == (str(book.pk), False, True)


def test_the_product_picker_tells_the_price_of_a_variant(settings: Any, book: Product) -> None:
    adapter = with_editions(settings, {"price": lambda edition: 99})
    (card,) = [card for card in adapter.search_items(book.name, limit=5) if card.key == str(book.pk)]
    assert (card.price, len(card.variants)) == (Decimal(99), 2)


def test_lines_of_variants_count_for_the_parent_and_other_lines_for_their_product(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "example_shop"}}
    shirt, tie = variant_shop.sized("shirt", {"S": ("9.00", 1), "M": ("9.00", 1)}), variant_shop.product("tie")
    variant_shop.order(ExampleProduct.objects.get(sku="shirt-S"), ExampleProduct.objects.get(sku="shirt-M"), tie)
    assert sorted(line[1] for line in FieldMapAdapter().order_lines()) == [shirt.sku, shirt.sku, tie.sku]


def test_views_of_variants_count_for_the_parent(settings: Any) -> None:
    shown = {"product_view": "example_shop.OrderLine"}
    paths = {"shopper": "order_id", "item": "product__sku", "parent": "product__parent__sku", "viewed_at": "order_id"}
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "example_shop", **shown, "view": paths}}
    variant_shop.sized("shirt", {"S": ("9.00", 1)})
    variant_shop.order(ExampleProduct.objects.get(sku="shirt-S"), variant_shop.product("tie"))
    seen = FieldMapAdapter().views()
    assert seen is not None
    assert sorted(row[1] for row in seen) == ["shirt", "tie"]


@pytest.mark.parametrize(
    ("fields", "changes", "problem"),
    [
        (
            {"label": "bindng"},
            {},
            "MAP['variant_fields']['label'] is 'bindng', but shop.Edition has no field, property or method 'bindng'. "
            "Did you mean 'binding'?",
        ),
        (
            {"parent": "book"},
            {},
            "MAP['variant_fields']['parent'] is 'book', but shop.Edition has no field 'book'.",
        ),
        (
            {"key": str},
            {},
            "MAP['variant_fields']['key'] is a function; expected a path of fields, since variants are looked up by it.",
        ),
        (
            {},
            {"variant_filter": {"sold": 1}},
            "MAP['variant_filter'] is {'sold': 1}, which is no filter on shop.Edition: ",
        ),
        (
            {"parent": "pk", "key": "pk", "label": "name", "sellable": None},
            {"variant": "shop.Product"},
            "MAP['variant'] is the model of the items themselves: set MAP['item_filter'] so that a variant is no item of "
            "its own, such as {'parent': None}.",
        ),
    ],
)
def test_a_wrong_map_is_told_in_a_sentence(
    settings: Any, fields: dict[str, Any], changes: dict[str, Any], problem: str
) -> None:
    (found,) = with_editions(settings, fields, **changes).problems()
    assert found.startswith(problem)


@pytest.mark.parametrize("missing", ["parent", "key", "label"])
def test_a_map_of_variants_needs_these(missing: str) -> None:
    fields = {**EDITIONS["variant_fields"], missing: None}
    with pytest.raises(MappingError, match=rf"MAP\['variant_fields'\]\['{missing}'\] is missing"):
        resolved_map({"preset": "tutorial", **EDITIONS, "variant_fields": fields})


def test_an_unknown_field_of_variants_is_refused() -> None:
    with pytest.raises(MappingError, match="has the unknown key 'colour'. Known keys: parent, key, label, price, cost"):
        resolved_map({"preset": "tutorial", **EDITIONS, "variant_fields": {"colour": "binding"}})
