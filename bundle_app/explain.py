"""Why a bundle is shown, in one sentence for shoppers, and how its price is written.

It turns the evidence that a model left beside a score into words. It never says more than may be told of the evidence
(see `telling`), and nothing is called popular in a shop that has hardly sold.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext

from bundle_app import conf, telling
from bundle_app.pricing import Discount, DiscountForm, smallest_unit

SYMBOLS: Mapping[str, str] = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "ILS": "₪", "INR": "₹",
    "JPY": "¥", "KRW": "₩", "MXN": "MX$", "NZD": "NZ$", "PHP": "₱", "SGD": "S$", "TRY": "₺", "TWD": "NT$", "UAH": "₴",
    "USD": "$", "VND": "₫", "ZAR": "R",
}  # fmt: skip
"""How shoppers know a currency. One that is not listed is written as its ISO code."""

SYMBOL_FIRST = frozenset("en zh ja ko th hi he ga ms nl tr".split())
"""Languages that write the symbol before the amount."""

NOTABLE_CONFIDENCE = 0.1
"""A smaller share of the anchor's orders is no argument for a shopper."""


def money(amount: Decimal, currency: str) -> str:
    """An amount as the active language writes it, with the decimals that the currency has.

    >>> from django.utils.translation import override
    >>> with override("en"):
    ...     money(Decimal("1234.5"), "USD"), money(Decimal("1234"), "JPY"), money(Decimal("5"), "CHF")
    ('$1,234.50', '¥1,234', 'CHF\\xa05.00')
    """
    unit = smallest_unit(currency)
    decimals = -int(unit.as_tuple().exponent)
    exact = amount.quantize(unit, rounding=ROUND_HALF_UP)
    number = number_format(exact, decimal_pos=decimals, use_l10n=True, force_grouping=True)
    symbol = SYMBOLS.get(currency)
    if (get_language() or "en").split("-")[0] not in SYMBOL_FIRST:
        return f"{number}\xa0{symbol or currency}"
    return f"{symbol}{number}" if symbol else f"{currency}\xa0{number}"


def saving(amount: Decimal, currency: str) -> str:
    """What a shopper saves, in a sentence."""
    return gettext("You save %(saving)s") % {"saving": money(amount, currency)}


def discount_words(discount: Discount) -> str:
    """What a bundle's price takes off, as it was set: empty for nothing."""
    match discount.form:
        case DiscountForm.PERCENT if discount.percent:
            return gettext("%(percent)s %% off") % {"percent": number_format(discount.percent.normalize())}
        case DiscountForm.AMOUNT:
            return gettext("%(amount)s off") % {"amount": money(discount.amount, discount.currency)}
        case DiscountForm.FIXED_PRICE:
            return gettext("%(amount)s for the set") % {"amount": money(discount.amount, discount.currency)}
        case DiscountForm.CHEAPEST_FREE:
            return gettext("cheapest product free")
    return ""


def price_note(discount: Discount, *, free: str) -> str:
    """The same for a shopper, who sees amounts beside it: `free` is the title of the cheapest product."""
    match discount.form:
        case DiscountForm.PERCENT:
            return discount_words(discount)
        case DiscountForm.CHEAPEST_FREE:
            return gettext("One free: %(title)s") % {"title": free}
        case DiscountForm.FIXED_PRICE:
            return gettext("Set price")
    return ""


def why(evidence: Mapping[str, Any], *, rung: str, anchor_key: str, titles: Mapping[str, str]) -> str:
    """The one sentence under a bundle.

    `rung` is the step of the ladder that the score stands on, empty for a bundle made by hand; `titles` are those of
    the parts by item key.
    """
    if not rung:
        return gettext("Put together by our team")
    told = telling.tell(evidence, threshold=conf.load().k_anonymity)
    anchor = titles.get(anchor_key, "")
    if told.support is not None:
        return _bought_together(told.support, told.confidence, anchor)
    partner = next((titles[key] for key in told.partners if key in titles and key != anchor_key), "")
    if anchor and partner:
        return gettext("Customers who bought %(anchor)s also bought %(part)s") % {"anchor": anchor, "part": partner}
    in_hand = [titles[key] for key in evidence.get("context") or () if key in titles]
    if len(in_hand) == 2:
        return gettext("Chosen to go well with %(one)s and %(other)s") % {"one": in_hand[0], "other": in_hand[1]}
    leading = titles.get(telling.leading(evidence))
    if leading:
        return gettext("Chosen to go well with %(item)s") % {"item": leading}
    return _by_rung(rung, evidence, is_told=told.orders is not None)


def _bought_together(support: int, confidence: float | None, anchor: str) -> str:
    """With the share of the anchor's orders, where it is worth a word."""
    count = number_format(support, use_l10n=True, force_grouping=True)
    if not anchor or confidence is None or confidence < NOTABLE_CONFIDENCE:
        return ngettext("Bought together in %(count)s order", "Bought together in %(count)s orders", support) % {
            "count": count
        }
    return ngettext(
        "Bought together in %(count)s order, %(percent)s%% of those with %(anchor)s",
        "Bought together in %(count)s orders, %(percent)s%% of those with %(anchor)s",
        support,
    ) % {"count": count, "percent": round(confidence * 100), "anchor": anchor}


def _by_rung(rung: str, evidence: Mapping[str, Any], *, is_told: bool) -> str:
    if rung in {"category", "popularity"} and is_told:
        category = evidence.get("category")
        if rung == "category" and category:
            return gettext("Popular in %(category)s") % {"category": category}
        return gettext("Popular in the same category") if rung == "category" else gettext("Popular in this shop")
    return gettext("Chosen to go well together")
