"""What holds for every cart. `make test-money` runs 100,000 examples of each."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle_app.models import Bundle
from example_shop.cart import SESSION_KEY, Cart, CartError
from example_shop.models import Category, Product
from tests.example_shop.conftest import make_bundle

COUNT = 4
PARTS = st.dictionaries(st.integers(0, COUNT - 1), st.integers(1, 3), min_size=2, max_size=COUNT)
STEPS = st.lists(
    st.tuples(st.just("single"), st.integers(0, COUNT - 1), st.integers(1, 5)) | st.tuples(st.just("set"), PARTS),
    max_size=4,
)
on_the_shared_shop = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def goods(db: None) -> list[Product]:
    """Four products, of the first of which there are ten pieces and of each next one twice as many."""
    category = Category.objects.create(slug="kitchen", name="Kitchen", position=1)
    return [
        Product.objects.create(
            sku=f"P{number}",
            title=f"Thing {number}",
            category=category,
            price=Decimal(f"{number}.95"),
            stock=10 * 2**number,
        )
        for number in range(COUNT)
    ]


@pytest.fixture
def tea_set(goods: list[Product]) -> Bundle:
    return make_bundle(goods[:2], discount_percent=10)


def filled(steps: list[Any], bundle: Bundle) -> Cart:
    """A cart after these steps; one that the stock does not allow changes nothing."""
    cart = Cart(SessionStore())
    for step in steps:
        try:
            if step[0] == "single":
                cart.add_all({f"P{step[1]}": step[2]})
            else:
                cart.add_bundle(bundle.pk, {f"P{number}": quantity for number, quantity in step[1].items()})
        except CartError:
            continue
    return cart


def stored(cart: Cart) -> Any:
    """What the session keeps, the groups without their random names."""
    kept = cart._session.get(SESSION_KEY) or {"items": {}, "bundles": []}
    return kept["items"], [(group["bundle"], group["parts"]) for group in kept["bundles"]]


@on_the_shared_shop
@given(steps=STEPS, parts=PARTS)
def test_adding_removing_and_adding_again_leaves_the_cart_as_adding_once_does(
    goods: list[Product], tea_set: Bundle, steps: list[Any], parts: dict[int, int]
) -> None:
    cart, wanted = filled(steps, tea_set), {f"P{number}": quantity for number, quantity in parts.items()}
    before = stored(cart)
    try:
        cart.add_bundle(tea_set.pk, wanted)
    except CartError:
        assert stored(cart) == before
        return
    once, (added,) = stored(cart), cart._bundles[-1:]

    cart.remove_bundle(added["name"])
    assert stored(cart) == before

    cart.add_bundle(tea_set.pk, wanted)
    assert stored(cart) == once


@on_the_shared_shop
@given(steps=STEPS, part=st.integers(0, COUNT - 1), quantity=st.integers(0, 5))
def test_breaking_a_set_up_keeps_every_other_piece_and_the_stock(
    goods: list[Product], tea_set: Bundle, steps: list[Any], part: int, quantity: int
) -> None:
    cart, sku = filled([*steps, ("set", {0: 1, 1: 1})], tea_set), f"P{part}"
    if not cart._bundles:
        return
    group, before = cart._bundles[-1], cart.quantities()
    try:
        broken = cart.break_up(group["name"], sku, quantity)
    except CartError:
        assert cart.quantities() == before
        return
    change = Counter({sku: quantity - group["parts"].get(sku, 0)}) if broken else Counter()
    expected = Counter(before)
    expected.update(change)
    assert +cart.quantities() == +expected
    assert all(cart.quantities()[product.sku] <= product.stock for product in goods)
    assert not cart.contents().problems


@on_the_shared_shop
@given(steps=STEPS)
def test_a_cart_never_costs_more_than_its_products_and_its_lines_add_up(
    goods: list[Product], tea_set: Bundle, steps: list[Any]
) -> None:
    contents = filled([*steps, ("set", {0: 1, 1: 1})], tea_set).contents()
    prices = {product.sku: product.price for product in goods}
    assert contents.full == sum((prices[item.product.sku] * item.quantity for item in contents.all_items), Decimal(0))
    assert contents.full / 2 <= contents.total <= contents.full
    for bundle in contents.bundles:
        whole = {item.product.sku: item.quantity for item in bundle.items} == {"P0": 1, "P1": 1}
        assert (bundle.discount > 0) == whole == bundle.is_offered
