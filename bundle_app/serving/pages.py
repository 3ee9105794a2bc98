"""Offers for a page, as objects or as HTML."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import select_template
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext, gettext_noop

from bundle_app.exceptions import BundleNotOnOffer, ConfigurationError
from bundle_app.experiments.running import AS_IT_STANDS, arms_in_force, treatment
from bundle_app.models import Bundle
from bundle_app.rules import Audience, RuleBook, Verdict, judge
from bundle_app.serving.arranging import arranged
from bundle_app.serving.candidates import Candidate, best_grounds, candidates_for, valid_keys
from bundle_app.serving.choosing import refuse_unoffered
from bundle_app.serving.offers import Offer, compose, obstacles
from bundle_app.serving.promises import arms_with_prices, experiments_about_prices, promised_percent
from bundle_app.serving.ruling import (
    audience_of,
    rules_and_whether_experiments_are_in_force,
    rules_in_force,
    terms_of,
)
from bundle_app.serving.showings import Showings
from bundle_app.shop import get_adapter

NOT_ON_OFFER = gettext_noop("This set is not on offer any more.")
ASSETS_LINKED = "_bundle_app_assets_linked"
"""Attribute of a request whose page links the widget's style sheet and script already."""


def bundles_for(
    anchors: Sequence[str],
    *,
    request: HttpRequest | None,
    limit: int = 1,
    exclude: Collection[str] = (),
    in_cart: Mapping[str, int] | None = None,
    placement: str = "",
    is_drawn: bool = False,
    explores: bool = True,
) -> list[Offer]:
    """What to offer beside some items, best first; without anchors, what to offer anywhere in the shop.

    Four queries: rules, candidates, their parts, the shop's items; one more for variants in a shop that has them, and
    one for arms while an experiment is in force. Where no bundle of the anchors' own can be bought, the shop-wide ones
    follow, so that the list is short only if hardly anything can be sold. Bundles that hold an item of `exclude` are
    left out, and so are those that a rule hides at this `placement` or from this shopper; of bundles that hold items of
    `in_cart` (quantities by key), only the rest is offered. Anchors and exclusions are item keys. Each offer's
    `impression` names this showing of it. With `is_drawn` the caller says that `render` will be given the offers.
    Nothing is explored where nobody looks (no request), or where `explores` is false, as for a list that is read in
    pieces.
    """
    if limit < 1:
        return []
    showings = Showings(request, placement=placement)
    book, is_experimenting = rules_and_whether_experiments_are_in_force()
    treated = AS_IT_STANDS
    if is_experimenting:
        treated = treatment(arms_in_force(), subject=showings.subject, placement=placement, is_drawn=is_drawn)
    if treated.is_hidden:
        return []
    audience = audience_of(request, book, placement=placement)
    candidates = candidates_for(
        anchors,
        limit=limit,
        exclude=exclude,
        book=book,
        audience=audience,
        version_id=treated.version_id,
        policy_id=treated.policy_id,
    )
    keys = list(dict.fromkeys(key for candidate in candidates for key in candidate.bundle.quantities()))
    cards = get_adapter().get_items(keys, request) if keys else {}
    held = set(valid_keys(anchors))
    found: list[tuple[Candidate, Offer]] = []
    for each in candidates:
        candidate = replace(each, arm=treated.words, discount_percent=treated.discount_percent)
        if not treated.follows_policy:
            candidate = replace(candidate, policy_id=0, beliefs={})
        composed = compose(candidate, cards, anchors=held, held=in_cart, only_missing=True)
        if composed is not None and ruling(composed, book, audience).is_allowed:
            found.append((candidate, replace(composed, template=treated.template)))
    shown = arranged(found, limit=limit, explores=explores and request is not None)
    return [showings.named(composed, candidate, slot=slot) for slot, (candidate, composed) in enumerate(shown, 1)]


def ruling(found: Offer, book: RuleBook, audience: Audience) -> Verdict:
    """What the rules say of an offer at today's prices and stock."""
    return judge(book, list(found.bundle.parts.all()), audience=audience, terms=terms_of(found))


def refuse_hidden(found: Offer, *, request: HttpRequest | None) -> None:
    """Let nobody have what a rule hides by now, wherever it was shown before: one query.

    Raises:
        BundleNotOnOffer: a rule hides it from this shopper.
    """
    book = rules_in_force()
    if not ruling(found, book, audience_of(request, book, placement=None)).is_allowed:
        raise BundleNotOnOffer(gettext(NOT_ON_OFFER))


def offer(bundle: Bundle, *, request: HttpRequest | None) -> Offer | None:
    """One bundle, whatever its status, at today's prices; None if it cannot be bought (`problems` says why)."""
    cards = get_adapter().get_items(list(bundle.quantities()), request)
    return compose(best_grounds(bundle), cards)


def offer_by_id(
    bundle_id: int,
    *,
    request: HttpRequest | None,
    choices: Collection[str] = (),
    only_missing: bool = False,
    impression: str = "",
) -> Offer | None:
    """A bundle on offer with these variants of its parts; None if it cannot be bought so today.

    With `only_missing`, what is in the shopper's cart already is not priced. `impression` names the showing whose price
    is asked for.

    Raises:
        BundleNotOnOffer: there is none of that number, it is not active, outside its dates, or a rule hides it.
        ChoiceNotOffered: a choice is none of the bundle's variants, or there are two of one part.
    """
    bundle, adapter = bundle_on_offer(bundle_id), get_adapter()
    cards = adapter.get_items(list(bundle.quantities()), request)
    refuse_unoffered(bundle, cards, choices)
    held = adapter.cart_quantities(request) if only_missing and request is not None else {}
    candidate = replace(best_grounds(bundle), discount_percent=promised(bundle, impression))
    found = compose(candidate, cards, held=held, only_missing=only_missing, choices=choices)
    if found is not None:
        refuse_hidden(found, request=request)
    return found


def bundle_on_offer(bundle_id: int) -> Bundle:
    """A bundle that shoppers may see, its parts fetched.

    Raises:
        BundleNotOnOffer: there is none of that number, it is not active, or it is outside its dates.
    """
    asked = Bundle.objects.on_offer().annotate(is_priced_by_arms=experiments_about_prices())
    bundle = asked.filter(pk=bundle_id).prefetch_related("parts").first()
    if bundle is None:
        raise BundleNotOnOffer(gettext(NOT_ON_OFFER))
    return bundle


def promised(bundle: Any, impression: str) -> Decimal | None:
    """What is taken off a `bundle_on_offer` that a showing led to; None for its own discount. At most one query."""
    arms = arms_with_prices() if bundle.is_priced_by_arms else []
    return promised_percent(arms, bundle_id=bundle.pk, impression=impression)


def problems(bundle: Bundle, *, request: HttpRequest | None) -> list[str]:
    """Why a bundle cannot be bought today, in plain words, part by part; empty if it can. For merchandisers."""
    return obstacles(bundle, get_adapter().get_items(list(bundle.quantities()), request))


def render(
    offers: Sequence[Offer],
    *,
    request: HttpRequest | None,
    placement: str,
    template: str | None = None,
    can_add: bool = True,
) -> str:
    """Offers as the widget's HTML; nothing for no offers.

    The first of these templates that exists is used: that of the visitor's arm in an experiment, `template`,
    `bundle_app/<placement>.html`, `bundle_app/widget.html`. The page's context processors are not run again, since they
    may query; a template has `offers`, `placement`, `request`, `next_url`, `link_assets` and `can_add`. With `can_add`
    false, without a request, or in a shop whose cart is not connected, there is no form; admin shows a preview inside
    its own form so.
    """
    if not offers:
        return ""
    if not re.fullmatch(r"[\w-]+", placement):
        raise ConfigurationError(
            f"The placement is {placement!r}; expected a word of letters, digits, - and _, such as 'product'."
        )
    names = [f"bundle_app/{placement}.html", "bundle_app/widget.html"]
    html = select_template([*filter(None, [offers[0].template, template]), *names]).render(
        {
            "offers": offers,
            "placement": placement,
            "request": request,
            "next_url": request.get_full_path() if request else "",
            "link_assets": _first_on_page(request),
            "can_add": can_add and request is not None and get_adapter().has_cart,
            **_csrf(request),
        }
    )
    return str(html)


def _csrf(request: HttpRequest | None) -> dict[str, Any]:
    """The token, made only when a template asks for it: asking sets the cookie."""
    return {} if request is None else {"csrf_token": SimpleLazyObject(lambda: get_token(request))}


def _first_on_page(request: HttpRequest | None) -> bool:
    first = not getattr(request, ASSETS_LINKED, False)
    if request is not None:
        setattr(request, ASSETS_LINKED, True)
    return first
