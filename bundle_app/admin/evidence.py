"""Why a bundle: the evidence of a score, in sentences that need no statistics to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from bundle_app import charts
from bundle_app.admin.presentation import grouped, rounded
from bundle_app.models import Bundle, Score
from bundle_app.models.score import SHOP_WIDE

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

MODELS: dict[str, StrPromise] = {**RUNGS, "transformer": gettext_lazy("Transformer"), "blend": gettext_lazy("Blend")}

WITHOUT_SUPPORT: dict[str, StrPromise] = {
    "blend": gettext_lazy("Never bought all together yet; the model expects it from what similar orders hold."),
    "ease": gettext_lazy("Never bought all together yet; orders with some of these products point to the others."),
    "co_purchase": gettext_lazy("Never bought all together yet; each is bought with the first product."),
    "category": gettext_lazy("Too few orders to say; these sell well in the same category."),
    "popularity": gettext_lazy("Too few orders to say; these sell well in the whole shop."),
}


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


def rung_label(rung: str) -> str:
    """A rung of the ladder in words; one that is not known stands for itself."""
    return str(RUNGS.get(rung, rung))


def model_label(model: str) -> str:
    return str(MODELS.get(model, model))


def sentence(score: Score) -> str:
    """The evidence in one sentence.

    For example: "Bought together in 132 of 18,204 orders; 3.4 times as often as chance."
    """
    evidence: Mapping[str, Any] = score.evidence
    support, orders = int(evidence.get("support") or 0), int(evidence.get("orders") or 0)
    if not support:
        return str(WITHOUT_SUPPORT.get(score.rung, _("Never bought all together yet.")))
    told = ngettext(
        "Bought together in %(support)s of %(orders)s order",
        "Bought together in %(support)s of %(orders)s orders",
        orders,
    ) % {"support": grouped(support), "orders": grouped(orders)}
    lift = evidence.get("lift")
    if not lift:
        return _("%(told)s.") % {"told": told}
    times = rounded(float(lift), decimal_count=1 if lift < 100 else 0)
    return _("%(told)s; %(times)s times as often as chance.") % {"told": told, "times": times}


def confidence_sentence(score: Score, anchor: str) -> str:
    """How often those who buy the anchor buy the rest; empty where that is not known."""
    confidence = score.evidence.get("confidence")
    if not confidence or score.anchor_key == SHOP_WIDE:
        return ""
    return _("%(percent)s%% of the orders with %(anchor)s hold the rest too.") % {
        "percent": rounded(float(confidence) * 100, decimal_count=0 if confidence >= 0.1 else 1),
        "anchor": anchor,
    }


def evidence_rows(bundle: Bundle, scores: Iterable[Score]) -> list[EvidenceRow]:
    """The scores of one bundle, each with its anchor's title. Needs no query if the parts are loaded."""
    titles = {part.item_key: part.title or part.item_key for part in bundle.parts.all()}
    titles[SHOP_WIDE] = _("Whole shop")
    return [_row(score, titles.get(score.anchor_key, score.anchor_key)) for score in scores]


def _row(score: Score, anchor: str) -> EvidenceRow:
    ratios = {name: float(ratio) for name, ratio in (score.evidence.get("shares") or {}).items() if ratio}
    return EvidenceRow(
        anchor=anchor,
        score=score,
        rung=rung_label(score.rung),
        sentences=[text for text in (sentence(score), confidence_sentence(score, anchor)) if text],
        shares=[Share(name=name, label=model_label(name), ratio=ratio) for name, ratio in ratios.items()],
        bar=charts.share_bar(ratios, labels=MODELS),
    )
