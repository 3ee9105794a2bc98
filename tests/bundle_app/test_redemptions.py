"""Sets are counted with the order that bought them: once, never beyond what may be sold, and given back with it."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from bundle_app import publishing, redemptions
from bundle_app.exceptions import BundleNotOnOffer, BundleUsedUp, OutsideTransaction
from bundle_app.models import Bundle, Redemption
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    settings.BUNDLE_APP = TUTORIAL


@pytest.fixture
def light(tutorial_shop: None) -> Bundle:
    return bundle([product("Lamp"), product("Bulb")], title="Light", max_uses=3)


def counted(made: Bundle) -> tuple[int, int]:
    made.refresh_from_db()
    return made.use_count, sum(made.redemptions.values_list("count", flat=True))


def test_an_order_is_counted_once_however_often_it_is_told(light: Bundle) -> None:
    redemptions.redeem("A-1", {light.pk: 2})
    redemptions.redeem("A-1", {light.pk: 2})
    assert counted(light) == (2, 2)


def test_more_than_is_left_is_refused_and_nothing_is_counted(light: Bundle) -> None:
    other = bundle([product("Tea"), product("Cup")])
    redemptions.redeem("A-1", {light.pk: 2})
    with pytest.raises(BundleUsedUp, match=r"^“Light”: not so many sets are left at this price\.$"):
        redemptions.redeem("A-2", {other.pk: 1, light.pk: 2})
    assert counted(light) == (2, 2)
    assert counted(other) == (0, 0)


def test_the_last_set_takes_the_bundle_off_the_offer_and_a_cancelled_order_puts_it_back(light: Bundle) -> None:
    redemptions.redeem("A-1", {light.pk: 3})
    assert not Bundle.objects.on_offer().exists()
    assert redemptions.give_back("A-1") == 3
    assert redemptions.give_back("A-1") == 0
    assert counted(light) == (0, 0)
    assert Bundle.objects.on_offer().exists()


def test_without_a_limit_sets_are_counted_all_the_same() -> None:
    made = bundle([product("Lamp"), product("Bulb")])
    redemptions.redeem("A-1", {made.pk: 500})
    assert counted(made) == (500, 500)


def test_a_bundle_that_was_deleted_is_not_on_offer() -> None:
    with pytest.raises(BundleNotOnOffer):
        redemptions.redeem("A-1", {404: 1})


def test_no_sets_are_no_sale(light: Bundle) -> None:
    redemptions.redeem("A-1", {light.pk: 0})
    redemptions.redeem("A-2", {})
    assert not Redemption.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_the_transaction_of_the_order_it_says_what_to_do(light: Bundle) -> None:
    for call in (lambda: redemptions.redeem("A-1", {light.pk: 1}), lambda: redemptions.give_back("A-1")):
        with pytest.raises(OutsideTransaction, match=r"inside the `transaction.atomic\(\)` that writes the order"):
            call()


@pytest.mark.django_db(transaction=True)
def test_an_order_that_fails_takes_its_sets_back(light: Bundle) -> None:
    def order() -> None:
        with transaction.atomic():
            redemptions.redeem("A-1", {light.pk: 1})
            Redemption.objects.create(bundle=light, order_key="A-1")  # the order that cannot be written

    with pytest.raises(IntegrityError):
        order()
    assert counted(light) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_checkouts_at_once_the_first_three_get_a_set_and_none_deadlocks(light: Bundle) -> None:
    """Half of them name two bundles in one order, half in the other."""
    other = bundle([product("Tea"), product("Cup")], max_uses=3)
    started = threading.Barrier(20)

    def check_out(number: int) -> str:
        counts = {light.pk: 1, other.pk: 1} if number % 2 else {other.pk: 1, light.pk: 1}
        try:
            started.wait(30)
            with transaction.atomic():
                redemptions.redeem(f"A-{number}", counts)
        except BundleUsedUp as error:
            return str(error)
        finally:
            connection.close()
        return "sold"

    with ThreadPoolExecutor(20) as shoppers:
        outcomes = Counter(shoppers.map(check_out, range(20)))
    assert outcomes.pop("sold") == 3
    assert sum(outcomes.values()) == 17
    assert all(told.endswith(": not so many sets are left at this price.") for told in outcomes)
    assert counted(light) == counted(other) == (3, 3)


def test_the_database_itself_sells_no_more_than_may_be(light: Bundle) -> None:
    with pytest.raises(IntegrityError, match="bundle_sold_no_more_often_than_allowed"):
        Bundle.objects.filter(pk=light.pk).update(use_count=4)


def test_a_bundle_that_was_sold_is_never_swept_away(light: Bundle) -> None:
    unsold = bundle([product("Tea"), product("Cup")])
    redemptions.redeem("A-1", {light.pk: 1})
    assert publishing.prune() == 1
    assert not Bundle.objects.filter(pk=unsold.pk).exists()
    assert Bundle.objects.filter(pk=light.pk).exists()
