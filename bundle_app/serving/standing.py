"""Why bundles are not shown, for merchandisers: each reason in a sentence, whichever part of the app it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app.models import Bundle, Rule
from bundle_app.models.rule import RuleKind
from bundle_app.models.score import SHOP_WIDE
from bundle_app.rules import ANYBODY, RuleBook, Verdict, judge, told
from bundle_app.serving.candidates import Candidate
from bundle_app.serving.offers import compose, obstacles
from bundle_app.serving.ruling import rules_in_force, terms_of
from bundle_app.shop import ItemCard, get_adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`against` says why a bundle is shown to nobody, `limits` to whom or where alone; `pin` puts it first."""

    against: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    pin: Rule | None = None


def standings(
    bundles: Sequence[Bundle], *, request: HttpRequest | None, at: datetime | None = None
) -> dict[int, Standing]:
    """How bundles stand today, by number. Two queries for all of them: rules, the shop's items."""
    keys = list(dict.fromkeys(part.item_key for bundle in bundles for part in bundle.parts.all()))
    cards = get_adapter().get_items(keys, request) if keys else {}
    book, now = rules_in_force(at=at), at or timezone.now()
    return {bundle.pk: _standing(bundle, cards, book, at=now) for bundle in bundles}


def verdict_on(bundle: Bundle, cards: Mapping[str, ItemCard], book: RuleBook) -> Verdict:
    """What the rules say of a bundle whoever asks, its price and stock included where it can be bought."""
    found = compose(Candidate(bundle=bundle, anchor_key=SHOP_WIDE, evidence={}), cards)
    return judge(book, list(bundle.parts.all()), audience=ANYBODY, terms=terms_of(found) if found else None)


def _standing(bundle: Bundle, cards: Mapping[str, ItemCard], book: RuleBook, *, at: datetime) -> Standing:
    verdict = verdict_on(bundle, cards, book)
    about = book.about(list(bundle.parts.all()))
    return Standing(
        against=[
            *_not_yet_or_no_more(bundle, at=at),
            *obstacles(bundle, cards),
            *(str(objection) for objection in verdict.objections),
        ],
        limits=[told(rule) for rule in about if rule.kind in {RuleKind.SEGMENT, RuleKind.PLACEMENT}],
        pin=verdict.pin,
    )


def _not_yet_or_no_more(bundle: Bundle, *, at: datetime) -> list[str]:
    if bundle.status != Bundle.Status.ACTIVE:
        return [_("Its status is “%(status)s”.") % {"status": bundle.get_status_display()}]
    if bundle.valid_from is not None and bundle.valid_from > at:
        return [_("It begins later.")]
    if bundle.valid_until is not None and bundle.valid_until <= at:
        return [_("Its time is over.")]
    return []
