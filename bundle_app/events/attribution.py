"""Credits what the shop has sold to the showings that led to it.

A line that kept the token of a showing was put into the cart by it, and is that showing's. Any other is credited to
what its buyer, where the shop says who that was, clicked or added before: to the last of it, or to all of it equally
(`ATTRIBUTION`). Only showings of bundles that hold the product count, and only those of the last `ATTRIBUTION_DAYS`.

What is unusual: there is no note of how far the last run came. Every run reads the orders of the last `REFUND_DAYS`
again and makes the rows what they should be by now. So a refund or a cancellation takes the reward back, a run that was
killed is made good by the next one, and running twice changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from bundle_app import conf
from bundle_app.events import tokens
from bundle_app.events.days import day_of, mark_changed
from bundle_app.events.subjects import pseudonyms
from bundle_app.exceptions import TokenRefused
from bundle_app.models import BundlePart, Event, OrderCount, Purchase
from bundle_app.shop import SALE_COLUMNS, get_adapter

ORDERS_A_BATCH = 500
CHUNK_SIZE = 2000
NOTHING = Decimal(0)
SMALLEST = Decimal("0.0001")
"""What the columns of `Purchase` hold; shares of a line are no amounts that anybody pays."""
KEPT = ("share", "revenue", "discount", "margin", "currency", "ordered_at")
"""Columns that a later run may find changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One order line, with what is left of it after refunds. `margin` is None where the cost is not known."""

    order_key: str
    item_key: str
    ordered_at: datetime
    subjects: Collection[str]
    impression: str
    revenue: Decimal
    discount: Decimal
    margin: Decimal | None
    currency: str


class Touch(NamedTuple):
    """That a buyer reacted to a showing, and all that is known of it: SHOWN are columns of events and of purchases."""

    subject: str
    at: datetime
    showing: int
    bundle_id: int
    anchor_key: str
    placement: str
    slot: int
    version_id: int
    policy_id: int
    arm: str
    propensity: float


SHOWN = Touch._fields[2:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What a run did: rows written, changed ones among them, and rows taken back."""

    written: int = 0
    taken_back: int = 0


def attribute(*, now: datetime | None = None) -> Credited:
    """Make the credited sales of the last `REFUND_DAYS` what they should be; each batch of orders is a transaction.

    Nothing is done where the shop cannot say what its orders came from (`ShopAdapter.sales` is None).
    """
    moment, app = now or timezone.now(), conf.load()
    # An older order cannot be judged again: the clicks that led to it may be deleted.
    since = moment - timedelta(days=max(1, min(app.refund_days, app.event_days - app.attribution_days)))
    sales = get_adapter().sales(since=since)
    if sales is None:
        return Credited()
    done = Credited()
    seen: set[str] = set()
    taken: Counter[date] = Counter()
    for orders in _batches(sales.iterator(chunk_size=CHUNK_SIZE), currency=app.currency):
        seen.update(orders)
        taken.update(day_of(lines[0].ordered_at) for lines in orders.values() if lines)
        wanted = _credited([sale for lines in orders.values() for sale in lines], app)
        done = _added(done, _write(wanted, Purchase.objects.filter(order_key__in=list(orders))))
    _write_order_counts(taken, after=day_of(since), last=day_of(moment))
    recent = Purchase.objects.filter(ordered_at__gte=since, ordered_at__lte=moment)
    gone = set(recent.values_list("order_key", flat=True).distinct()) - seen
    return _added(done, _write({}, Purchase.objects.filter(order_key__in=gone))) if gone else done


def _batches(rows: Iterator[Sequence[Any]], *, currency: str) -> Iterator[dict[str, list[Sale]]]:
    """What is left of each order, by its key; an order of which nothing is left has no sales."""
    known_as = lru_cache(maxsize=CHUNK_SIZE)(pseudonyms)  # Buyers come back, and a key is not made twice for them.
    orders = (
        (key, [sale for row in lines if (sale := _sale(row, known_as=known_as, currency=currency)) is not None])
        for key, lines in groupby(rows, key=lambda row: str(row[0]))
    )
    while batch := dict(islice(orders, ORDERS_A_BATCH)):
        yield batch


def _sale(columns: Sequence[Any], *, known_as: Callable[[str], Collection[str]], currency: str) -> Sale | None:
    row = dict(zip(SALE_COLUMNS, columns, strict=True))
    quantity, gross = _decimal(row["quantity"]), _decimal(row["quantity"]) * _decimal(row["unit_price"])
    discount = _decimal(row["discount"])
    paid = gross - discount - _decimal(row["other_discount"])
    revenue = paid - _decimal(row["refunded"])
    if not row["counts"] or None in {row["order_key"], row["item_key"]} or quantity <= 0 or (paid > 0 >= revenue):
        return None
    kept_ratio = revenue / paid if paid else Decimal(1)  # Goods that come back bring their cost and discount with them.
    cost = None if row["cost"] is None else _decimal(row["cost"]) * quantity * kept_ratio
    shopper = row["shopper_key"]
    return Sale(
        order_key=str(row["order_key"])[:64],
        item_key=str(row["item_key"]),
        ordered_at=_moment(row["ordered_at"]),
        subjects=known_as(str(shopper)) if shopper not in {None, ""} else (),
        impression=row["impression"] or "",
        revenue=revenue,
        discount=discount * kept_ratio,
        margin=None if cost is None else revenue - cost,
        currency=row["currency"] or currency,
    )


def _decimal(value: Any) -> Decimal:
    return NOTHING if value is None else Decimal(str(value))


def _moment(value: datetime | date) -> datetime:
    """A shop that knows only the day may have sold at its very end."""
    moment = value if isinstance(value, datetime) else datetime.combine(value, time.max)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


# Who gets the credit


def _credited(sales: Sequence[Sale], app: conf.Settings) -> dict[tuple[str, int], Purchase]:
    """The rows that there should be, by order and showing."""
    window = timedelta(days=app.attribution_days)
    by_token = {word: _kept(word) for word in {sale.impression for sale in sales} - {""}}
    by_subject = _touches(sales, window)
    bundle_ids = {touch.bundle_id for touch in by_token.values() if touch is not None}
    bundle_ids |= {touch.bundle_id for touches in by_subject.values() for touch in touches}
    contents = _contents(bundle_ids)
    wanted: dict[tuple[str, int], Purchase] = {}
    for sale in sales:
        found = _of_sale(sale, by_token, by_subject, contents, window)
        credited = found if app.attribution == "shared" else found[-1:]
        for number, touch in enumerate(credited):
            _credit(wanted, sale, touch, part=number, parts=len(credited))
    return wanted


def _kept(token: str) -> Touch | None:
    try:
        showing = tokens.read_kept(token)
    except TokenRefused:
        return None
    return Touch("", showing.shown_at, showing.id, *(getattr(showing, name) for name in SHOWN[1:]))


def _touches(sales: Sequence[Sale], window: timedelta) -> dict[str, list[Touch]]:
    """By pseudonym, what the buyers clicked and added of bundles that hold what was sold: one query."""
    buyers = {subject for sale in sales for subject in sale.subjects}
    touches: defaultdict[str, list[Touch]] = defaultdict(list)
    if not buyers:
        return touches
    events = Event.objects.filter(
        subject__in=buyers,
        kind__in=[Event.Kind.CLICK, Event.Kind.ADD],
        is_rewarded=True,
        occurred_at__gte=min(sale.ordered_at for sale in sales) - window,
        occurred_at__lte=max(sale.ordered_at for sale in sales),
        bundle_id__in=BundlePart.objects.filter(item_key__in={sale.item_key for sale in sales}).values("bundle_id"),
    )
    rows = events.order_by("occurred_at", "pk").values_list("subject", "occurred_at", *SHOWN)
    for touch in map(Touch._make, rows.iterator(chunk_size=CHUNK_SIZE)):
        touches[touch.subject].append(touch)
    return touches


def _contents(bundle_ids: Collection[int]) -> defaultdict[int, set[str]]:
    """Item keys by bundle, none of one that is deleted: one query."""
    contents: defaultdict[int, set[str]] = defaultdict(set)
    for bundle_id, key in BundlePart.objects.filter(bundle_id__in=bundle_ids).values_list("bundle_id", "item_key"):
        contents[bundle_id].add(key)
    return contents


def _of_sale(
    sale: Sale,
    by_token: Mapping[str, Touch | None],
    by_subject: Mapping[str, Sequence[Touch]],
    contents: defaultdict[int, set[str]],
    window: timedelta,
) -> list[Touch]:
    """What may have led to a sale, each showing once, the last last."""
    touches = [touch for subject in sale.subjects for touch in by_subject.get(subject, ())]
    kept = by_token.get(sale.impression)
    if kept is not None:
        touches.append(kept)
    last: dict[int, Touch] = {}
    for touch in sorted(touches, key=lambda touch: touch.at):
        if touch.at <= sale.ordered_at <= touch.at + window and sale.item_key in contents[touch.bundle_id]:
            last.pop(touch.showing, None)
            last[touch.showing] = touch
    if kept is not None and kept.showing in last:
        last[kept.showing] = last.pop(kept.showing)  # Whatever was clicked later: by this it came into the cart.
    return list(last.values())


def _credit(wanted: dict[tuple[str, int], Purchase], sale: Sale, touch: Touch, *, part: int, parts: int) -> None:
    """Add one share of a line to the row of its order and showing."""
    key = sale.order_key, touch.showing
    if key not in wanted:
        amounts = dict.fromkeys(["share", "revenue", "discount", "margin"], NOTHING)
        shown = {name: getattr(touch, name) for name in SHOWN}
        wanted[key] = Purchase(
            order_key=sale.order_key, currency=sale.currency, ordered_at=sale.ordered_at, **shown, **amounts
        )
    row = wanted[key]
    row.share = max(row.share, (Decimal(1) / parts).quantize(Decimal("0.000001")))
    row.revenue += _part(sale.revenue, part, parts)
    row.discount += _part(sale.discount, part, parts)
    if row.margin is not None:
        row.margin = None if sale.margin is None else row.margin + _part(sale.margin, part, parts)


def _part(amount: Decimal, number: int, count: int) -> Decimal:
    """One of `count` equal parts; the last takes what rounding leaves, so that they add up.

    >>> [str(_part(Decimal("10.00"), number, 3)) for number in range(3)]
    ['3.3333', '3.3333', '3.3334']
    """
    each = (amount / count).quantize(SMALLEST)
    return each if number < count - 1 else amount.quantize(SMALLEST) - each * (count - 1)


# Making the rows what they should be


def _write(wanted: Mapping[tuple[str, int], Purchase], existing: Any) -> Credited:
    """Write what is new or changed and take back what is no more, in one transaction, with the days to count anew."""
    with transaction.atomic():
        standing = {(row.order_key, row.showing): row for row in existing.select_for_update().order_by("pk")}
        fresh = [row for key, row in sorted(wanted.items()) if key not in standing or not _same(row, standing[key])]
        gone = [row for key, row in standing.items() if key not in wanted]
        Purchase.objects.bulk_create(
            fresh, update_conflicts=True, unique_fields=["order_key", "showing"], update_fields=KEPT
        )
        Purchase.objects.filter(pk__in=[row.pk for row in gone]).delete()
        replaced = [standing[key] for row in fresh if (key := (row.order_key, row.showing)) in standing]
        mark_changed({day_of(row.ordered_at) for row in [*fresh, *replaced, *gone]})
    return Credited(written=len(fresh), taken_back=len(gone))


def _write_order_counts(taken: Counter[date], *, after: date, last: date) -> None:
    """Of whole days alone: the first one that was read began before."""
    whole = {after + timedelta(days=number) for number in range(1, (last - after).days + 1)}
    OrderCount.objects.bulk_create(
        [OrderCount(day=day, count=taken[day]) for day in sorted(whole | taken.keys() - {after})],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["count"],
    )


def _same(one: Purchase, other: Purchase) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in KEPT)


def _added(one: Credited, other: Credited) -> Credited:
    return replace(one, written=one.written + other.written, taken_back=one.taken_back + other.taken_back)
