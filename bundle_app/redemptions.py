"""How the app learns that bundles were sold: the shop calls `redeem` at its checkout, and `give_back` if an order ends.

Both belong into the transaction that writes the order: then a set is counted if, and only if, its order stands. Rows of
bundles are locked in the order of their keys, so that two checkouts wait for one another instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection, transaction
from django.db.models import F
from django.utils.text import get_text_list
from django.utils.translation import gettext

from bundle_app.exceptions import BundleNotOnOffer, BundleUsedUp, OutsideTransaction
from bundle_app.models import Bundle, Redemption


def redeem(order_key: str, counts: Mapping[int, int]) -> None:
    """Count the sets of an order, by bundle number, against what may be sold of them.

    An order is counted once: asked again for the same order, this does nothing for the bundles it knows.

    Raises:
        BundleUsedUp: fewer sets are left than the order holds; the message is for the shopper, nothing was counted.
        BundleNotOnOffer: a bundle was deleted.
        OutsideTransaction: no transaction is open that could take this back with the order.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    with transaction.atomic():
        wanted = {bundle_id: count for bundle_id, count in counts.items() if count > 0}
        locked = Bundle.objects.select_for_update().order_by("pk").in_bulk(wanted)
        if locked.keys() != wanted.keys():
            raise BundleNotOnOffer(gettext("This set is not on offer any more."))
        counted = Redemption.objects.filter(order_key=order_key, bundle__in=wanted).values_list("bundle_id", flat=True)
        fresh = {bundle_id: count for bundle_id, count in wanted.items() if bundle_id not in set(counted)}
        _refuse_unless_left(locked, fresh)
        Redemption.objects.bulk_create(
            Redemption(bundle_id=bundle_id, order_key=order_key, count=count) for bundle_id, count in fresh.items()
        )
        for bundle_id, count in fresh.items():
            Bundle.objects.filter(pk=bundle_id).update(use_count=F("use_count") + count)


def give_back(order_key: str) -> int:
    """The order was cancelled: its sets may be sold again. Returns how many; a second call finds none.

    Raises:
        OutsideTransaction: no transaction is open that could take this back with the order.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    redemptions = Redemption.objects.filter(order_key=order_key)
    Bundle.objects.select_for_update().order_by("pk").in_bulk(redemptions.values_list("bundle_id", flat=True))
    given_back = list(redemptions.select_for_update())
    for redemption in given_back:
        Bundle.objects.filter(pk=redemption.bundle_id).update(use_count=F("use_count") - redemption.count)
    redemptions.filter(pk__in=[redemption.pk for redemption in given_back]).delete()
    return sum(redemption.count for redemption in given_back)


def _refuse_unless_left(bundles: Mapping[int, Bundle], counts: Mapping[int, int]) -> None:
    used_up = [
        bundles[bundle_id]
        for bundle_id, count in counts.items()
        if (left := bundles[bundle_id].uses_left) is not None and left < count
    ]
    if not used_up:
        return
    titles = get_text_list([gettext("“%(title)s”") % {"title": bundle} for bundle in used_up], gettext("and"))
    raise BundleUsedUp(gettext("%(titles)s: not so many sets are left at this price.") % {"titles": titles})
