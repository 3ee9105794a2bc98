"""How well a model version ranks by a shopper's past: models as rows, measures as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bundle_app.admin.metrics import METRICS, Cell, Row, Table, number, refusal
from bundle_app.admin.presentation import grouped
from bundle_app.models import ModelVersion

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MEASURES: dict[str, StrPromise] = {
    **{name: METRICS[name] for name in ("ndcg_at_10", "recall_at_10", "recall_at_20")},
    "repeat_recall_at_10": gettext_lazy("Recall@10 of what was bought before"),
    "new_recall_at_10": gettext_lazy("Recall@10 of what is new to the shopper"),
}

RANKINGS: dict[str, StrPromise] = {
    "popularity": gettext_lazy("Popularity"),
    "frequency": gettext_lazy("How often the shopper bought it"),
    "next_basket": gettext_lazy("From one order to the next"),
    "views": gettext_lazy("Looked at and not bought since"),
    "personal_blend": gettext_lazy("Blend of these"),
}


def ranking_label(name: str) -> str:
    return str(RANKINGS.get(name, name))


def report_of(version: ModelVersion) -> Mapping[str, Any]:
    """What the version's training found out about pasts; empty where the shop's orders name no shoppers."""
    report: Mapping[str, Any] = version.metrics.get("personal") or {}
    return report if "needed" in report else {}


def personal_table(report: Mapping[str, Any]) -> Table:
    """The best of each column is marked; without rows where nothing was measured."""
    measured = {row["model"]: row for row in report.get("rows") or ()}
    best = {
        name: max((value for row in measured.values() if (value := number(row, name)) is not None), default=None)
        for name in MEASURES
    }

    def cell(model: str, name: str) -> Cell:
        value, low, high = (number(measured[model], f"{name}{end}") for end in ("", "_low", "_high"))
        return Cell(value=value, low=low, high=high, is_best=value is not None and value == best[name])

    return Table(
        metric="",
        label=_("Ranked by"),
        explanation="",
        contexts=[str(label) for label in MEASURES.values()],
        rows=[
            Row(model=model, label=ranking_label(model), cells=[cell(model, name) for name in MEASURES])
            for model in measured
        ],
    )


def told(report: Mapping[str, Any]) -> str:
    """What was measured and what came of it, or why nothing was, in the reader's language."""
    if not report.get("rows"):
        return _(
            "This model does not rank by a shopper's past: %(validation)s and %(test)s shoppers came back in the two "
            "parts of the orders that were kept back, and %(needed)s are needed in each."
        ) % {
            "validation": grouped(report["came_back"]["validation"]),
            "test": grouped(report["came_back"]["test"]),
            "needed": grouped(report["needed"]),
        }
    measured = _(
        "Measured on the next order of %(count)s shoppers who came back; it was kept back while the models learned."
    ) % {"count": grouped(report["shoppers"])}
    return " ".join([measured, *(refusal(refused, ranking_label) for refused in report.get("refused") or ())])
