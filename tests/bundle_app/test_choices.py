"""A choice from the shopper's side: in the widget's markup, in its form, and in the REST interface."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from bundle_app.models import Bundle
from example_shop.cart import Cart
from example_shop.models import Product
from tests.bundle_app.variant_shop import bundle, product, sized

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_throttle_of_before() -> None:
    cache.clear()


@pytest.fixture
def outfit() -> Bundle:
    """Shoes in S (sold out), M, and XL at another price, and a bottle."""
    shoes = sized("shoes", {"S": ("40.00", 0), "M": ("40.00", 5), "XL": ("60.00", 5)})
    return bundle({shoes: 1, product("bottle"): 1})


class Choices(HTMLParser):
    """The lists of choices in a page: attributes, and options as (value, attributes without a value, text)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lists: list[dict[str, str | None]] = []
        self.options: list[tuple[str | None, set[str], str]] = []
        self._in_option = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._in_option = tag == "option"
        if tag == "select" and found.get("class") == "bundle-choice":
            self.lists.append(found)
        if tag == "option" and self.lists:
            self.options.append((found["value"], {name for name, value in attrs if value is None}, ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_option = self._in_option and tag != "option"

    def handle_data(self, data: str) -> None:
        if self._in_option and self.options:
            value, flags, text = self.options[-1]
            self.options[-1] = (value, flags, text + data)


def page_of(sku: str, **headers: str) -> str:
    return Client().get(f"/product/{sku}/", headers=headers).content.decode()


def test_a_part_in_several_variants_has_a_list_that_belongs_to_the_form(outfit: Bundle) -> None:
    html = page_of("bottle")
    choices = Choices(html)
    (found,) = choices.lists
    assert (found["name"], found["aria-label"]) == ("choices", "Choose: Shoes")
    assert f'id="{found["form"]}"' in html
    assert f'data-offer="/bundles/api/bundles/{outfit.pk}/"' in html
    assert choices.options == [
        ("shoes-S", {"disabled"}, "S (sold out)"),
        ("shoes-M", {"selected"}, "M · €40.00"),
        ("shoes-XL", set(), "XL · €60.00"),
    ]
    assert "<noscript>" in html


def test_prices_are_told_where_they_differ_only(outfit: Bundle) -> None:
    Product.objects.filter(parent__isnull=False).update(price=40)
    html = page_of("bottle")
    assert [text for _value, _flags, text in Choices(html).options] == ["S (sold out)", "M", "XL"]
    assert "<noscript>" not in html


def test_one_variant_is_no_choice_and_is_named(outfit: Bundle) -> None:
    Product.objects.filter(sku__in=["shoes-S", "shoes-XL"]).delete()
    html = page_of("bottle")
    assert Choices(html).lists == []
    assert '<span class="bundle-this">M</span>' in html
    assert "data-offer" not in html


def test_the_list_speaks_chinese(outfit: Bundle) -> None:
    html = page_of("bottle", **{"accept-language": "zh-hans"})
    choices = Choices(html)
    assert choices.lists[0]["aria-label"] == "请选择：Shoes"
    assert choices.options[0][2] == "S (已售罄)"


def test_a_title_in_a_choice_is_escaped(outfit: Bundle) -> None:
    Product.objects.filter(sku="shoes-M").update(size='"><script>', sku='"><script>')
    html = page_of("bottle")
    assert "<script>" not in html.partition('class="bundle-widget"')[2].partition("</section>")[0]
    assert '"><script>' in [value for value, _flags, _text in Choices(html).options]


def test_the_form_sells_what_was_chosen_and_says_which(client: Client, outfit: Bundle) -> None:
    client.post(f"/bundles/{outfit.pk}/add/", {"choices": "shoes-XL"})
    assert Cart(client.session).quantities() == {"shoes-XL": 1, "bottle": 1}
    cart = client.get("/cart/").content.decode()
    assert "Added to your cart: Shoes, XL + Bottle" in cart
    assert "You save €7.00" in cart


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("shoes-S", "Sold out: Shoes, S. Nothing was added to your cart."),
        ("shoes-L", "That choice is not offered any more. Please choose once more."),
    ],
)
def test_what_cannot_be_sold_is_said_and_nothing_is_added(
    client: Client, outfit: Bundle, choice: str, said: str
) -> None:
    client.post(f"/bundles/{outfit.pk}/add/", {"choices": choice})
    assert not Cart(client.session).quantities()
    assert said in client.get("/cart/").content.decode()


class TestRest:
    def answer(self, made: Bundle, **query: Any) -> Any:
        return Client().get(f"/bundles/api/bundles/{made.pk}/", query)

    def test_an_offer_lists_what_can_be_chosen(self, outfit: Bundle) -> None:
        shoes, bottle = self.answer(outfit).json()["parts"]
        assert (shoes["key"], shoes["item_key"], shoes["title"]) == ("shoes-M", "shoes", "Shoes, M")
        assert shoes["variants"] == [
            {"key": "shoes-S", "title": "S", "unit_price": "40.00", "available": False, "chosen": False},
            {"key": "shoes-M", "title": "M", "unit_price": "40.00", "available": True, "chosen": True},
            {"key": "shoes-XL", "title": "XL", "unit_price": "60.00", "available": True, "chosen": False},
        ]
        assert (bottle["key"], bottle["item_key"], bottle["variants"]) == ("bottle", "bottle", [])

    def test_it_is_priced_by_the_choice_in_numbers_and_in_words(self, outfit: Bundle) -> None:
        found = self.answer(outfit, choices="shoes-XL").json()
        assert (found["full_price"], found["discount"], found["total"]) == ("70.00", "7.00", "63.00")
        assert found["words"] == {
            "unit_prices": ["€60.00", "€10.00"],
            "full_price": "€70.00",
            "total": "€63.00",
            "saving": "You save €7.00",
        }

    def test_what_is_in_the_cart_is_left_out_where_asked(self, client: Client, outfit: Bundle) -> None:
        client.post("/cart/add/", {"sku": "bottle", "quantity": 1})
        path = f"/bundles/api/bundles/{outfit.pk}/"
        found = client.get(path, {"choices": "shoes-XL", "only_missing": "1"}).json()
        assert (found["total"], [part["in_cart"] for part in found["parts"]]) == ("60.00", [False, True])
        assert client.get(path, {"choices": "shoes-XL"}).json()["total"] == "63.00"

    @pytest.mark.parametrize(
        ("choices", "status", "code"),
        [
            ("shoes-L", 400, "invalid"),
            (["shoes-M", "shoes-XL"], 400, "invalid"),
            ("x" * 65, 400, "invalid"),
            ("shoes-S", 404, "sold_out"),
        ],
    )
    def test_what_cannot_be_chosen_is_refused(self, outfit: Bundle, choices: Any, status: int, code: str) -> None:
        found = self.answer(outfit, choices=choices)
        assert (found.status_code, found.json()["code"]) == (status, code)

    def test_choices_are_sent_as_json_when_adding(self, client: Client, outfit: Bundle) -> None:
        path = f"/bundles/api/bundles/{outfit.pk}/add/"
        answers = [
            client.post(path, {"choices": choices}, content_type="application/json")
            for choices in (["shoes-S"], ["shoes-L"], "shoes-XL", ["shoes-XL"])
        ]
        assert [(found.status_code, found.json().get("code")) for found in answers] == [
            (409, "cannot_add"),
            (409, "cannot_add"),
            (400, "invalid"),
            (200, None),
        ]
        assert Cart(client.session).quantities() == {"shoes-XL": 1, "bottle": 1}

    def test_a_variant_s_key_finds_the_bundles_of_its_item(self, client: Client, outfit: Bundle) -> None:
        def found(**query: str) -> list[int]:
            return [offer["id"] for offer in client.get("/bundles/api/bundles/", query).json()["results"]]

        assert found(item="shoes-XL") == [outfit.pk]
        assert found(exclude="shoes-XL") == []


def test_a_page_of_a_size_is_that_of_its_product_with_the_size_chosen(outfit: Bundle) -> None:
    html = page_of("shoes-XL")
    assert re.search(r'<option value="shoes-XL" selected>XL', html)
    assert "<dd>shoes</dd>" in html
    assert len(Choices(html).lists) == 1


def test_no_listing_shows_a_size_and_a_product_is_sold_out_with_its_last_size(outfit: Bundle) -> None:
    def card() -> str:
        html = Client().get("/category/kitchen/").content.decode()
        assert "/product/shoes-" not in html
        return html.partition('href="/product/shoes/"')[2].partition("</article>")[0]

    assert "Sold out" not in card()
    Product.objects.filter(parent__sku="shoes").update(stock=0)
    assert "Sold out" in card()


def test_a_product_in_sizes_is_not_sold_without_one(client: Client, outfit: Bundle) -> None:
    Product.objects.filter(sku="shoes").update(stock=5)
    client.post("/cart/add/", {"sku": "shoes", "quantity": 1})
    assert not Cart(client.session).quantities()
    assert "Please choose a size." in client.get("/cart/").content.decode()


def test_the_checkout_takes_the_size_from_stock_and_counts_the_sale_for_both(client: Client, outfit: Bundle) -> None:
    client.post(f"/bundles/{outfit.pk}/add/", {"choices": "shoes-XL"})
    client.post("/checkout/", {"email": "ann@example.org"})
    counts = dict(Product.objects.values_list("sku", "sold_count"))
    assert counts == {"shoes": 1, "shoes-S": 0, "shoes-M": 0, "shoes-XL": 1, "bottle": 1}
    stocks = dict(Product.objects.values_list("sku", "stock"))
    assert stocks == {"shoes": 0, "shoes-S": 0, "shoes-M": 5, "shoes-XL": 4, "bottle": 8}


def test_sizes_are_kept_with_their_product_in_admin(admin_client: Client, outfit: Bundle) -> None:
    def page(sku: str) -> str:
        number = Product.objects.get(sku=sku).pk
        return admin_client.get(f"/admin/example_shop/product/{number}/change/").content.decode()

    assert 'name="sizes-0-size"' in page("shoes")
    assert 'name="sizes-TOTAL_FORMS"' not in page("shoes-M")
