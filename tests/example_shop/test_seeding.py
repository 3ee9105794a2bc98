"""Filling the shop from the generator."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

from example_shop.generate import products
from example_shop.models import Order, Product, ShopSource


def test_the_shop_is_filled_and_numbers_new_rows_from_there(generated_shop: ShopSource) -> None:
    assert Product.objects.filter(parent=None).count() == len(products())
    assert Order.objects.count() == 200
    assert Order.objects.filter(user__isnull=False).exists()
    new = Order.objects.create(number="NEW", status=Order.Status.PAID)
    assert new.pk > Order.objects.exclude(pk=new.pk).order_by("-pk")[0].pk


def test_sales_count_paid_orders_only(generated_shop: ShopSource) -> None:
    product = Product.objects.order_by("-sold_count")[0]
    paid = Order.objects.filter(status="paid", lines__product=product).distinct().count()
    assert product.sold_count == paid > 0


def test_members_cannot_log_in_with_a_password(generated_shop: ShopSource) -> None:
    member = get_user_model().objects.get(username="member-000001")
    assert not member.has_usable_password()
    assert not member.is_staff


def test_seeding_twice_does_nothing_the_second_time(generated_shop: ShopSource) -> None:
    out = StringIO()
    call_command("seed_shop", orders=200, stdout=out)
    assert "already filled" in out.getvalue()
    assert Order.objects.count() == 200


def test_another_source_is_refused_with_advice(generated_shop: ShopSource) -> None:
    with pytest.raises(CommandError, match=r"already filled from .*seed 7, 200 orders.*make demo-reset"):
        call_command("seed_shop", orders=100, stdout=StringIO())
