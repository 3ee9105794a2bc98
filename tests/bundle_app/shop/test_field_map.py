from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from bundle_app.exceptions import CannotAddToCart, MappingError
from bundle_app.models import Bundle
from bundle_app.shop import FieldMapAdapter
from bundle_app.shop.field_map import resolved_map
from tests.tutorial.shop.models import Category, Product
from tests.worlds import make_order, make_products

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tutorial_shop")]


def added_by_dotted_path(request: Any, lines: Any, bundle: Any) -> None:
    request.append((lines, bundle))


def with_map(settings: Any, **changes: Any) -> FieldMapAdapter:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "tutorial", **changes}}
    return FieldMapAdapter()


def test_the_tutorial_preset_fits_the_tutorial_shop() -> None:
    assert FieldMapAdapter().problems() == []


def test_a_shop_overrides_its_preset_key_by_key() -> None:
    merged = resolved_map({"preset": "tutorial", "line": {"item": "product__sku"}, "search": ["title"]})

    assert merged["line"]["item"] == "product__sku"
    assert merged["line"]["order"] == "order_id"
    assert merged["search"] == ["title"]


def test_order_lines_tell_paid_from_unpaid_in_one_query(django_assert_num_queries: Any) -> None:
    first, second = make_products(2)
    paid, unpaid = make_order(first, second), make_order(first, paid=False)

    with django_assert_num_queries(1):
        lines = set(FieldMapAdapter().order_lines())

    assert {(order, item, counts) for order, item, _quantity, _price, _at, counts, _shopper in lines} == {
        (paid.pk, first.pk, True),
        (paid.pk, second.pk, True),
        (unpaid.pk, first.pk, False),
    }


def test_dots_and_double_underscores_mean_the_same_in_exported_paths(settings: Any) -> None:
    order = make_order(*make_products(1))
    adapter = with_map(settings, line={"ordered_at": "order.created"}, search=["category.name"])

    assert adapter.problems() == []
    assert [line[4] for line in adapter.order_lines(since=order.created)] == [order.created]
    assert len(adapter.search_items("Things", limit=5)) == 1


def test_lines_since_a_moment_leave_older_orders_out() -> None:
    (product,) = make_products(1)
    order = make_order(product)

    lines = FieldMapAdapter().order_lines(since=order.created.replace(year=order.created.year + 1))

    assert list(lines) == []


def test_not_counted_wins_over_counted(settings: Any) -> None:
    (product,) = make_products(1)
    make_order(product)

    lines = with_map(settings, not_counted={"order__email__endswith": "@example.com"}).order_lines()

    assert [line[5] for line in lines] == [False]


def test_a_deleted_product_leaves_a_line_without_item() -> None:
    (product,) = make_products(1)
    make_order(product)
    product.delete()

    assert [line[1] for line in FieldMapAdapter().order_lines()] == [None]


def test_the_catalogue_says_what_can_be_sold() -> None:
    good, gone = make_products(2, category="Tools", price="9.99")
    Product.objects.filter(pk=gone.pk).update(available=False)

    items = {item.key: item for item in FieldMapAdapter().items()}

    assert items[str(good.pk)].category == "Tools"
    assert items[str(good.pk)].price == Decimal("9.99")
    assert items[str(good.pk)].sellable
    assert not items[str(gone.pk)].sellable


@pytest.mark.parametrize("count", [1, 50])
def test_cards_of_any_number_of_items_take_one_query(count: int, django_assert_num_queries: Any) -> None:
    keys = [str(product.pk) for product in make_products(count)]

    with django_assert_num_queries(1):
        cards = FieldMapAdapter().get_items(keys, None)

    assert set(cards) == set(keys)


def test_a_card_has_what_a_page_shows() -> None:
    (product,) = make_products(1, price="1234.50")

    card = FieldMapAdapter().get_items([str(product.pk)], None)[str(product.pk)]

    assert (card.title, card.price, card.currency) == ("Thing 1", Decimal("1234.50"), "USD")
    assert (card.url, card.image_url, card.stock) == (f"/shop/{product.pk}/", "", None)
    assert card.can_sell(1000)


def test_a_key_that_cannot_be_a_primary_key_is_simply_unknown() -> None:
    assert FieldMapAdapter().get_items(["laptop", "'; drop table", "999999"], None) == {}


def test_search_finds_by_word_and_by_key() -> None:
    first, second = make_products(2)

    adapter = FieldMapAdapter()

    assert [card.key for card in adapter.search_items("thing", limit=1)] == [str(first.pk)]
    assert [card.key for card in adapter.search_items(str(second.pk), limit=10)] == [str(second.pk)]


def test_the_key_of_a_product_is_its_primary_key_and_a_key_is_its_own() -> None:
    (product,) = make_products(1)

    assert FieldMapAdapter().key_for(product) == str(product.pk)
    assert FieldMapAdapter().key_for("abc") == "abc"


def test_a_card_knows_its_category_and_where_it_is_mapped_its_cost(settings: Any) -> None:
    (product,) = make_products(1, category="Tools", price="9.99")
    key = str(product.pk)
    card = FieldMapAdapter().get_items([key], None)[key]
    assert (card.category, card.cost) == ("Tools", None)
    card = with_map(settings, item_fields={"cost": "price", "category": None}).get_items([key], None)[key]
    assert (card.category, card.cost) == (None, Decimal("9.99"))


def test_stock_is_read_where_it_is_mapped(settings: Any) -> None:
    (product,) = make_products(1)
    adapter = with_map(settings, item_fields={"stock": lambda product: product.pk})

    card = adapter.get_items([str(product.pk)], None)[str(product.pk)]

    assert card.stock == product.pk
    assert not card.can_sell(product.pk + 1)


def test_relations_are_joined_and_not_asked_one_by_one(django_assert_num_queries: Any) -> None:
    for number in range(5):
        Product.objects.create(category=Category.objects.create(name=f"C{number}"), name="P", price=1)

    with django_assert_num_queries(1):
        categories = {item.category for item in FieldMapAdapter().items()}

    assert categories == {f"C{number}" for number in range(5)}


def test_an_item_filter_hides_what_is_no_product(settings: Any) -> None:
    first, _second = make_products(2)
    adapter = with_map(settings, item_filter={"name": "Thing 1"})

    assert [item.key for item in adapter.items()] == [str(first.pk)]


def test_a_cart_function_is_called_by_its_dotted_path(settings: Any) -> None:
    adapter = with_map(settings, cart="tests.bundle_app.shop.test_field_map.added_by_dotted_path")
    request: Any = []
    bundle = Bundle()

    assert adapter.has_cart
    adapter.add_to_cart(request, [], bundle)

    assert request == [([], bundle)]


def quantities_by_dotted_path(request: Any) -> dict[str, int]:
    return {"7": request.count}


def test_the_cart_s_quantities_are_read_by_their_dotted_path(settings: Any) -> None:
    request: Any = SimpleNamespace(count=3)
    adapter = with_map(settings, cart_quantities=f"{__name__}.quantities_by_dotted_path")

    assert adapter.cart_quantities(request) == {"7": 3}
    assert adapter.problems() == []
    assert with_map(settings).cart_quantities(request) == {}
    wrong = with_map(settings, cart_quantities="no.such.function")
    assert [problem.split(",")[0] for problem in wrong.problems()] == ["MAP['cart_quantities'] is 'no.such.function'"]


def test_what_a_product_costs_the_shop_is_read_where_it_is_mapped(settings: Any) -> None:
    (thing,) = make_products(1, price="10.00")
    adapter = with_map(settings, item_fields={"cost": "price"})

    assert adapter.get_items([str(thing.pk)], None)[str(thing.pk)].cost == Decimal("10.00")
    assert [item.cost for item in adapter.items()] == [Decimal("10.00")]
    assert with_map(settings).get_items([str(thing.pk)], None)[str(thing.pk)].cost is None


def test_what_is_read_watched_or_heard_is_told_where_it_is_mapped(settings: Any) -> None:
    book, cup = make_products(2)
    settings.BUNDLE_APP = {
        "MAP": {"preset": "tutorial", "item_fields": {"content": lambda product: product.pk == book.pk}}
    }

    assert {item.key: item.content for item in FieldMapAdapter().items()} == {str(book.pk): True, str(cup.pk): False}


def test_a_shop_without_a_cart_function_says_what_to_do() -> None:
    request: Any = None

    assert not FieldMapAdapter().has_cart
    with pytest.raises(CannotAddToCart, match="Sets cannot be added to the cart of this shop"):
        FieldMapAdapter().add_to_cart(request, [], Bundle())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "magento"}, "MAP['preset'] is 'magento'; expected one of example_shop, tutorial"),
        ({"order_lin": "x.Y"}, "MAP has the unknown key 'order_lin'. Known keys: cart, cart_quantities, counted"),
        ({"line": {"quantty": "quantity"}}, "MAP['line'] has the unknown key 'quantty'."),
        ({"item_fields": {"title": ""}}, "MAP['item_fields']['title'] is missing; it is needed in every shop."),
        ({"order_line": None}, "MAP['order_line'] is missing"),
        ({"preset": ["tutorial"]}, "MAP['preset'] is ['tutorial']; expected one of"),
        ({"line": None}, "MAP['line'] is None; expected a dict."),
        ({"item_fields": {"title": 5}}, "MAP['item_fields']['title'] is 5; expected a path such as 'category__name'."),
    ],
)
def test_a_map_that_cannot_be_read_says_which_key_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError) as caught:
        resolved_map({"preset": "tutorial", **changes})

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"line": {"ordered_at": "order__creatd"}},
            "MAP['line']['ordered_at'] is 'order__creatd', but orders.Order has no field 'creatd'. Did you mean 'created'?",
        ),
        (
            {"line": {"quantity": "quantity__amount"}},
            "MAP['line']['quantity'] is 'quantity__amount', but 'quantity' is a plain field: nothing can follow it.",
        ),
        (
            {"item_fields": {"url": "get_absolut_url"}},
            "MAP['item_fields']['url'] is 'get_absolut_url', but shop.Product has no field, property or method "
            "'get_absolut_url'. Did you mean 'get_absolute_url'?",
        ),
        ({"counted": {"order__payed": True}}, "MAP['counted'] is {'order__payed': True}, which is no filter on orders"),
        ({"cart": "shop.nowhere.add"}, "MAP['cart'] is 'shop.nowhere.add', which cannot be imported"),
        ({"search": ["nam"]}, "MAP['search'] is 'nam', but shop.Product has no field 'nam'. Did you mean 'name'?"),
    ],
)
def test_a_path_that_leads_nowhere_is_reported(settings: Any, changes: dict[str, Any], message: str) -> None:
    problems = with_map(settings, **changes).problems()

    assert len(problems) == 1
    assert problems[0].startswith(message)


def test_a_window_of_days_needs_a_time(settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "HISTORY_DAYS": 90}

    assert with_map(settings, line={"ordered_at": None}).problems() == [
        "BUNDLE_APP['HISTORY_DAYS'] needs to know when orders were placed: set MAP['line']['ordered_at']."
    ]


def test_a_wrong_model_name_suggests_the_nearest_one(settings: Any) -> None:
    with pytest.raises(
        MappingError, match=r"'shop.Produkt', which is no installed model .* Did you mean 'shop.Product'\?"
    ):
        _ = with_map(settings, item="shop.Produkt").item_model


def test_no_query_asks_for_the_whole_order_table_when_the_catalogue_is_read(settings: Any) -> None:
    from django.db import connection

    make_order(*make_products(3))

    with CaptureQueriesContext(connection) as queries:
        list(FieldMapAdapter().items())

    assert all("orders_orderitem" not in query["sql"] for query in queries)
