"""What rules do to a bundle: pure functions over rules, parts, terms of sale and an audience. No query, no clock.

    pin            comes first, and outranks the excludes and requires of lower priority
    exclude        hides
    require        hides what lacks the other product or category
    price band, margin floor, stock floor          hide what is outside
    segment, placement                             hide from everybody and everywhere else

Where several rules of one of the last five kinds are about a bundle, those of the highest priority decide, and the
others do not count: so "books from 5 EUR on" can make an exception to "everything from 20 EUR on". Of price bands and
floors of the same priority all must hold, of segments and placements one. No pin outranks a floor or a band.

What is unusual: an audience may leave open who is asking and where (None). Then rules that depend on it say nothing,
which is what a list in admin and the button of a page that was shown earlier need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bundle_app import explain
from bundle_app.models import Rule
from bundle_app.models.rule import RuleKind

COMPOSITION = frozenset({RuleKind.EXCLUDE, RuleKind.REQUIRE})
FLOORS = (RuleKind.PRICE_BAND, RuleKind.MARGIN_FLOOR, RuleKind.STOCK_FLOOR)


class Part(Protocol):
    """What rules look at in a part of a bundle."""

    item_key: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is asking and where: None leaves it open, "" and the empty set are nobody known at no place in particular."""

    placement: str | None = None
    segments: frozenset[str] | None = None


ANYBODY = Audience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a whole bundle is sold today.

    `total` is what the shopper pays for all of it; `cost` is None where `without_cost`, titles of products, is not
    empty; `available_count` is how often it can be sold, None where stock is not counted.
    """

    total: Decimal
    currency: str
    cost: Decimal | None = None
    without_cost: tuple[str, ...] = ()
    available_count: int | None = None


def told(rule: Rule) -> str:
    """A rule as it is quoted beside a bundle."""
    return _("Rule: %(rule)s.") % {"rule": rule.sentence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A rule that hides a bundle, and what was found."""

    rule: Rule
    found: str = ""

    def __str__(self) -> str:
        return f"{told(self.rule)} {self.found}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`pin` is the weightiest rule that puts the bundle first."""

    objections: tuple[Objection, ...] = ()
    pin: Rule | None = None

    @property
    def is_allowed(self) -> bool:
        return not self.objections


class RuleBook:
    """The rules that are in force, the weightiest first, and found by what they are about."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = sorted(rules, key=lambda rule: (-rule.priority, rule.pk or 0))

    @cached_property
    def is_asked_who(self) -> bool:
        """Whether any rule depends on the shopper."""
        return any(rule.segment for rule in self.rules)

    @cached_property
    def _by_first(self) -> dict[tuple[str, str], list[int]]:
        places: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, rule in enumerate(self.rules):
            places[rule.item_key, rule.category].append(place)
        return places

    def about(self, parts: Sequence[Part]) -> list[Rule]:
        """The rules that speak of a bundle of these parts, the weightiest first."""
        asked = {("", "")} | {(part.item_key, "") for part in parts} | {("", part.category) for part in parts}
        places = sorted(place for key in asked for place in self._by_first.get(key, ()))
        return [self.rules[place] for place in places if is_about(self.rules[place], parts)]


NO_RULES = RuleBook()


def is_about(rule: Rule, parts: Sequence[Part]) -> bool:
    """Whether a rule speaks of a bundle. Where it names two, two different parts must fit."""
    firsts = _fitting(parts, rule.item_key, rule.category)
    if rule.kind == RuleKind.REQUIRE or not (rule.other_item_key or rule.other_category):
        return bool(firsts)
    return _has_two(firsts, _fitting(parts, rule.other_item_key, rule.other_category))


def applies(rule: Rule, audience: Audience) -> bool:
    """Whether a rule's conditions hold: it may speak to one segment, or at one placement, alone."""
    if rule.kind not in {RuleKind.SEGMENT, RuleKind.PLACEMENT}:
        if rule.segment and rule.segment not in (audience.segments or ()):
            return False
        return not rule.placement or rule.placement == audience.placement
    return (audience.segments if rule.kind == RuleKind.SEGMENT else audience.placement) is not None


def admits(rule: Rule, audience: Audience) -> bool:
    """Whether a rule of a segment or placement lets this audience see what it is about."""
    if rule.kind == RuleKind.SEGMENT:
        return rule.segment in (audience.segments or ())
    return rule.placement == audience.placement


def judge(
    book: RuleBook, parts: Sequence[Part], *, audience: Audience = ANYBODY, terms: Terms | None = None
) -> Verdict:
    """What the rules say of a bundle; without `terms`, bands and floors say nothing yet."""
    return judged_by([rule for rule in book.about(parts) if applies(rule, audience)], parts, audience, terms)


def judged_by(rules: Sequence[Rule], parts: Sequence[Part], audience: Audience, terms: Terms | None) -> Verdict:
    """The same by rules that are known to be about the bundle and to apply, the weightiest first."""
    pin = next((rule for rule in rules if rule.kind == RuleKind.PIN), None)
    objections = [
        Objection(rule=rule)
        for rule in rules
        if rule.kind in COMPOSITION
        and (pin is None or rule.priority >= pin.priority)
        and not (rule.kind == RuleKind.REQUIRE and _holds_the_other(rule, parts))
    ]
    for kind in (RuleKind.SEGMENT, RuleKind.PLACEMENT):
        deciding = _weightiest(rules, kind)
        if deciding and not any(admits(rule, audience) for rule in deciding):
            objections.append(Objection(rule=deciding[0]))
    if terms is not None:
        objections += _objections_to_terms(rules, terms)
    return Verdict(objections=tuple(objections), pin=None if objections else pin)


def _objections_to_terms(rules: Sequence[Rule], terms: Terms) -> Iterator[Objection]:
    comparable = [rule for rule in rules if rule.kind != RuleKind.PRICE_BAND or rule.currency == terms.currency]
    for kind in FLOORS:
        for rule in _weightiest(comparable, kind):
            found = _against(rule, terms)
            if found:
                yield Objection(rule=rule, found=found)


def _against(rule: Rule, terms: Terms) -> str:
    """What in the terms a rule objects to; empty if nothing."""
    match rule.kind:
        case RuleKind.PRICE_BAND:
            is_below = rule.lowest_price is not None and terms.total < rule.lowest_price
            is_above = rule.highest_price is not None and terms.total > rule.highest_price
            price = explain.money(terms.total, terms.currency)
            return _("It costs %(price)s.") % {"price": price} if is_below or is_above else ""
        case RuleKind.MARGIN_FLOOR:
            return _against_margin(rule.margin_percent or Decimal(0), terms)
        case _:
            if terms.available_count is None or terms.available_count >= (rule.stock_count or 0):
                return ""
            return ngettext(
                "It can be sold once.", "It can be sold %(count)d times.", terms.available_count
            ) % {"count": terms.available_count}  # fmt: skip


def _against_margin(floor_percent: Decimal, terms: Terms) -> str:
    if terms.cost is None:
        return _("The cost of %(titles)s is not known.") % {"titles": ", ".join(terms.without_cost)}
    margin = terms.total - terms.cost
    if margin * 100 >= floor_percent * terms.total:
        return ""
    if terms.total <= 0:
        return _("It is given away.")
    percent = (margin * 100 / terms.total).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return _("Its margin is %(percent)s%%.") % {"percent": percent}


def _weightiest(rules: Iterable[Rule], kind: str) -> list[Rule]:
    """Those of a kind that share its highest priority."""
    of_kind = [rule for rule in rules if rule.kind == kind]
    return [rule for rule in of_kind if rule.priority == of_kind[0].priority]


def _fitting(parts: Sequence[Part], item_key: str, category: str) -> list[int]:
    """Places of the parts that are that product, or of that category; all of them where neither is named."""
    return [
        place
        for place, part in enumerate(parts)
        if (not item_key or part.item_key == item_key) and (not category or part.category == category)
    ]


def _has_two(firsts: Collection[int], seconds: Collection[int]) -> bool:
    return bool(firsts) and bool(seconds) and len({*firsts, *seconds}) > 1


def _holds_the_other(rule: Rule, parts: Sequence[Part]) -> bool:
    seconds = _fitting(parts, rule.other_item_key, rule.other_category)
    if not (rule.item_key or rule.category):
        return bool(seconds)
    return _has_two(_fitting(parts, rule.item_key, rule.category), seconds)
