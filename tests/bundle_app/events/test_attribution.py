"""Worlds of showings and orders in which it is known who has earned what. The shop is the example shop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bundle_app.events import attribution, tokens
from bundle_app.events.attribution import Credited
from bundle_app.events.days import day_of
from bundle_app.events.tokens import Showing
from bundle_app.models import Bundle, BundlePart, CountedDay, Event, OrderCount, Purchase, composition_hash
from example_shop.models import Category, Order, OrderLine, Product
from example_shop.refunds import take_back
from tests.bundle_app.events.worlds import NOON, database_url, happened, showing

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=2)


@pytest.fixture
def goods() -> dict[str, Product]:
    """A pot for 40.00 that costs 25.00, a cup for 10.00 that costs 4.00, a tray for 20.00 whose cost is not known."""
    category = Category.objects.create(slug="tea", name="Tea")
    rows = {"POT": ("40.00", "25.00"), "CUP": ("10.00", "4.00"), "TRAY": ("20.00", None)}
    return {
        sku: Product.objects.create(sku=sku, title=sku, category=category, price=price, cost=cost, stock=99)
        for sku, (price, cost) in rows.items()
    }


def bundle_of(*skus: str) -> Bundle:
    made = Bundle.objects.create(composition_hash=composition_hash(dict.fromkeys(skus, 1)), status="active")
    BundlePart.objects.bulk_create(BundlePart(bundle=made, item_key=sku) for sku in skus)
    return made


@pytest.fixture
def tea_set(goods: dict[str, Product]) -> Bundle:
    return bundle_of("POT", "CUP")


@pytest.fixture
def ann() -> Any:
    return get_user_model().objects.create_user("ann")


def order(
    quantities: Mapping[str, int],
    *,
    by: Any = None,
    after: Showing | None = None,
    at: datetime = NOON + timedelta(days=1),
    discount: str = "0",
    status: str = "paid",
) -> Order:
    """An order in the shop's tables; `after` is the showing whose token its lines keep."""
    token = tokens.sign(after, subject="") if after else ""
    made = Order.objects.create(number=f"N{Order.objects.count()}", user=by, placed_at=at, status=status)
    for sku, quantity in quantities.items():
        product = Product.objects.get(sku=sku)
        in_set = {"bundle_id": after.bundle_id, "bundle_group": 1} if after else {}
        OrderLine.objects.create(
            order=made, product=product, title=sku, quantity=quantity, unit_price=product.price,
            discount=Decimal(discount) if after else 0, impression=token, **in_set,
        )  # fmt: skip
    return made


def run(now: datetime = NOW) -> Credited:
    return attribution.attribute(now=now)


def rows() -> list[tuple[Any, ...]]:
    """Of each row: showing, share, revenue, discount, margin."""
    return [
        (row.showing, *(_short(getattr(row, name)) for name in ("share", "revenue", "discount", "margin")))
        for row in Purchase.objects.order_by("order_key", "showing")
    ]


def _short(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"


def test_lines_that_kept_a_token_are_the_showing_s(tea_set: Bundle) -> None:
    shown = showing(tea_set.pk, slot=2, version_id=3, policy_id=4, arm="blue", propensity=0.5)
    bought = order({"POT": 1, "CUP": 2}, after=shown, discount="3.00")
    assert run() == Credited(written=1)
    row = Purchase.objects.get()
    assert rows() == [(shown.id, "1", "54", "6", "21")]  # 60 - 6 of discount; 54 - 25 - 2 × 4
    assert (row.order_key, row.currency, row.ordered_at) == (str(bought.pk), "EUR", bought.placed_at)
    assert (row.bundle_id, row.slot, row.version_id, row.policy_id, row.arm) == (tea_set.pk, 2, 3, 4, "blue")
    assert row.propensity == 0.5


def test_running_twice_changes_nothing(tea_set: Bundle, ann: Any) -> None:
    happened(str(ann.pk), ["click"], bundle_id=tea_set.pk)
    order({"CUP": 1}, by=ann)
    order({"POT": 1}, after=showing(tea_set.pk))
    assert run() == Credited(written=2)
    before = list(Purchase.objects.order_by("pk").values())
    assert run() == Credited()
    assert list(Purchase.objects.order_by("pk").values()) == before


def test_what_a_buyer_clicked_before_is_credited_with_the_products_of_its_bundle(tea_set: Bundle, ann: Any) -> None:
    shown = happened(str(ann.pk), ["impression", "click"], bundle_id=tea_set.pk)
    order({"CUP": 1, "TRAY": 1}, by=ann)
    run()
    assert rows() == [(shown.id, "1", "10", "0", "6")]


@pytest.mark.parametrize(
    ("kinds", "who", "days"),
    [(["impression"], "ann", 1), (["dismiss"], "ann", 1), (["click"], "bob", 1), (["click"], "ann", 8)],
)
def test_who_only_saw_or_dismissed_or_clicked_too_long_ago_or_is_another_earns_nothing(
    tea_set: Bundle, ann: Any, kinds: list[str], who: str, days: int
) -> None:
    happened(str(ann.pk) if who == "ann" else who, kinds, bundle_id=tea_set.pk)
    order({"CUP": 1}, by=ann, at=NOON + timedelta(days=days))
    assert run(NOON + timedelta(days=10)) == Credited()


def test_what_was_clicked_after_the_order_did_not_lead_to_it(tea_set: Bundle, ann: Any) -> None:
    happened(str(ann.pk), ["click"], bundle_id=tea_set.pk, at=NOON + timedelta(hours=1))
    order({"CUP": 1}, by=ann, at=NOON)
    assert run() == Credited()


def test_clicks_beyond_the_cap_lead_to_no_sale(tea_set: Bundle, ann: Any) -> None:
    shown = [happened(str(ann.pk), ["click"], bundle_id=tea_set.pk, at=NOON + timedelta(hours=n)) for n in range(5)]
    order({"CUP": 1}, by=ann)
    run()
    assert [row[0] for row in rows()] == [shown[2].id]


def test_the_last_touch_is_credited(tea_set: Bundle, ann: Any) -> None:
    other = bundle_of("CUP", "TRAY")
    first = happened(str(ann.pk), ["click"], bundle_id=tea_set.pk)
    second = happened(str(ann.pk), ["click"], bundle_id=other.pk, at=NOON + timedelta(hours=1))
    order({"CUP": 1}, by=ann)
    run()
    assert [row[0] for row in rows()] == [second.id]
    happened(str(ann.pk), ["add"], first, at=NOON + timedelta(hours=2))
    assert run() == Credited(written=1, taken_back=1)
    assert [row[0] for row in rows()] == [first.id]


def test_the_kept_token_is_the_last_touch_whatever_was_clicked_later(tea_set: Bundle, ann: Any) -> None:
    added = showing(tea_set.pk)
    happened(str(ann.pk), ["click"], bundle_id=tea_set.pk, at=NOON + timedelta(hours=3))
    order({"CUP": 1}, by=ann, after=added)
    run()
    assert [row[0] for row in rows()] == [added.id]


def test_shared_credit_adds_up_to_what_was_paid(tea_set: Bundle, ann: Any, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "ATTRIBUTION": "shared"}
    shown = [happened(str(ann.pk), ["click"], bundle_id=tea_set.pk, at=NOON + timedelta(hours=n)) for n in range(3)]
    order({"CUP": 1}, by=ann)
    run()
    assert {row[0] for row in rows()} == {one.id for one in shown}
    assert {row[1] for row in rows()} == {"0.333333"}
    assert sum(Decimal(row[2]) for row in rows()) == 10
    assert sum(Decimal(row[4] or 0) for row in rows()) == 6


def test_a_margin_is_told_only_where_all_costs_are_known(goods: dict[str, Product]) -> None:
    shown = showing(bundle_of("POT", "TRAY").pk)
    order({"POT": 1, "TRAY": 1}, after=shown)
    run()
    assert rows() == [(shown.id, "1", "60", "0", None)]


def test_a_refund_takes_its_part_of_the_reward_back_at_the_next_run(tea_set: Bundle) -> None:
    shown = showing(tea_set.pk)
    bought = order({"POT": 1, "CUP": 2}, after=shown)
    run()
    pot, cups = bought.lines.order_by("pk")
    take_back(bought, {cups.pk: 1})
    assert run() == Credited(written=1)
    assert rows() == [(shown.id, "1", "50", "0", "21")]  # a pot and a cup: 15 and 6
    take_back(bought, {pot.pk: 1, cups.pk: 1})
    assert run() == Credited(taken_back=1)
    assert rows() == []


def test_a_cancellation_takes_all_of_it_back_and_a_payment_gives_it(tea_set: Bundle) -> None:
    bought = order({"POT": 1}, after=showing(tea_set.pk), status="pending")
    assert run() == Credited()
    for status, outcome in (
        ("paid", Credited(written=1)),
        ("cancelled", Credited(taken_back=1)),
        ("paid", Credited(written=1)),
    ):
        Order.objects.filter(pk=bought.pk).update(status=status)
        assert run() == outcome


def test_an_order_that_is_deleted_is_taken_back(tea_set: Bundle) -> None:
    order({"POT": 1}, after=showing(tea_set.pk))
    kept = order({"POT": 1}, after=showing(tea_set.pk))
    run()
    Order.objects.exclude(pk=kept.pk).delete()
    assert run() == Credited(taken_back=1)
    assert Purchase.objects.get().order_key == str(kept.pk)


def test_what_was_bought_too_long_ago_is_left_as_it_is(tea_set: Bundle) -> None:
    bought = order({"POT": 1}, after=showing(tea_set.pk))
    run()
    Order.objects.filter(pk=bought.pk).update(status="cancelled")
    assert run(NOW + timedelta(days=40)) == Credited()
    assert Purchase.objects.count() == 1


@pytest.mark.parametrize("word", ["shown:17", "x" * 512, "é"])
def test_a_word_that_is_no_token_of_ours_earns_nothing(tea_set: Bundle, word: str) -> None:
    order({"POT": 1}, after=showing(tea_set.pk))
    OrderLine.objects.update(impression=word)
    assert run() == Credited()


def test_a_token_of_one_bundle_earns_nothing_by_the_products_of_another(tea_set: Bundle) -> None:
    order({"TRAY": 1}, after=showing(tea_set.pk))
    assert run() == Credited()


def test_after_a_rotation_of_the_key_the_same_rows_stand(tea_set: Bundle, ann: Any, settings: Any) -> None:
    happened(str(ann.pk), ["click"], bundle_id=tea_set.pk)
    order({"CUP": 1}, by=ann)
    order({"POT": 1}, after=showing(tea_set.pk))
    run()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert run() == Credited()


def test_days_whose_sales_changed_are_marked_to_be_counted_anew(tea_set: Bundle) -> None:
    bought = order({"POT": 1}, after=showing(tea_set.pk))
    run()
    assert set(CountedDay.objects.filter(counted_at=None).values_list("day", flat=True)) == {day_of(bought.placed_at)}  # type: ignore[arg-type]
    CountedDay.objects.update(counted_at=NOW)
    run()
    assert not CountedDay.objects.filter(counted_at=None).exists()


def test_any_number_of_orders_of_a_batch_costs_the_same_queries(tea_set: Bundle, ann: Any) -> None:
    def query_count(count: int) -> int:
        for _ in range(count):
            order({"POT": 1, "CUP": 1}, after=showing(tea_set.pk))
            order({"CUP": 1}, by=ann)
        with CaptureQueriesContext(connection) as queries:
            run()
        return len(queries)

    happened(str(ann.pk), ["click"], bundle_id=tea_set.pk)
    query_count(1)
    assert query_count(20) == query_count(1)


def test_a_shop_that_cannot_say_what_led_to_an_order_has_nothing_credited(tea_set: Bundle, settings: Any) -> None:
    order({"POT": 1}, after=showing(tea_set.pk))
    line = {"impression": None, "shopper": None}
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "MAP": {"preset": "example_shop", "line": line}}
    assert run() == Credited()


KILLED = """
import os, django
django.setup()
from django.utils.dateparse import parse_datetime
from bundle_app.events import attribution
attribution.ORDERS_A_BATCH = 2
write, runs = attribution._write, []
def killed(*args):
    done = write(*args)
    runs.append(done)
    if len(runs) == 2:
        os.kill(os.getpid(), 9)
    return done
attribution._write = killed
attribution.attribute(now=parse_datetime({now!r}))
"""


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_is_made_good_by_the_next(tea_set: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(7):
        order({"POT": 1}, after=showing(tea_set.pk))
    database = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    result = subprocess.run(
        [sys.executable, "-c", KILLED.format(now=NOW.isoformat())],
        cwd=Path(__file__).resolve().parents[3], env={**os.environ, **database}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert Purchase.objects.count() == 4
    assert run() == Credited(written=3)
    assert Purchase.objects.count() == 7
    assert not Event.objects.exists()


class TestTheShopSOrders:
    def test_they_are_counted_by_day_whoever_led_to_them(self, tea_set: Bundle) -> None:
        order({"POT": 1, "CUP": 1}, after=showing(tea_set.pk))
        order({"CUP": 2})
        order({"CUP": 1}, at=NOON)
        order({"CUP": 1}, status="cancelled")
        attribution.attribute(now=NOW)
        counts = dict(OrderCount.objects.values_list("day", "count"))
        assert (counts[day_of(NOON)], counts[day_of(NOW) - timedelta(days=1)]) == (1, 2)
        assert counts[day_of(NOW)] == 0, "a whole day without an order is a day with none"

    def test_a_day_that_was_read_in_part_keeps_its_count(self, goods: dict[str, Product]) -> None:
        first = day_of(NOW) - timedelta(days=35)
        OrderCount.objects.create(day=first, count=7)
        attribution.attribute(now=NOW)
        assert OrderCount.objects.get(day=first).count == 7
        assert OrderCount.objects.count() == 36

    def test_counting_twice_changes_nothing_and_a_refund_of_all_takes_an_order_back(self, tea_set: Bundle) -> None:
        made = order({"CUP": 1}, at=NOON)
        attribution.attribute(now=NOW)
        attribution.attribute(now=NOW)
        assert OrderCount.objects.get(day=day_of(NOON)).count == 1
        take_back(made, {made.lines.get().pk: 1})
        attribution.attribute(now=NOW)
        assert OrderCount.objects.get(day=day_of(NOON)).count == 0
