"""Two hundred shoppers want the last pieces at once: real processes, real PostgreSQL. Exactly the stock is sold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from bundle_app.models import Bundle, Redemption
from example_shop.models import Category, Order, OrderLine, Product
from tests.example_shop.conftest import make_bundle

ROOT = Path(__file__).resolve().parents[2]
SHOPPER_COUNT = 200
SECONDS = 420

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]


@pytest.fixture
def goods(db: None) -> dict[str, Product]:
    """Seven teapots, nine cups and a thousand trays."""
    category = Category.objects.create(slug="kitchen", name="Kitchen", position=1)
    return {
        sku: Product.objects.create(sku=sku, title=sku.title(), category=category, price=Decimal(price), stock=stock)
        for sku, price, stock in (("POT", "40.00", 7), ("CUP", "5.00", 9), ("TRAY", "12.00", 1000))
    }


def shop(wishes: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Let a shopper for each wish shop at once; returns each one's order number, or "", and what the shop said."""
    command = [sys.executable, "-m", "tests.reliability.shoppers", str(connection.settings_dict["NAME"])]
    result = subprocess.run(
        [*command, json.dumps(wishes)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": f"{ROOT}:{ROOT / 'ml'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return [(order, said) for _number, order, said in sorted(json.loads(result.stdout))]


def sold(sku: str) -> int:
    return int(OrderLine.objects.filter(product__sku=sku).aggregate(sum=Sum("quantity"))["sum"] or 0)


def test_exactly_the_stock_is_sold_to_two_hundred_at_once(goods: dict[str, Product]) -> None:
    """A third wants pot and cup, a third cup and tray, a third the pot alone: each scarce thing from two sides."""
    tea = make_bundle([goods["POT"], goods["CUP"]], discount_percent=10)
    tray = make_bundle([goods["TRAY"], goods["CUP"]], discount_percent=10)
    wishes: list[dict[str, Any]] = [{"bundle": tea.pk}, {"bundle": tray.pk}, {"sku": "POT"}]

    outcomes = shop([wishes[number % 3] for number in range(SHOPPER_COUNT)])

    stock = dict(Product.objects.values_list("sku", "stock"))
    assert (sold("POT"), stock["POT"]) == (7, 0)
    assert (sold("CUP"), stock["CUP"]) == (9, 0)
    assert sold("TRAY") == 1000 - stock["TRAY"]
    bought = [order for order, _said in outcomes if order]
    assert sorted(bought) == sorted(Order.objects.values_list("number", flat=True))
    assert {said[-1] for order, said in outcomes if not order} <= {"“Pot” is sold out.", "“Cup” is sold out."}
    sets = OrderLine.objects.filter(bundle_id__isnull=False).values("order", "bundle_group").distinct().count()
    assert sets == sum(Redemption.objects.values_list("count", flat=True)) == sold("CUP")


def test_a_set_that_may_be_sold_seven_times_is_sold_seven_times(goods: dict[str, Product]) -> None:
    Product.objects.update(stock=10_000)
    tea = make_bundle([goods["POT"], goods["CUP"]], discount_percent=10, max_uses=7)

    outcomes = shop([{"bundle": tea.pk}] * SHOPPER_COUNT)

    tea.refresh_from_db()
    assert tea.use_count == 7
    assert Order.objects.count() == len([order for order, _said in outcomes if order]) == 7
    assert OrderLine.objects.aggregate(sum=Sum("discount"))["sum"] == 7 * Decimal("4.50")
    told = {said[-1] for order, said in outcomes if not order}
    assert told == {"Something in your cart has changed its price. Please look at it once more."}
    assert sold("POT") == 10_000 - Product.objects.get(sku="POT").stock == 7
    assert not Bundle.objects.on_offer().exists()
