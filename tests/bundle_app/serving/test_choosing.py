"""Variants where bundles are sold: which one is, what that costs, and what cannot be chosen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from bundle_app import serving
from bundle_app.exceptions import BundleNotOnOffer, CannotAddToCart, ChoiceNotOffered
from bundle_app.models import Bundle, Rule
from bundle_app.models.rule import RuleKind
from bundle_app.shop import get_adapter
from example_shop.cart import Cart
from example_shop.models import Product
from tests.bundle_app.variant_shop import bundle, product, request_with, sized

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> SessionStore:
    return SessionStore()


@pytest.fixture
def outfit() -> Bundle:
    """Shoes at 40 in S (sold out), M (one pair) and L, XL at 60; and a bottle for 10."""
    shoes = sized("shoes", {"S": ("40.00", 0), "M": ("40.00", 1), "L": ("40.00", 5), "XL": ("60.00", 5)})
    return bundle({shoes: 1, product("bottle"): 1}, title="Outfit")


def sold(offer: serving.Offer | None) -> list[str]:
    assert offer is not None
    return [part.item.key for part in offer.parts]


def test_without_a_choice_the_first_variant_to_be_had_is_sold(outfit: Bundle) -> None:
    found = serving.offer(outfit, request=None)
    assert found is not None
    assert sold(found) == ["shoes-M", "bottle"]
    shoes, bottle = found.parts
    assert (shoes.name, shoes.variant, shoes.item.title, shoes.item.parent) == ("Shoes", "M", "Shoes, M", "shoes")
    told = [(option.variant.label, option.can_be_had, option.is_chosen) for option in shoes.options]
    assert told == [("S", False, False), ("M", True, True), ("L", True, False), ("XL", True, False)]
    assert (bottle.options, bottle.variant, bottle.is_choice) == ((), "", False)
    assert found.title == "Outfit"
    assert found.price.total == Decimal("45.00")


def test_the_chosen_variant_is_priced_and_carries_its_share_of_the_discount(outfit: Bundle) -> None:
    found = serving.offer_by_id(outfit.pk, request=None, choices=["shoes-XL"])
    assert found is not None
    assert [(line.key, line.parent, line.item_key, line.unit_price, line.discount) for line in found.cart_lines] == [
        ("shoes-XL", "shoes", "shoes", Decimal("60.00"), Decimal("6.00")),
        ("bottle", "", "bottle", Decimal("10.00"), Decimal("1.00")),
    ]


def test_the_first_to_be_had_is_another_once_the_cart_holds_the_last_of_it(
    outfit: Bundle, session: SessionStore
) -> None:
    serving.add_to_cart(outfit.pk, request_with(session))
    serving.add_to_cart(outfit.pk, request_with(session))
    assert Cart(session).quantities() == {"shoes-M": 1, "shoes-L": 1, "bottle": 2}


def test_several_pieces_are_all_of_one_variant_that_has_as_many() -> None:
    socks = sized("socks", {"S": ("5.00", 1), "M": ("5.00", 2)})
    pair = bundle({socks: 2, product("bottle"): 1})
    assert sold(serving.offer(pair, request=None)) == ["socks-M", "bottle"]
    Product.objects.filter(sku="socks-M").update(stock=1)
    assert serving.offer(pair, request=None) is None
    assert serving.problems(pair, request=None) == ["Socks, S: 1 in stock, 2 needed."]


@pytest.mark.parametrize(
    "choices", [["shoes-XXL"], ["bottle"], ["shoes"], ["shoes-M", "shoes-L"], [""], ["shoes-L", "shoes-L"]]
)
def test_what_is_no_choice_is_refused_and_nothing_is_added(
    outfit: Bundle, session: SessionStore, choices: list[str]
) -> None:
    with pytest.raises(ChoiceNotOffered, match="That choice is not offered any more. Please choose once more."):
        serving.add_to_cart(outfit.pk, request_with(session), choices=choices)
    with pytest.raises(ChoiceNotOffered):
        serving.offer_by_id(outfit.pk, request=None, choices=choices)
    assert not Cart(session).quantities()


def test_a_choice_that_is_sold_out_is_named_and_nothing_is_added(outfit: Bundle, session: SessionStore) -> None:
    with pytest.raises(CannotAddToCart, match="Sold out: Shoes, S. Nothing was added to your cart."):
        serving.add_to_cart(outfit.pk, request_with(session), choices=["shoes-S"])
    assert not Cart(session).quantities()


def test_an_item_that_is_off_the_shop_is_sold_in_no_variant(outfit: Bundle) -> None:
    Product.objects.filter(sku="shoes").update(active=False)
    assert serving.offer(outfit, request=None) is None
    assert serving.problems(outfit, request=None) == ["Shoes, S is not for sale."]


def test_in_the_cart_any_variant_counts_as_the_part_and_only_the_rest_is_offered(
    outfit: Bundle, session: SessionStore
) -> None:
    request = request_with(session, "shoes-XL")
    template = Template("{% load bundles %}{% bundles_for placement='cart' as found %}")
    context = Context({"request": request})
    template.render(context)
    (found,) = context["found"]
    assert [(part.item.key, part.in_cart) for part in found.parts] == [("shoes-XL", True), ("bottle", False)]
    assert found.price.total == Decimal("10.00")
    serving.add_to_cart(outfit.pk, request, only_missing=True)
    assert Cart(session).quantities() == {"shoes-XL": 1, "bottle": 1}
    with pytest.raises(CannotAddToCart, match="All of this set is in your cart already."):
        serving.add_to_cart(outfit.pk, request, only_missing=True)


def test_a_size_is_exchanged_and_the_bundle_stays_whole(outfit: Bundle) -> None:
    cards = get_adapter().get_items(["shoes-L", "shoes", "bottle"], None)
    groups = [
        serving.HeldBundle(bundle_id=outfit.pk, quantities={"shoes-L": 1, "bottle": 1}),
        serving.HeldBundle(bundle_id=outfit.pk, quantities={"shoes": 1, "bottle": 1}),
        serving.HeldBundle(bundle_id=outfit.pk, quantities={"shoes-L": 2, "bottle": 1}),
    ]
    standings = [priced.standing for priced in serving.price_held(groups, cards)]
    whole, broken_up = serving.HeldStanding.WHOLE, serving.HeldStanding.BROKEN_UP
    assert standings == [whole, broken_up, broken_up]


def test_the_floor_is_that_of_the_chosen_variant(outfit: Bundle) -> None:
    Product.objects.filter(sku="shoes-XL").update(cost=Decimal("58.00"))
    Product.objects.filter(sku__in=["shoes-M", "bottle"]).update(cost=Decimal("1.00"))
    Bundle.objects.update(discount_percent=Decimal(40))
    by_choice = {
        choice: found.price.total
        for choice in ("shoes-M", "shoes-XL")
        if (found := serving.offer_by_id(outfit.pk, request=None, choices=[choice]))
    }
    # Half of what each part costs, or its cost: 20 + 5, and 58 + 5.
    assert by_choice == {"shoes-M": Decimal("30.00"), "shoes-XL": Decimal("63.00")}


def test_stock_is_that_of_the_chosen_variant(outfit: Bundle) -> None:
    for choice, count in (("shoes-M", 1), ("shoes-XL", 5)):
        found = serving.offer_by_id(outfit.pk, request=None, choices=[choice])
        assert found is not None
        assert found.available == count


def test_rules_speak_of_the_parent_and_judge_the_price_of_the_choice(outfit: Bundle) -> None:
    Rule.objects.create(kind=RuleKind.PRICE_BAND, item_key="shoes", highest_price=Decimal(50), currency="EUR")
    assert serving.offer_by_id(outfit.pk, request=None, choices=["shoes-L"]) is not None
    with pytest.raises(BundleNotOnOffer):
        serving.offer_by_id(outfit.pk, request=None, choices=["shoes-XL"])


@pytest.mark.parametrize("sku_count", [1, 3])
def test_a_page_costs_five_queries_however_many_variants(sku_count: int, session: SessionStore) -> None:
    for number in range(sku_count):
        shirt = sized(f"shirt{number}", dict.fromkeys("SML"[: number + 1], ("10.00", 3)))
        bundle({shirt: 1, product(f"tie{number}"): 1})
    with CaptureQueriesContext(connection) as queries:
        found = serving.bundles_for([], request=request_with(session), limit=9)
    assert len(found) == sku_count
    assert len(queries) == 5
