"""Why a bundle: the evidence of a score, in sentences that need no statistics to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from bundle_app import charts, conf, telling
from bundle_app.admin.presentation import grouped, rounded
from bundle_app.models import Bundle, Score
from bundle_app.models.score import SHOP_WIDE
from bundle_app.telling import Told

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# The ladder of bundle_ml, the richest model first.
RUNGS: dict[str, StrPromise] = {
    "blend": gettext_lazy("Blend with Transformer"),
    "ease": gettext_lazy("Linear model (EASE)"),
    "co_purchase": pgettext_lazy("model", "Bought together"),
    "category": gettext_lazy("Category"),
    "popularity": gettext_lazy("Popularity"),
}

MODELS: dict[str, StrPromise] = {
    **RUNGS,
    "transformer": gettext_lazy("Transformer"),
    "blend": gettext_lazy("Blend"),
    "clicks": gettext_lazy("Clicks"),
}

EXPECTED: dict[str, StrPromise] = {
    "blend": gettext_lazy("The model expects it from what similar orders hold."),
    "ease": gettext_lazy("Orders with some of these products point to the others."),
    "co_purchase": gettext_lazy("Each is bought with the first product."),
    "category": gettext_lazy("These sell well in the same category."),
    "popularity": gettext_lazy("These sell well in the whole shop."),
}
"""What a score stands on where too few orders hold the whole bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    name: str
    label: str
    ratio: float

    @property
    def percent(self) -> int:
        return round(self.ratio * 100)

    @property
    def swatch(self) -> SafeString:
        return charts.share_swatch(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One score as the bundle's page shows it."""

    anchor: str
    score: Score
    rung: str
    sentences: list[str]
    shares: list[Share]
    bar: SafeString


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtRow:
    """What one part brings to the others, as a share of what all bring; and to which of them it brings most."""

    title: str
    ratio: float
    bar: SafeString
    most_to: str

    @property
    def percent(self) -> int:
        return round(self.ratio * 100)


def rung_label(rung: str) -> str:
    """A rung of the ladder in words; one that is not known stands for itself."""
    return str(RUNGS.get(rung, rung))


def model_label(model: str) -> str:
    return str(MODELS.get(model, model))


def told_of(score: Score) -> Told:
    return telling.tell(score.evidence, threshold=conf.load().k_anonymity)


def sentence(score: Score) -> str:
    """The evidence in one sentence, or two.

    For example: "Bought together in 132 of 18,204 orders; 3.4 times as often as chance."
    """
    told = told_of(score)
    if told.support is None:
        return " ".join(filter(None, [_uncounted(told), str(EXPECTED.get(score.rung, ""))]))
    counted = _counted(told.support, told.orders)
    if not told.lift:
        return _("%(told)s.") % {"told": counted}
    times = rounded(told.lift, decimal_count=1 if told.lift < 100 else 0)
    return _("%(told)s; %(times)s times as often as chance.") % {"told": counted, "times": times}


def _counted(support: int, orders: int | None) -> str:
    if orders is None:
        return ngettext("Bought together in %(count)s order", "Bought together in %(count)s orders", support) % {
            "count": grouped(support)
        }
    return ngettext(
        "Bought together in %(support)s of %(orders)s order",
        "Bought together in %(support)s of %(orders)s orders",
        orders,
    ) % {"support": grouped(support), "orders": grouped(orders)}


def _uncounted(told: Told) -> str:
    if not told.is_rare:
        return _("Too few orders to say how many hold all of it.")
    if told.threshold == 1:
        return _("Never bought all together yet.")
    return _("Bought all together in fewer than %(count)s orders.") % {"count": grouped(told.threshold)}


def confidence_sentence(score: Score, anchor: str) -> str:
    """How often those who buy the anchor buy the rest; empty where that is not known."""
    confidence = told_of(score).confidence
    if not confidence or score.anchor_key == SHOP_WIDE:
        return ""
    return _("%(percent)s%% of the orders with %(anchor)s hold the rest too.") % {
        "percent": rounded(confidence * 100, decimal_count=0 if confidence >= 0.1 else 1),
        "anchor": anchor,
    }


def quantities_sentence(score: Score) -> str:
    """How many orders hold as many of each as the bundle does; empty where it holds one of each."""
    count = told_of(score).in_these_quantities
    if count is None:
        return ""
    return ngettext(
        "In %(count)s of these orders the quantities are those of the bundle, or a multiple.",
        "In %(count)s of these orders the quantities are those of the bundle, or a multiple.",
        count,
    ) % {"count": grouped(count)}


def template_sentence(score: Score) -> str:
    """Which two categories make a set, by the orders that hold something of both."""
    told = told_of(score)
    if told.template_orders is None or len(told.categories) != 2:
        return ""
    one, other = told.categories
    return ngettext(
        "%(count)s order holds something of both %(one)s and %(other)s.",
        "%(count)s orders hold something of both %(one)s and %(other)s.",
        told.template_orders,
    ) % {"count": grouped(told.template_orders), "one": one, "other": other}


def evidence_rows(bundle: Bundle, scores: Iterable[Score]) -> list[EvidenceRow]:
    """The scores of one bundle, each with its anchor's title. Needs no query if the parts are loaded."""
    titles = {part.item_key: part.title or part.item_key for part in bundle.parts.all()}
    titles[SHOP_WIDE] = _("Whole shop")
    return [_row(score, _anchor(score, titles)) for score in scores]


def _anchor(score: Score, titles: Mapping[str, str]) -> str:
    if score.context:
        return " + ".join(titles.get(key, key) for key in score.context)
    return titles.get(score.anchor_key, score.anchor_key)


def _sentences(score: Score, anchor: str) -> list[str]:
    facts = [sentence(score), confidence_sentence(score, anchor)]
    return [*facts, quantities_sentence(score), template_sentence(score)]


def _row(score: Score, anchor: str) -> EvidenceRow:
    ratios = {name: float(ratio) for name, ratio in (score.evidence.get("shares") or {}).items() if ratio}
    return EvidenceRow(
        anchor=_("Cart with %(products)s") % {"products": anchor} if score.context else anchor,
        score=score,
        rung=rung_label(score.rung),
        sentences=[text for text in _sentences(score, anchor) if text],
        shares=[Share(name=name, label=model_label(name), ratio=ratio) for name, ratio in ratios.items()],
        bar=charts.share_bar(ratios, labels=MODELS),
    )


def brought_rows(bundle: Bundle, scores: Iterable[Score]) -> list[BroughtRow]:
    """What each part brings to the others, the most first; empty where it was not measured, as for a pair.

    It is the same on every page that the bundle is shown on.
    """
    titles = {part.item_key: part.title or part.item_key for part in bundle.parts.all()}
    found: Mapping[str, Any] = next((each.evidence for each in scores if telling.brings(each.evidence)), {})
    brings = {key: max(total, 0.0) for key, total in telling.brings(found).items() if key in titles}
    whole = sum(brings.values())
    if not whole:
        return []
    return [
        BroughtRow(
            title=titles[key],
            ratio=total / whole,
            bar=charts.ratio_bar(total / whole, label=titles[key]),
            most_to=titles.get(telling.most_brought_to(found, key), ""),
        )
        for key, total in brings.items()
    ]
