"""The cart and the checkout, as a shopper's browser meets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client, RequestFactory

from bundle_app.exceptions import CannotAddToCart
from bundle_app.models import Bundle
from bundle_app.shop import CartLine, get_adapter
from example_shop.cart import Cart
from example_shop.models import Order, Product, Voucher
from example_shop.refunds import take_back


def add(client: Client, product: Product, quantity: int = 1) -> Any:
    return client.post("/cart/add/", {"sku": product.sku, "quantity": quantity})


def add_bundle(client: Client, bundle: Bundle, parts: Sequence[Product]) -> None:
    """What the widget's button does, through the adapter alone."""
    request = RequestFactory().post("/")
    request.session = client.session
    lines = [CartLine(key=part.sku, quantity=1, unit_price=part.price, discount=Decimal(0)) for part in parts]
    get_adapter().add_to_cart(request, lines, bundle)
    request.session.save()


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def order_of(client: Client) -> Order:
    response: Any = client.post("/checkout/", {"email": "ann@example.org"})
    return Order.objects.get(number=response.url.strip("/").split("/")[-1])


def test_a_shopper_finds_adds_and_orders(client: Client, teapot: Product) -> None:
    assert "Teapot" in client.get("/search/", {"q": "teap"}).content.decode()
    assert add(client, teapot, 2).url == "/cart/"
    page = client.get("/cart/").content.decode()
    assert "€80.00" in page
    order = order_of(client)
    assert order.status == Order.Status.PAID
    assert order.email == "ann@example.org"
    assert order.total == Decimal("80.00")
    teapot.refresh_from_db()
    assert (teapot.stock, teapot.sold_count) == (1, 1)
    assert order.number in client.get(order.get_absolute_url()).content.decode()
    assert not Cart(client.session).quantities()


def test_an_order_is_shown_to_nobody_else(client: Client, teapot: Product) -> None:
    add(client, teapot)
    order = order_of(client)
    assert Client().get(order.get_absolute_url()).status_code == 404


def test_a_member_finds_the_order_in_the_account(client: Client, teapot: Product, django_user_model: Any) -> None:
    member = django_user_model.objects.create_user("member-000001", "m@example.org")
    client.force_login(member)
    add(client, teapot)
    order = order_of(client)
    assert order.user == member
    assert order.number in client.get("/account/").content.decode()


def test_more_than_there_is_cannot_be_added(client: Client, teapot: Product) -> None:
    add(client, teapot, 2)
    response = add(client, teapot, 2)
    assert said(response)[-1] == "Only 3 of “Teapot” can be ordered."
    assert Cart(client.session).quantities() == {"POT": 2}


@pytest.mark.parametrize("quantity", ["0", "-1", "100", "many", ""])
def test_a_quantity_that_makes_no_sense_is_refused(client: Client, teapot: Product, quantity: str) -> None:
    response: Any = client.post("/cart/add/", {"sku": "POT", "quantity": quantity})
    assert said(response) == ["That quantity cannot be ordered."]
    assert not Cart(client.session).quantities()


def test_quantities_are_changed_and_lines_removed(client: Client, teapot: Product, cups: Product) -> None:
    add(client, teapot)
    add(client, cups)
    client.post("/cart/update/", {"sku": "POT", "quantity": 3})
    client.post("/cart/update/", {"sku": "CUP", "quantity": 0})
    assert Cart(client.session).quantities() == {"POT": 3}


def test_a_bundle_is_a_group_with_its_discount(client: Client, tea_set: Bundle, teapot: Product, cups: Product) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    page = client.get("/cart/").content.decode()
    assert "Tea for two" in page
    assert "You save €5.00" in page
    assert "€44.99" in page
    order = order_of(client)
    assert order.total == Decimal("44.99")
    assert list(order.lines.values_list("product__sku", "discount", "bundle_id")) == [
        ("POT", Decimal("4.00"), tea_set.pk),
        ("CUP", Decimal("1.00"), tea_set.pk),
    ]


def test_removing_a_bundle_removes_all_its_parts_and_nothing_else(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add(client, cups)
    add_bundle(client, tea_set, [teapot, cups])
    assert Cart(client.session).quantities() == {"POT": 1, "CUP": 2}
    (name,) = [bundle.name for bundle in Cart(client.session).contents().bundles]
    client.post("/cart/remove-bundle/", {"name": name})
    assert Cart(client.session).quantities() == {"CUP": 1}


@pytest.mark.parametrize("name", ["0", "-1", "x", "", "99999999999999999999"])
def test_a_group_that_is_not_there_is_neither_removed_nor_changed(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product, name: str
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    assert client.post("/cart/remove-bundle/", {"name": name}).status_code == 302
    assert client.post("/cart/change-part/", {"name": name, "sku": "POT", "quantity": 0}).status_code == 302
    contents = Cart(client.session).contents()
    assert [bundle.discount for bundle in contents.bundles] == [Decimal("5.00")]
    assert not contents.items


def test_a_second_window_cannot_take_another_set_out(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    """Two sets: the first is removed in one window, then once more in another that still shows it first."""
    add_bundle(client, tea_set, [teapot, cups])
    add_bundle(client, tea_set, [teapot, cups])
    first = Cart(client.session).contents().bundles[0].name
    for _window in range(2):
        client.post("/cart/remove-bundle/", {"name": first})
    assert Cart(client.session).quantities() == {"POT": 1, "CUP": 1}


@pytest.mark.parametrize("quantity", [0, 2])
def test_a_part_that_changes_ends_the_discount_and_the_shopper_is_told(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product, quantity: int
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    (name,) = [bundle.name for bundle in Cart(client.session).contents().bundles]
    response = client.post("/cart/change-part/", {"name": name, "sku": "POT", "quantity": quantity})
    assert said(response) == [
        "“Tea for two” is no set any more: its discount of €5.00 has ended, and what is left of it are single items."
    ]
    contents = Cart(client.session).contents()
    assert not contents.bundles
    assert +Cart(client.session).quantities() == Counter({"POT": quantity, "CUP": 1}) + Counter()
    assert contents.discount == 0


def test_a_part_is_not_raised_beyond_the_stock_and_the_set_stays_whole(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    (name,) = [bundle.name for bundle in Cart(client.session).contents().bundles]
    response = client.post("/cart/change-part/", {"name": name, "sku": "POT", "quantity": 4})
    assert said(response)[-1] == "Only 3 of “Teapot” can be ordered."
    assert Cart(client.session).contents().discount == Decimal("5.00")


def test_the_same_quantity_breaks_nothing_up(client: Client, tea_set: Bundle, teapot: Product, cups: Product) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    (name,) = [bundle.name for bundle in Cart(client.session).contents().bundles]
    assert said(client.post("/cart/change-part/", {"name": name, "sku": "POT", "quantity": 1})) == []
    assert Cart(client.session).contents().discount == Decimal("5.00")


def test_the_widget_s_button_sends_the_showing_along_to_the_order_line(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    client.post(f"/bundles/{tea_set.pk}/add/", {"impression": "shown:17"})
    order = order_of(client)
    assert set(order.lines.values_list("impression", "bundle_id", "bundle_group")) == {("shown:17", tea_set.pk, 1)}


@pytest.mark.parametrize("impression", ["x" * 513, "\x00"])
def test_a_showing_that_no_widget_sent_does_not_cost_the_sale(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product, impression: str
) -> None:
    client.post(f"/bundles/{tea_set.pk}/add/", {"impression": impression})
    assert set(order_of(client).lines.values_list("impression", flat=True)) == {""}


def test_two_sets_of_one_bundle_stay_apart_in_the_order(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    add_bundle(client, tea_set, [teapot, cups])
    order = order_of(client)
    assert sorted(order.lines.values_list("bundle_group", "product__sku")) == [
        (1, "CUP"),
        (1, "POT"),
        (2, "CUP"),
        (2, "POT"),
    ]
    tea_set.refresh_from_db()
    assert tea_set.use_count == 2


def test_the_last_set_goes_to_the_first_group_and_the_other_is_told(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    add_bundle(client, tea_set, [teapot, cups])
    Bundle.objects.update(max_uses=1)
    page = client.get("/cart/").content.decode()
    assert page.count("No more of this set are left at its price; its parts are at their usual price.") == 1
    assert Cart(client.session).contents().discount == Decimal("5.00")
    order = order_of(client)
    assert order.saving == Decimal("5.00")
    assert order.lines.filter(bundle_id__isnull=True).count() == 2


def test_a_total_that_is_not_the_one_shown_is_not_charged_unasked(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    assert 'name="expected_total" value="44.99"' in client.get("/checkout/").content.decode()
    Bundle.objects.update(status=Bundle.Status.PAUSED)
    response: Any = client.post("/checkout/", {"email": "ann@example.org", "expected_total": "44.99"})
    assert response.url == "/cart/"
    assert said(response)[-1] == "Something in your cart has changed its price. Please look at it once more."
    assert not Order.objects.exists()
    response = client.post("/checkout/", {"email": "ann@example.org", "expected_total": "49.99"})
    assert Order.objects.get().total == Decimal("49.99")


def test_no_set_is_sold_below_what_it_costs_the_shop(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    Product.objects.filter(sku="POT").update(cost=Decimal("39.00"))
    Bundle.objects.update(discount_percent=40)
    add_bundle(client, tea_set, [teapot, cups])
    assert order_of(client).total == Decimal("39.00") + Decimal("5.00")


def test_stock_is_counted_over_single_items_and_bundles_together(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add(client, teapot, 3)
    with pytest.raises(CannotAddToCart, match="Only 3 of “Teapot” can be ordered"):
        add_bundle(client, tea_set, [teapot, cups])
    assert Cart(client.session).quantities() == {"POT": 3}


def test_the_rest_of_a_bundle_goes_in_as_single_items(client: Client, tea_set: Bundle, cups: Product) -> None:
    add_bundle(client, tea_set, [cups])
    contents = Cart(client.session).contents()
    assert not contents.bundles
    assert contents.total == cups.price


def test_a_bundle_that_was_paused_loses_its_discount_and_says_so(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    Bundle.objects.update(status=Bundle.Status.PAUSED)
    page = client.get("/cart/").content.decode()
    assert "not on offer any more" in page
    assert "€49.99" in page
    assert order_of(client).total == Decimal("49.99")


def test_a_price_that_changed_is_charged_as_it_is_now(
    client: Client, tea_set: Bundle, teapot: Product, cups: Product
) -> None:
    add_bundle(client, tea_set, [teapot, cups])
    Product.objects.filter(sku="POT").update(price=Decimal("20.00"))
    order = order_of(client)
    assert order.total == Decimal("26.99")
    assert sum(line.discount for line in order.lines.all()) == Decimal("3.00")


def test_what_sold_out_meanwhile_is_not_ordered_and_nothing_is_written(
    client: Client, teapot: Product, cups: Product
) -> None:
    add(client, teapot)
    add(client, cups)
    Product.objects.filter(sku="POT").update(stock=0)
    response: Any = client.post("/checkout/", {"email": "ann@example.org"})
    assert response.url == "/cart/"
    assert said(response)[-1] == "“Teapot” is sold out."
    assert not Order.objects.exists()
    cups.refresh_from_db()
    assert cups.stock == 5


def test_a_product_that_was_deleted_is_named_in_the_cart(client: Client, teapot: Product) -> None:
    add(client, teapot)
    teapot.delete()
    assert "“POT” is not sold any more." in client.get("/cart/").content.decode()


def test_an_empty_cart_cannot_be_ordered(client: Client, db: None) -> None:
    responses: list[Any] = [client.get("/checkout/"), client.post("/checkout/", {"email": "ann@example.org"})]
    assert [response.url for response in responses] == ["/cart/", "/cart/"]
    assert not Order.objects.exists()


def test_a_wrong_address_is_explained_beside_its_field(client: Client, teapot: Product) -> None:
    add(client, teapot)
    page = client.post("/checkout/", {"email": "ann"}).content.decode()
    assert "Enter a valid email address." in page
    assert not Order.objects.exists()


def test_a_change_without_the_token_of_a_form_is_refused(teapot: Product) -> None:
    assert Client(enforce_csrf_checks=True).post("/cart/add/", {"sku": "POT", "quantity": 1}).status_code == 403


class TestAVoucher:
    @pytest.fixture
    def tenth(self, db: None) -> Voucher:
        return Voucher.objects.create(code="TENTH", percent=10)

    def use(self, client: Client, code: str) -> list[str]:
        return said(client.post("/cart/voucher/", {"code": code}))

    def test_it_leaves_a_set_alone_that_cannot_be_combined(
        self, client: Client, tenth: Voucher, tea_set: Bundle, teapot: Product, cups: Product
    ) -> None:
        add(client, cups)
        add_bundle(client, tea_set, [teapot, cups])
        self.use(client, " tenth ")
        page = client.get("/cart/").content.decode()
        assert "Voucher TENTH" in page
        assert "The voucher does not count for sets that cannot be combined with it." in page
        assert "−€1.00" in page
        order = order_of(client)
        assert (order.saving, order.voucher_saving, order.total) == (
            Decimal("5.00"),
            Decimal("1.00"),
            Decimal("53.98"),
        )
        assert list(order.lines.values_list("bundle_id", "voucher_discount")) == [
            (None, Decimal("1.00")),
            (tea_set.pk, Decimal(0)),
            (tea_set.pk, Decimal(0)),
        ]

    def test_it_counts_for_a_set_that_may_be_combined(
        self, client: Client, tenth: Voucher, tea_set: Bundle, teapot: Product, cups: Product
    ) -> None:
        Bundle.objects.update(combinable=True)
        add_bundle(client, tea_set, [teapot, cups])
        self.use(client, "TENTH")
        assert "does not count for sets" not in client.get("/cart/").content.decode()
        order = order_of(client)
        assert (order.saving, order.voucher_saving) == (Decimal("5.00"), Decimal("4.50"))
        assert order.total == Decimal("40.49")

    def test_it_counts_for_what_is_left_of_a_set_that_is_broken_up(
        self, client: Client, tenth: Voucher, tea_set: Bundle, teapot: Product, cups: Product
    ) -> None:
        add_bundle(client, tea_set, [teapot, cups])
        self.use(client, "TENTH")
        (name,) = [bundle.name for bundle in Cart(client.session).contents().bundles]
        client.post("/cart/change-part/", {"name": name, "sku": "CUP", "quantity": 0})
        assert Cart(client.session).contents().total == Decimal("36.00")

    def test_one_that_is_unknown_or_switched_off_is_refused(self, client: Client, tenth: Voucher) -> None:
        assert self.use(client, "HALF")[-1] == "There is no voucher “HALF”."
        Voucher.objects.update(active=False)
        assert self.use(client, "TENTH")[-1] == "There is no voucher “TENTH”."

    def test_an_empty_code_takes_it_away(self, client: Client, tenth: Voucher, cups: Product) -> None:
        add(client, cups)
        self.use(client, "TENTH")
        self.use(client, "")
        assert Cart(client.session).contents().total == cups.price

    def test_a_part_that_comes_back_pays_back_what_was_paid_for_it(
        self, client: Client, tenth: Voucher, cups: Product
    ) -> None:
        add(client, cups)
        self.use(client, "TENTH")
        order = order_of(client)
        (line,) = order.lines.all()
        assert take_back(order, {line.pk: 1}) == Decimal("8.99")
