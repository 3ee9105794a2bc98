"""Rules where bundles are chosen: the rules in force, who is asking, and a query that leaves out what they hide.

What a rule means is said once, in `bundle_app.rules`, and every bundle is judged there. `not_hidden` says part of it
once more in SQL, for lists that are cut before they are judged, so that bundles which rules hide do not fill the places
of those that may be shown. It may let through what is judged hidden later; it never hides what is judged allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Q, Value
from django.http import HttpRequest

from bundle_app.models import BundlePart, Experiment, Rule
from bundle_app.models.rule import RuleKind
from bundle_app.rules import Audience, RuleBook, Terms, admits, applies
from bundle_app.shop import get_adapter

if TYPE_CHECKING:
    from bundle_app.serving.offers import Offer

EVERY_BUNDLE = ~Q(pk__in=[])


def rules_in_force(*, at: datetime | None = None) -> RuleBook:
    """One query. Nothing is kept from one page to the next: a rule counts from the moment it is saved."""
    return RuleBook(Rule.objects.in_force(at=at))


def rules_and_whether_experiments_are_in_force() -> tuple[RuleBook, bool]:
    """One query, too: an experiment in force adds a row of nothing to it.

    So an experiment counts from the moment it is started, and pages of a shop that has none ask no more than before.
    """
    nothing = [Value(None, output_field=field) for field in Rule._meta.concrete_fields]
    marks = Experiment.objects.in_force().order_by().values_list(*nothing)
    rows = list(Rule.objects.in_force().order_by().union(marks, all=True))
    rules = sorted((row for row in rows if row.pk is not None), key=lambda rule: (-rule.priority, rule.pk))
    return RuleBook(rules), len(rules) < len(rows)


def audience_of(request: HttpRequest | None, book: RuleBook, *, placement: str | None) -> Audience:
    """Who is asking. The shop is asked for a shopper's segments only where a rule depends on them."""
    if not book.is_asked_who or request is None:
        return Audience(placement=placement, segments=frozenset())
    return Audience(placement=placement, segments=frozenset(get_adapter().segments(request)))


def terms_of(offer: Offer) -> Terms:
    """On what terms the whole bundle is sold, parts that are in the cart already included."""
    parts = offer.parts
    without_cost = tuple(part.item.title for part in parts if part.item.cost is None)
    return Terms(
        total=sum((part.line_total - part.discount for part in parts), start=Decimal(0)),
        currency=offer.currency,
        cost=None
        if without_cost
        else sum(((part.item.cost or Decimal(0)) * part.quantity for part in parts), start=Decimal(0)),
        without_cost=without_cost,
        available_count=min(
            (part.item.stock // part.quantity for part in parts if part.item.stock is not None), default=None
        ),
    )


def not_hidden(book: RuleBook, audience: Audience) -> Q:
    """A condition on bundles that leaves out what the rules hide by composition and audience."""
    rules = [rule for rule in book.rules if applies(rule, audience)]
    if not rules:
        return EVERY_BUNDLE
    heaviest_pin = max((rule.priority for rule in rules if rule.kind == RuleKind.PIN), default=None)
    binding = [rule for rule in rules if heaviest_pin is None or rule.priority >= heaviest_pin]
    hidden = about_any([rule for rule in binding if rule.kind == RuleKind.EXCLUDE])
    for rule in binding:
        if rule.kind == RuleKind.REQUIRE:
            hidden |= about_any([rule]) & ~_holding_any([(rule.other_item_key, rule.other_category)])
    for kind in (RuleKind.SEGMENT, RuleKind.PLACEMENT):
        of_kind = [rule for rule in rules if rule.kind == kind]
        admitted = about_any([rule for rule in of_kind if admits(rule, audience)])
        hidden |= about_any([rule for rule in of_kind if not admits(rule, audience)]) & ~admitted
    return ~hidden


def broad(book: RuleBook) -> RuleBook:
    """The rules that may hide a great part of all bundles: those that name one thing, not two.

    A page's query asks these alone. Each subquery more costs it a millisecond or two of composing and planning, while
    the judgement of two dozen candidates by a hundred rules takes a fraction of one.
    """
    return RuleBook(
        rule
        for rule in book.rules
        if rule.kind == RuleKind.PIN
        or not (rule.other_item_key or rule.other_category)
        or (rule.kind == RuleKind.REQUIRE and not (rule.item_key or rule.category))
    )


def about_any(rules: Iterable[Rule]) -> Q:
    """A condition on bundles: one of these rules speaks of them."""
    pairs, singles = [], []
    for rule in rules:
        first, other = (rule.item_key, rule.category), (rule.other_item_key, rule.other_category)
        if rule.kind == RuleKind.REQUIRE or not any(other):
            singles.append(first)
        else:
            pairs.append((first, other))
    return _holding_any(singles) | _holding_both(pairs)


def _holding_any(named: Sequence[tuple[str, str]]) -> Q:
    """Bundles with one of these products, or with something of one of these categories."""
    if ("", "") in named:
        return EVERY_BUNDLE
    if not named:
        return ~EVERY_BUNDLE
    fits = Q(item_key__in=[item for item, _category in named if item]) | Q(
        category__in=[category for _item, category in named if category]
    )
    return Q(Exists(BundlePart.objects.filter(fits, bundle=OuterRef("pk"))))


def _holding_both(pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]]) -> Q:
    """Bundles with two different parts, of which one fits the first and one the second of a pair."""
    if not pairs:
        return ~EVERY_BUNDLE
    fits = Q()
    for first, second in pairs:
        fits |= _fits(first) & _fits(second, prefix="bundle__parts__")
    # Not written as an exclusion, which would look for a part without any other.
    is_another = Q(bundle__parts__pk__lt=F("pk")) | Q(bundle__parts__pk__gt=F("pk"))
    return Q(Exists(BundlePart.objects.filter(fits, is_another, bundle=OuterRef("pk"))))


def _fits(named: tuple[str, str], *, prefix: str = "") -> Q:
    item, category = named
    return Q(**{f"{prefix}item_key": item}) if item else Q(**{f"{prefix}category": category})
