"""A year of visitors for a shop that has none: written into the app's own tables, credited and counted by its tasks.

Nobody bought because of it. So orders that hold all of a bundle anyway are told, some of them, to have come from a
showing of it: the lines keep its token and its discount, as the checkout would have written them, and a few of them
come back. What the shop sold stays what it was, but for those discounts and refunds; the next model learns the same.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.db.models import Max

from bundle_app import conf
from bundle_app.events import aggregation, attribution, intake, tokens
from bundle_app.events.days import bounds, day_of
from bundle_app.events.tokens import Showing
from bundle_app.experiments import counting
from bundle_app.models import Bundle, Event, IntakeCount, ModelVersion, Score
from bundle_app.policy import learning
from bundle_app.pricing import DiscountForm
from example_shop.filling import Progress, write_rows
from example_shop.generate.visitors import TRIALS, VISITOR_COUNT, Choice, ShopPage, Shown, Year
from example_shop.models import Order, OrderLine, Product, ShopSource
from example_shop.trials import Trials, pseudonym

SEED = 11
PAGE_COUNT = 220
BUNDLES_A_PAGE = 6
LED_RATIO = 0.2
"""Of orders that hold a whole bundle, those that are told to have come from it."""
RETURNED_RATIO = 0.05
HOME_WEIGHT, CART_WEIGHT = 0.12, 0.1
"""How often the home page and the cart are opened, beside all product pages."""
REFUSED: Mapping[str, float] = {
    "replayed": 0.02,
    "late": 0.004,
    "foreign": 0.001,
    "malformed": 0.0006,
    "forged": 0.0003,
}
CENT = Decimal("0.01")


@transaction.atomic
def write_year(*, progress: Progress, seed: int = SEED) -> bool:
    """Generate the year that ends with the last order, all or nothing. False if it was done before, or cannot be: a
    model has to be live, and orders need times."""
    source = ShopSource.objects.select_for_update().first()
    last: datetime | None = Order.objects.aggregate(last=Max("placed_at"))["last"]
    live = ModelVersion.objects.live().first()
    if source is None or source.visitors_until or last is None or live is None:
        return False
    pages = _pages(live)
    if not pages:
        return False
    progress("Generating a year of visitors and their experiments")
    trials = Trials(TRIALS)
    year = Year(day_of(last), random.Random(seed), look=trials.look)
    writer, sales = _Writer(live.pk), _Sales(year, pages, live.pk)
    for day in year.days:
        trials.morning(day, year)
        writer.write(year.showings(pages, day))
        writer.write(sales.led(day))
    _count_intake(writer.counts, year.rng)
    progress("Crediting sales and counting days")
    _count(year.days[0], last)
    progress("Learning from what they clicked")
    learning.learn(now=bounds(year.days[-1])[1])
    source.visitors_until = year.days[-1]
    source.save(update_fields=["visitors_until"])
    return True


def _pages(live: ModelVersion) -> list[ShopPage]:
    """The pages that are opened most, with what the live model has for them."""
    bundles: defaultdict[str, list[int]] = defaultdict(list)
    scores = Score.objects.filter(
        model_version=live, rank__lte=BUNDLES_A_PAGE, bundle__status=Bundle.Status.ACTIVE
    ).order_by("anchor_key", "rank")
    for anchor_key, bundle_id in scores.values_list("anchor_key", "bundle_id"):
        bundles[anchor_key].append(bundle_id)
    opened = Product.objects.filter(parent=None, sku__in=bundles.keys()).order_by("-sold_count", "sku")[:PAGE_COUNT]
    pages = [
        ShopPage(
            anchor_key=product.sku,
            placement="product",
            weight=product.sold_count + 1,
            bundle_ids=tuple(bundles[product.sku]),
        )
        for product in opened
    ]
    weight = sum(page.weight for page in pages)
    elsewhere = [("home", "", HOME_WEIGHT), *(("cart", page.anchor_key, CART_WEIGHT / 20) for page in pages[:20])]
    return [
        *pages,
        *(
            ShopPage(anchor_key=key, placement=place, weight=weight * ratio, bundle_ids=tuple(bundles[key]))
            for place, key, ratio in elsewhere
            if bundles[key]
        ),
    ]


class _Writer:
    """Writes showings as events, and keeps how many there were on each day."""

    def __init__(self, version_id: int) -> None:
        self.version_id = version_id
        self.counts: Counter[date] = Counter()

    def write(self, showings: Iterable[Shown]) -> None:
        write_rows(Event, intake.COLUMNS, self._rows(showings))

    def _rows(self, showings: Iterable[Shown]) -> Iterator[tuple[Any, ...]]:
        for shown in showings:
            named = named_showing(shown, self.version_id)
            for kind, seconds in {"impression": 1.0, **shown.answers}.items():
                at = shown.at + timedelta(seconds=seconds)
                row = intake.row_of(named, kind, subject=pseudonym(shown.visitor), occurred_at=at, received_at=at)
                self.counts[day_of(at)] += 1
                yield row._replace(is_rewarded=kind == "impression" or not shown.is_surplus)


def named_showing(shown: Shown, version_id: int) -> Showing:
    choice = shown.choice
    return Showing(
        id=shown.id,
        bundle_id=choice.bundle_id,
        anchor_key=shown.page.anchor_key,
        placement=shown.page.placement,
        slot=choice.slot,
        shown_at=shown.at,
        version_id=version_id if choice.is_by_model else 0,
        policy_id=1 if choice.is_by_policy else 0,
        arm=choice.arm,
        propensity=choice.propensity,
    )


class _Sales:
    """Orders that are told to have come from a showing."""

    def __init__(self, year: Year, pages: Sequence[ShopPage], version_id: int) -> None:
        self.year, self.version_id = year, version_id
        bundles = Bundle.objects.filter(pk__in={pk for page in pages for pk in page.bundle_ids})
        self.contents = {bundle.pk: bundle for bundle in bundles.prefetch_related("parts")}
        self.by_anchor: defaultdict[str, list[ShopPage]] = defaultdict(list)
        for page in pages:
            self.by_anchor[page.anchor_key].append(page)

    def led(self, day: date) -> Iterator[Shown]:
        """Showings that the orders of a day came from; their lines are marked so, and a few of them taken back."""
        rng = self.year.rng
        marked: list[OrderLine] = []
        for lines in _orders(day):
            held = {line.product.shown_as.sku: line for line in lines if line.product is not None}
            pages_of = [page for key in (*held, "") for page in self.by_anchor[key]]
            if not pages_of or rng.random() >= LED_RATIO:
                continue
            page, at = rng.choice(pages_of), lines[0].order.placed_at
            if at is None:
                continue
            shown_at = at - timedelta(seconds=rng.randrange(120, 3600))
            visitor = rng.randrange(VISITOR_COUNT)
            choice = _held_choice(self.year.choices(page, visitor=visitor, at=shown_at), self.contents, held)
            if choice is None:
                continue
            answers = {"click": 8.0, "add": 15.0}
            shown = Shown(
                id=self.year.new_id(), visitor=visitor, page=page, choice=choice, at=shown_at, answers=answers
            )
            bundle = self.contents[choice.bundle_id]
            token = tokens.sign(named_showing(shown, self.version_id), subject="")
            marked += _marked([held[key] for key in bundle.quantities()], bundle, token, rng)
            yield shown
        fields = ["bundle_id", "bundle_group", "impression", "discount", "refunded_quantity", "refunded_amount"]
        OrderLine.objects.bulk_update(marked, fields, batch_size=1000)


def _orders(day: date) -> Iterator[list[OrderLine]]:
    """Lines of a day's paid orders, order by order."""
    begin = datetime.combine(day, time.min, tzinfo=UTC)
    lines = OrderLine.objects.filter(
        order__status=Order.Status.PAID, order__placed_at__gte=begin, order__placed_at__lt=begin + timedelta(days=1)
    ).select_related("order", "product__parent")
    for _order_id, own in groupby(lines.order_by("order_id", "pk"), key=attrgetter("order_id")):
        yield list(own)


def _held_choice(
    choices: Sequence[Choice], contents: Mapping[int, Bundle], held: Mapping[str, OrderLine]
) -> Choice | None:
    """The first bundle of the page of which the order holds everything."""
    for choice in choices:
        quantities = contents[choice.bundle_id].quantities()
        if all(key in held and held[key].quantity >= count for key, count in quantities.items()):
            return choice
    return None


def _marked(lines: Sequence[OrderLine], bundle: Bundle, token: str, rng: random.Random) -> Iterator[OrderLine]:
    for line in lines:
        line.bundle_id, line.bundle_group, line.impression = bundle.pk, 1, token
        if bundle.discount_form == DiscountForm.PERCENT:
            line.discount = (line.unit_price * bundle.discount_percent / 100).quantize(CENT, rounding=ROUND_DOWN)
        yield line
    if rng.random() < RETURNED_RATIO:
        back = rng.choice(lines)
        back.refunded_quantity, back.refunded_amount = back.quantity, back.total


def _count_intake(counts: Mapping[date, int], rng: random.Random) -> None:
    def refused(count: int, ratio: float) -> int:
        return int(count * ratio * rng.uniform(0.5, 1.5) + rng.random())

    IntakeCount.objects.bulk_create(
        (
            IntakeCount(day=day, outcome=outcome, count=number)
            for day, count in sorted(counts.items())
            for outcome, number in [("accepted", count), *((name, refused(count, r)) for name, r in REFUSED.items())]
            if number
        ),
        ignore_conflicts=True,
    )


def _count(first: date, last: datetime) -> None:
    """Credit the whole year at once: attribution reads all orders since its window began, and asks for no end.

    It begins a day early, since orders are counted of whole days.
    """
    begin = datetime.combine(first - timedelta(days=1), time.min, tzinfo=UTC)
    attribution.attribute(now=begin + timedelta(days=conf.load().refund_days))
    aggregation.aggregate(now=last)
    counting.count(now=last)
