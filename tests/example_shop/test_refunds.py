"""What comes back: paid back to the cent, into stock again, and by a clerk in admin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from bundle_app import redemptions
from bundle_app.models import Bundle
from example_shop.models import Order, OrderLine, Product
from example_shop.refunds import RefundError, take_back


@pytest.fixture
def order(tea_set: Bundle, teapot: Product, cups: Product) -> Order:
    """A tea set, 4.00 and 1.00 off, and three single cups."""
    made = Order.objects.create(number="L1", email="ann@example.org", placed_at=timezone.now(), status="paid")
    in_set = {"order": made, "bundle_id": tea_set.pk, "bundle_group": 1, "quantity": 1}
    OrderLine.objects.bulk_create(
        [
            OrderLine(product=teapot, title="Teapot", unit_price=Decimal("40.00"), discount=Decimal("4.00"), **in_set),
            OrderLine(product=cups, title="Cups", unit_price=Decimal("9.99"), discount=Decimal("1.00"), **in_set),
            OrderLine(order=made, product=cups, title="Cups", unit_price=Decimal("9.99"), quantity=3),
        ]
    )
    redemptions.redeem(made.number, {tea_set.pk: 1})
    return made


def pieces(order: Order, *counts: int) -> dict[int, int]:
    return dict(zip(order.lines.values_list("pk", flat=True), counts, strict=True))


def test_a_part_of_a_set_pays_back_its_share_and_the_others_keep_theirs(order: Order, teapot: Product) -> None:
    assert take_back(order, pieces(order, 1, 0, 0)) == Decimal("36.00")
    assert list(order.lines.values_list("refunded_quantity", "refunded_amount")) == [
        (1, Decimal("36.00")),
        (0, Decimal(0)),
        (0, Decimal(0)),
    ]
    teapot.refresh_from_db()
    assert teapot.stock == 4
    assert take_back(order, pieces(order, 0, 1, 0)) == Decimal("8.99")


def test_all_that_comes_back_pays_back_all_that_was_paid_and_frees_the_set(order: Order, tea_set: Bundle) -> None:
    paid = order.total
    refunds = [take_back(order, pieces(order, 1, 0, 1)), take_back(order, pieces(order, 0, 1, 2))]
    assert sum(refunds) == paid
    tea_set.refresh_from_db()
    assert tea_set.use_count == 0


def test_more_than_was_bought_does_not_come_back_and_nothing_is_written(order: Order) -> None:
    with pytest.raises(RefundError, match="“Cups”: 4 pieces cannot come back; 3 can."):
        take_back(order, pieces(order, 1, 0, 4))
    assert set(order.lines.values_list("refunded_quantity", flat=True)) == {0}


def test_the_database_refuses_a_refund_beyond_what_was_paid(order: Order) -> None:
    with pytest.raises(IntegrityError, match="example_shop_line_refund_within_line"):
        order.lines.filter(discount=4).update(refunded_quantity=1, refunded_amount=Decimal("36.01"))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"bundle_id": None, "bundle_group": None}, "example_shop_line_discount_is_of_a_bundle"),
        ({"bundle_group": None}, "example_shop_line_of_a_bundle_in_a_group"),
    ],
)
def test_the_database_keeps_a_discount_with_its_set(order: Order, values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        order.lines.filter(discount=4).update(**values)


class TestInAdmin:
    def path(self, order: Order) -> str:
        return f"/admin/example_shop/order/{order.pk}/refund/"

    def sent(self, order: Order, *counts: int) -> dict[str, int]:
        return {f"line-{pk}": count for pk, count in pieces(order, *counts).items()}

    def test_a_clerk_finds_the_page_and_takes_a_part_back(self, admin_client: Client, order: Order) -> None:
        page = admin_client.get(f"/admin/example_shop/order/{order.pk}/change/").content.decode()
        assert self.path(order) in page
        assert "€36.00" in admin_client.get(self.path(order)).content.decode()
        response = admin_client.post(self.path(order), self.sent(order, 1, 0, 0), follow=True)
        assert "€36.00 paid back." in response.content.decode()

    def test_a_cancelled_order_frees_its_sets(self, admin_client: Client, order: Order, tea_set: Bundle) -> None:
        data = {"number": "L1", "email": "ann@example.org", "placed_at_0": "2026-01-02", "placed_at_1": "03:04:05"}
        lines = {"lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0, "status": "cancelled"}
        response = admin_client.post(f"/admin/example_shop/order/{order.pk}/change/", {**data, **lines})
        assert response.status_code == 302
        tea_set.refresh_from_db()
        assert tea_set.use_count == 0

    def test_too_many_are_refused_beside_their_line(self, admin_client: Client, order: Order) -> None:
        response = admin_client.post(self.path(order), self.sent(order, 2, 0, 0))
        assert "Ensure this value is less than or equal to 1." in response.content.decode()

    def test_an_order_that_came_back_whole_says_so(self, admin_client: Client, order: Order) -> None:
        take_back(order, pieces(order, 1, 1, 3))
        assert "Everything in this order has come back." in admin_client.get(self.path(order)).content.decode()

    def test_who_may_not_change_orders_takes_nothing_back(self, order: Order, django_user_model: Any) -> None:
        clerk = django_user_model.objects.create_user("clerk", is_staff=True)
        client = Client()
        client.force_login(clerk)
        assert client.post(self.path(order), self.sent(order, 1, 0, 0)).status_code == 403
