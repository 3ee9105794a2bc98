"""The discount that a bundle's sales suggest, in sentences, and how a merchandiser takes it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bundle_app import conf, explain, suggesting
from bundle_app.admin.evidence import told_of
from bundle_app.admin.presentation import grouped, rounded
from bundle_app.models import Bundle, Score
from bundle_app.pricing import Line
from bundle_app.serving import Offer
from bundle_app.suggesting import Bound, Suggestion
from bundle_app.telling import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A suggestion in words. `is_taken` says that the bundle has exactly this discount."""

    percent: int
    heading: str
    reasons: list[str]
    is_taken: bool


def advice(bundle: Bundle, offer: Offer | None, scores: Sequence[Score]) -> Advice | None:
    """The discount that the sales of a bundle suggest; None where they tell nothing, or it cannot be sold at all."""
    told = [score for score in scores if score.evidence.get("anchor_orders") is not None]
    keys = [part.item.item_key for part in offer.parts] if offer is not None else []
    rated = [(_together(score), score) for score in told if score.anchor_key in keys]
    if offer is None or not rated:
        return None
    together_ratio, score = max(rated, key=lambda pair: pair[0])
    anchor = keys.index(score.anchor_key)
    suggestion = suggesting.suggest_discount(
        [
            Line(unit_price=part.item.price or Decimal(0), quantity=part.quantity, cost=part.item.cost)
            for part in offer.parts
        ],
        anchor=anchor,
        together_ratio=together_ratio,
        currency=offer.currency,
        floor=conf.load().floor,
    )
    is_percent = bundle.discount_form == Bundle.DiscountForm.PERCENT
    return Advice(
        percent=suggestion.percent,
        heading=_heading(suggestion, offer.currency),
        reasons=_reasons(suggestion, score, anchor=offer.parts[anchor].item.title),
        is_taken=is_percent and bundle.discount_percent == suggestion.percent,
    )


def _together(score: Score) -> Decimal:
    """How many of the anchor's buyers take the rest anyway, carefully: see `cautious_ratio`.

    From the suggestion its counts could be worked out. So in place of a bundle's that may not be told stands the most
    that it can be, and in place of its anchor's the least that it can be: both suggest less.
    """
    told = told_of(score)
    support = told.threshold - 1 if told.support is None else told.support
    orders = support if told.anchor_orders is None else told.anchor_orders
    return suggesting.cautious_ratio(support, orders)


def _heading(suggestion: Suggestion, currency: str) -> str:
    if not suggestion.percent:
        return _("No discount")
    return _("%(percent)d %% off, which is %(saving)s") % {
        "percent": suggestion.percent,
        "saving": explain.money(suggestion.saving, currency),
    }


def _reasons(suggestion: Suggestion, score: Score, *, anchor: str) -> list[str]:
    reasons = [_sold_anyway(told_of(score), anchor)]
    if suggestion.percent:
        reasons.append(
            _("It pays for itself if it wins %(share)s of 100 buyers who would not have taken the set.")
            % {"share": rounded(float(suggestion.to_win_ratio) * 100, decimal_count=1)}
        )
    reasons.append(_bound(suggestion))
    if not suggestion.cost_known:
        reasons.append(
            _("What the products cost the shop is not known: they are taken to cost %(percent)s %% of their price.")
            % {"percent": rounded(float(conf.load().min_price_ratio) * 100, decimal_count=0)}
        )
    return reasons


def _sold_anyway(told: Told, anchor: str) -> str:
    facts = {"anchor": anchor, "fewer": grouped(told.threshold), "support": grouped(told.support or 0)}
    if told.anchor_orders is None:
        if told.support is None:
            return _("Too few orders to say how many with %(anchor)s hold the rest anyway.") % facts
        return (
            ngettext(
                "%(support)s order with %(anchor)s holds the rest anyway: there a discount is given away.",
                "%(support)s orders with %(anchor)s hold the rest anyway: there a discount is given away.",
                told.support,
            )
            % facts
        )
    facts["orders"] = grouped(told.anchor_orders)
    if told.support is None:
        return (
            ngettext(
                "Fewer than %(fewer)s of %(orders)s order with %(anchor)s hold the rest anyway.",
                "Fewer than %(fewer)s of %(orders)s orders with %(anchor)s hold the rest anyway.",
                told.anchor_orders,
            )
            % facts
        )
    return (
        ngettext(
            "%(support)s of %(orders)s order with %(anchor)s holds the rest anyway: there a discount is given away.",
            "%(support)s of %(orders)s orders with %(anchor)s hold the rest anyway: there a discount is given away.",
            told.anchor_orders,
        )
        % facts
    )


def _bound(suggestion: Suggestion) -> str:
    match suggestion.bound:
        case Bound.SOLD_ANYWAY:
            return _("More would have to win over %(share)s of 100, which is a lot to ask of a discount.") % {
                "share": rounded(float(suggesting.MOST_TO_WIN) * 100, decimal_count=0)
            }
        case Bound.FLOOR:
            return _("More would take the set to the shop's floor, or take all that its other products earn.")
        case Bound.MOST:
            return _("More than %(percent)d %% is never suggested.") % {"percent": suggesting.MOST_PERCENT}


@transaction.atomic
def take(bundle: Bundle, percent: int, *, user_id: int, at: datetime) -> None:
    """Make a suggested percentage the bundle's discount; its maximum, dates and limit stay as they are."""
    bundle.discount_form = Bundle.DiscountForm.PERCENT
    bundle.discount_percent = Decimal(percent)
    bundle.discount_amount = None
    if bundle.discount_maximum is None:
        bundle.discount_currency = ""
    bundle.decided_at = at
    bundle.save(
        update_fields=[
            "discount_form",
            "discount_percent",
            "discount_amount",
            "discount_currency",
            "decided_at",
            "updated_at",
        ]
    )
    text = _("Took over the suggested discount of %(percent)d %%.") % {"percent": percent}
    LogEntry.objects.log_actions(user_id, [bundle], CHANGE, text, single_object=True)
