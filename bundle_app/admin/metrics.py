"""How good a model version is: its measurements as a table, models as rows, contexts as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bundle_app.admin.evidence import RUNGS, model_label
from bundle_app.admin.presentation import rounded
from bundle_app.models import ModelVersion

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

DEFAULT_METRIC = "ndcg_at_10"

METRICS: dict[str, StrPromise] = {
    "ndcg_at_10": gettext_lazy("NDCG@10"),
    "recall_at_10": gettext_lazy("Recall@10"),
    "recall_at_20": gettext_lazy("Recall@20"),
    "mrr": gettext_lazy("MRR"),
    "hit_rate_at_10": gettext_lazy("Hit rate@10"),
    "coverage_at_10": gettext_lazy("Coverage@10"),
    "novelty_at_10": gettext_lazy("Novelty@10"),
}

EXPLANATIONS: dict[str, StrPromise] = {
    "ndcg_at_10": gettext_lazy(
        "How far up the first ten suggestions the products stand that were really bought; 1 is perfect."
    ),
    "recall_at_10": gettext_lazy("The share of the products really bought that are among the first ten suggestions."),
    "recall_at_20": gettext_lazy(
        "The share of the products really bought that are among the first twenty suggestions."
    ),
    "mrr": gettext_lazy("One divided by the place of the first suggestion that was really bought, on average."),
    "hit_rate_at_10": gettext_lazy("The share of orders for which at least one of ten suggestions was really bought."),
    "coverage_at_10": gettext_lazy("The share of the catalogue that is suggested to anyone at all."),
    "novelty_at_10": gettext_lazy(
        "How little known the suggestions are, in bits: one bit more for each halving of a product's share of sales."
    ),
}

SEGMENTS: dict[str, StrPromise] = {
    "common_items": gettext_lazy("Best sellers: the fifth of the products with most orders"),
    "rare_items": gettext_lazy("All other products"),
    "small_baskets": gettext_lazy("Small orders: up to the median size"),
    "large_baskets": gettext_lazy("Larger orders"),
    "new_shoppers": gettext_lazy("First orders: the shopper has none before"),
    "returning_shoppers": gettext_lazy("Orders of shoppers who came back"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    value: float | None
    low: float | None
    high: float | None
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    model: str
    label: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    metric: str
    label: str
    explanation: str
    contexts: list[str]
    rows: list[Row]


def chosen_metric(asked: str | None) -> str:
    """The metric that was asked for, or the default where there is none of that name."""
    return asked if asked in METRICS else DEFAULT_METRIC


def metrics_table(metrics: Mapping[str, Any], *, metric: str = DEFAULT_METRIC) -> Table:
    """The table of one metric; the best of each column is marked, ties and all."""
    contexts = [str(context) for context in metrics.get("contexts") or ()]
    cells = {(row["model"], str(row["context"])): row for row in metrics.get("rows") or ()}
    models = list(dict.fromkeys(model for model, _context in cells))
    best = {
        context: max(
            (value for model in models if (value := _number(cells, model, context, metric)) is not None), default=None
        )
        for context in contexts
    }

    def row(model: str) -> Iterator[Cell]:
        for context in contexts:
            value = _number(cells, model, context, metric)
            yield Cell(
                value=value,
                low=_number(cells, model, context, f"{metric}_low"),
                high=_number(cells, model, context, f"{metric}_high"),
                is_best=value is not None and value == best[context],
            )

    return Table(
        metric=metric,
        label=str(METRICS[metric]),
        explanation=str(EXPLANATIONS[metric]),
        contexts=[context_label(context) for context in contexts],
        rows=[Row(model=model, label=model_label(model), cells=list(row(model))) for model in models],
    )


def segments_table(version: ModelVersion) -> Table:
    """NDCG@10 of what the version serves by, for parts of the held-out orders; without rows where none was measured."""
    cells = {
        (row["segment"], str(row["context"])): row
        for row in version.metrics.get("segments") or ()
        if row["model"] == version.rung
    }
    contexts = [str(context) for context in version.metrics.get("contexts") or ()]

    def row(segment: str) -> Iterator[Cell]:
        for context in contexts:
            value, low, high = (
                _number(cells, segment, context, f"{DEFAULT_METRIC}{which}") for which in ("", "_low", "_high")
            )
            yield Cell(value=value, low=low, high=high, is_best=False)

    found = [segment for segment in SEGMENTS if any((segment, context) in cells for context in contexts)]
    return Table(
        metric=DEFAULT_METRIC,
        label=str(METRICS[DEFAULT_METRIC]),
        explanation="",
        contexts=[context_label(context) for context in contexts],
        rows=[Row(model=segment, label=str(SEGMENTS[segment]), cells=list(row(segment))) for segment in found],
    )


def reason(version: ModelVersion) -> str:
    """Why this model is served, told from its own table in the reader's language; empty where nothing was measured."""
    rows = version.metrics.get("rows") or ()
    averages = {
        model: fmean(values)
        for model in RUNGS
        if (values := [row[DEFAULT_METRIC] for row in rows if row["model"] == model])
    }
    if version.rung not in averages:
        return ""
    case_count = max(int(row.get("cases") or 0) for row in rows)
    if case_count < version.settings.get("gate_min_cases", 0):
        return _("Chosen by the amount of data: %(count)s held-out orders are too few to compare models.") % {
            "count": case_count
        }
    told = _(
        "Served because no simpler model ranks the held-out orders better by more than chance: "
        "NDCG@10 %(value)s on average."
    ) % {"value": rounded(averages[version.rung], decimal_count=4)}
    return " ".join([told, *(refusal(refused, model_label) for refused in version.metrics.get("refused") or ())])


def refusal(refused: Mapping[str, Any], label: Callable[[str], str]) -> str:
    """Which model was not served, and which simpler one is better by how much."""
    difference, low, high = (
        rounded(refused[name], decimal_count=4) for name in ("difference", "difference_low", "difference_high")
    )
    return _("Not served: %(model)s. %(by)s ranks better by %(difference)s (95%% interval: %(low)s – %(high)s).") % {
        "model": label(refused["rung"]),
        "by": label(refused["by"]),
        "difference": difference,
        "low": low,
        "high": high,
    }


def headline(version: ModelVersion) -> tuple[float, float] | None:
    """NDCG@10 of what the version serves by: on a product page, and with all but one product of an order known."""
    served = {
        str(row["context"]): row.get(DEFAULT_METRIC)
        for row in version.metrics.get("rows") or ()
        if row["model"] == version.rung
    }
    page, order = served.get("1"), served.get("all_but_one")
    return (page, order) if isinstance(page, float) and isinstance(order, float) else None


def context_label(context: str) -> str:
    """How much of an order the model was shown before it had to guess the rest."""
    if context == "all_but_one":
        return _("All but one product known")
    if context.isdecimal():
        return ngettext("%(count)s product known", "%(count)s products known", int(context)) % {"count": context}
    return context


def _number(cells: Mapping[tuple[str, str], Mapping[str, Any]], model: str, context: str, name: str) -> float | None:
    return number(cells.get((model, context), {}), name)


def number(row: Mapping[str, Any], name: str) -> float | None:
    """What stands in a row of measurements under a name; None where nothing does."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None
