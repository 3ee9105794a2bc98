"""A bundle's price in admin: what its form takes, how it is told, and what keeps it from being as it was set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bundle_app import conf, explain
from bundle_app.admin.presentation import grouped
from bundle_app.models import Bundle
from bundle_app.pricing import Limit, smallest_unit
from bundle_app.serving import Offer

AMOUNT_FIELDS = ("discount_amount", "discount_maximum")


def show_amounts(form: forms.ModelForm[Bundle]) -> None:
    """Write amounts with the decimals that their currency has, not with those of the column."""
    currency = form.instance.discount_currency
    for name in AMOUNT_FIELDS:
        amount = getattr(form.instance, name)
        if currency and amount is not None:
            form.initial[name] = amount.quantize(smallest_unit(currency))


def clean(form: forms.ModelForm[Bundle], cleaned: dict[str, Any]) -> None:
    """Bring what was entered into the shape that the constraints ask for; what does not count is forgotten.

    A merchandiser who changes the form of a price need not empty the field of the form before.
    """
    chosen = cleaned.get("discount_form")
    if chosen is None:  # Said already: the field is required.
        return
    if chosen != Bundle.DiscountForm.PERCENT:
        _forget(form, cleaned, "discount_percent", Decimal(0))
    if chosen not in {Bundle.DiscountForm.AMOUNT, Bundle.DiscountForm.FIXED_PRICE}:
        _forget(form, cleaned, "discount_amount", None)
    elif cleaned.get("discount_amount") is None and "discount_amount" not in form.errors:
        form.add_error("discount_amount", _("Enter an amount: this form of price needs one."))
    if "discount_currency" not in form.errors:
        _clean_currency(form, cleaned)
    sold, most = form.instance.use_count, cleaned.get("max_uses")
    if most is not None and most < sold:
        form.add_error(
            "max_uses",
            _("%(sold)s sets have been sold already. Enter that number or more; to stop selling, pause the bundle.")
            % {"sold": grouped(sold)},
        )


def _forget(form: forms.ModelForm[Bundle], cleaned: dict[str, Any], name: str, nothing: Decimal | None) -> None:
    cleaned[name] = nothing
    form.errors.pop(name, None)


def _clean_currency(form: forms.ModelForm[Bundle], cleaned: dict[str, Any]) -> None:
    """Amounts are of the shop's currency unless another is named, and have no smaller part than that currency has."""
    amounts = {name: cleaned[name] for name in AMOUNT_FIELDS if cleaned.get(name) is not None}
    currency = (cleaned.get("discount_currency") or conf.load().currency) if amounts else ""
    cleaned["discount_currency"] = currency
    unit = smallest_unit(currency)
    for name, amount in amounts.items():
        if amount % unit:
            form.add_error(
                name,
                _("%(currency)s has no such amount; the smallest is %(unit)s.")
                % {"currency": currency, "unit": explain.money(unit, currency)},
            )


def in_words(bundle: Bundle) -> list[str]:
    """How the bundle is cheaper than its parts, its limits behind it; nothing for no discount."""
    words = explain.discount_words(bundle.discount)
    if not words:
        return []
    if bundle.discount_maximum is not None:
        most = explain.money(bundle.discount_maximum, bundle.discount_currency)
        words = _("%(words)s, at most %(amount)s") % {"words": words, "amount": most}
    return [words]


def uses_in_words(bundle: Bundle) -> list[str]:
    if bundle.max_uses is None:
        return []
    return [_("%(sold)s of %(most)s sold") % {"sold": grouped(bundle.use_count), "most": grouped(bundle.max_uses)}]


def notes(bundle: Bundle, offer: Offer) -> list[str]:
    """What the widget does not tell: why the price is not as it was set, and how often it can be sold."""
    found = []
    amounts = {
        "saving": explain.money(offer.saving, offer.currency),
        "total": explain.money(offer.price.total, offer.currency),
    }
    if offer.price.limit is Limit.FLOOR:
        found.append(
            _("The shop's floor keeps the saving at %(saving)s: this set is not sold for less than %(total)s.")
            % amounts
        )
    elif offer.price.limit is Limit.MAXIMUM:
        found.append(_("Its maximum keeps the saving at %(saving)s.") % amounts)
    elif offer.price.limit is Limit.FULL_PRICE:
        found.append(_("Its parts cost no more singly, so this is what it costs: %(total)s.") % amounts)
    if offer.available is not None:
        found.append(
            ngettext("It can be sold %(count)s time today.", "It can be sold %(count)s times today.", offer.available)
            % {"count": grouped(offer.available)}
        )
    return [*found, *uses_in_words(bundle)]
