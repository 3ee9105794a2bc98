"""Draws baskets from the catalogue's families: who buys, when, what for, and what goes along.

Everything random comes from one `random.Random(seed)`; the same seed gives the same orders to the cent.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate

from example_shop.generate.catalogue import Family, GeneratedProduct, families

LAST_DAY = datetime(2026, 10, 31, tzinfo=UTC)
DAY_COUNT = 730
MEMBER_COUNT = 2500

MEMBER_RATIO = 0.6
CANCELLED_RATIO = 0.03
PENDING_RATIO = 0.01
COMPLETE_SET_RATIO = 0.35
"""Shoppers of an anchor who take all its partners at once; the others take each partner by chance."""
PARTNER_RATIO = 0.42
OTHER_COLOUR_RATIO = 0.12
ACCESSORY_ALONE_RATIO = 0.14
NO_REASON_RATIO = 0.22
TASTE_FACTOR = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedLine:
    sku: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedOrder:
    """`member` is a running number from 1, None for a guest; `status` is one of the shop's order states."""

    number: str
    member: int | None
    placed_at: datetime
    status: str
    lines: tuple[GeneratedLine, ...]


def generate_orders(*, order_count: int, seed: int) -> Iterator[GeneratedOrder]:
    """Orders by time, numbered from 1."""
    rng = random.Random(seed)
    shoppers = _Shoppers(rng)
    baskets = _Baskets(rng)
    for index, placed_at in enumerate(sorted(_moments(rng, order_count)), start=1):
        member = shoppers.next_member()
        basket = baskets.draw(placed_at.month, shoppers.tastes(member))
        yield GeneratedOrder(
            number=f"G{index:06d}",
            member=member,
            placed_at=placed_at,
            status=_status(rng),
            lines=tuple(_line(rng, product, placed_at) for product in basket),
        )


def _moments(rng: random.Random, count: int) -> list[datetime]:
    """Moments of two years: more of late than at first, more before Christmas, at hours when people are awake."""
    days = [LAST_DAY - timedelta(days=DAY_COUNT - 1 - number) for number in range(DAY_COUNT)]
    busy = {11: 1.3, 12: 1.5, 2: 0.9}
    weights = [(1 + number / DAY_COUNT) * busy.get(day.month, 1.0) for number, day in enumerate(days)]
    chosen = rng.choices(days, cum_weights=list(accumulate(weights)), k=count)
    return [day + timedelta(seconds=int(rng.triangular(6 * 3600, 24 * 3600 - 1, 19 * 3600))) for day in chosen]


def _status(rng: random.Random) -> str:
    draw = rng.random()
    if draw < CANCELLED_RATIO:
        return "cancelled"
    return "pending" if draw < CANCELLED_RATIO + PENDING_RATIO else "paid"


def _line(rng: random.Random, product: GeneratedProduct, placed_at: datetime) -> GeneratedLine:
    several = product.price < 20 and not product.maker and rng.random() < 0.25
    was_cheaper = placed_at < LAST_DAY - timedelta(days=DAY_COUNT // 2)
    factor = Decimal("0.95") if was_cheaper else Decimal(1)
    return GeneratedLine(
        sku=product.sku,
        quantity=rng.choice((2, 2, 3)) if several else 1,
        unit_price=(product.price * factor).quantize(Decimal("0.01")),
    )


class _Shoppers:
    """Members who come back, some far more often than others, each with families that they like."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = range(1, MEMBER_COUNT + 1)
        self._cumulative = list(accumulate(rng.paretovariate(1.6) for _ in self._numbers))
        names = [family.name for family in families()]
        self._liked = {number: frozenset(rng.sample(names, k=rng.randint(3, 6))) for number in self._numbers}

    def next_member(self) -> int | None:
        if self._rng.random() >= MEMBER_RATIO:
            return None
        return self._rng.choices(self._numbers, cum_weights=self._cumulative)[0]

    def tastes(self, member: int | None) -> frozenset[str]:
        return self._liked[member] if member is not None else frozenset()


class _Baskets:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._families = families()
        # Which colour or model of a family sells best is drawn once, so that popularity is skewed within it, too.
        self._anchor_weights = {
            family.name: [1 / (1 + rank) ** 0.5 for rank in rng.sample(range(len(family.anchors)), len(family.anchors))]
            for family in self._families
        }
        everything = [(product, family) for family in self._families for product in family.anchors + family.accessories]
        self._everything = everything
        self._cumulative = list(accumulate(min(rng.paretovariate(1.2), 8) * family.weight for _, family in everything))
        self._by_sku = {product.sku: product for product, _ in everything}

    def draw(self, month: int, tastes: frozenset[str]) -> list[GeneratedProduct]:
        """What one shopper puts into the basket; never two colours of one thing, never two anchors of one family."""
        basket = _Basket()
        for _ in range(self._rng.choices((1, 2, 3), weights=(80, 17, 3))[0]):
            family = self._family(month, tastes)
            if family.name in basket.families:
                continue
            basket.families.add(family.name)
            for product in self._purchase(family):
                basket.put(product)
        if self._rng.random() < NO_REASON_RATIO:
            product, family = self._rng.choices(self._everything, cum_weights=self._cumulative)[0]
            if family.name not in basket.families:
                basket.put(product)
        return basket.products

    def _family(self, month: int, tastes: frozenset[str]) -> Family:
        weights = [
            family.weight * family.season.get(month, 1.0) * (TASTE_FACTOR if family.name in tastes else 1.0)
            for family in self._families
        ]
        return self._rng.choices(self._families, weights=weights)[0]

    def _purchase(self, family: Family) -> list[GeneratedProduct]:
        if family.accessories and self._rng.random() < ACCESSORY_ALONE_RATIO:
            return [self._rng.choice(family.accessories)]
        anchor = self._rng.choices(family.anchors, weights=self._anchor_weights[family.name])[0]
        bought = [anchor, *self._partners(anchor)]
        if family.accessories and self._rng.random() < 0.1:
            bought.append(self._rng.choice(family.accessories))
        return bought

    def _partners(self, anchor: GeneratedProduct) -> list[GeneratedProduct]:
        partners = [self._by_sku[sku] for sku in sorted(anchor.partners)]
        if self._rng.random() >= COMPLETE_SET_RATIO:
            partners = [partner for partner in partners if self._rng.random() < PARTNER_RATIO]
        return [self._maybe_other_colour(partner) for partner in partners]

    def _maybe_other_colour(self, product: GeneratedProduct) -> GeneratedProduct:
        if not product.variant_group or self._rng.random() >= OTHER_COLOUR_RATIO:
            return product
        return self._rng.choice(self._colours(product))

    def _colours(self, product: GeneratedProduct) -> Sequence[GeneratedProduct]:
        return [other for other in self._by_sku.values() if other.variant_group == product.variant_group]


class _Basket:
    def __init__(self) -> None:
        self.products: list[GeneratedProduct] = []
        self.families: set[str] = set()
        self._taken: set[str] = set()

    def put(self, product: GeneratedProduct) -> None:
        name = product.variant_group or product.sku
        if name not in self._taken:
            self._taken.add(name)
            self.products.append(product)
