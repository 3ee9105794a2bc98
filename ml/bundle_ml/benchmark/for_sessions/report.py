"""The results for people and programs: JSON, and a Markdown file of one table per domain beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.for_sessions.protocol import HITS, OVERLAP
from bundle_ml.benchmark.report import COSTS, choice, write_files

SHOWN = {
    HITS: ("precision", "recall", "f1", "coverage", "named"),
    OVERLAP: ("precision", "recall", "f1", "named"),
}
"""Measure → columns."""
WORDS = {"f1": "F1", "named": "bundles a session"}


def write_report(results: Sequence[Mapping[str, Any]], path: Path) -> list[Path]:
    """Write the JSON file and the Markdown file of the same name; returns what was written."""
    return write_files({"domains": list(results)}, path, as_markdown(results), {})


def as_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(line for each in results for line in _lines(each)) + "\n"


def _lines(results: Mapping[str, Any]) -> Iterator[str]:
    protocol, rows = results["protocol"], results["rows"]
    answered = [row for row in rows if row["failed"] is None]
    sessions = protocol["sessions"]
    yield f"# {protocol['dataset']}: bundles in sessions"
    yield ""
    counts = " + ".join(f"{sessions[part]:,}" for part in ("train", "validation", "test"))
    yield (
        f"{counts} sessions with {protocol['bundles']:,} bundles of {protocol['items']:,} items. 95 % bootstrap "
        "intervals over sessions. Each measure is of the list that was tuned for it."
    )
    yield ""
    yield from _table(answered)
    for measure, found in results["comparison"].items():
        between = f"{found['difference_low']:+.3f} … {found['difference_high']:+.3f}"
        yield ""
        yield (
            f"F1 by {measure}: {found['ours']:.3f} against {found['theirs']:.3f} of {found['other']} (difference, "
            f"95 %: {between})."
        )
    failed = [row for row in rows if row["failed"] is not None]
    if failed:
        yield from ("", "Without a row:", "", *(f"* **{row['model']}**: {row['failed']}" for row in failed))
    yield from ("", "Chosen on the validation sessions:", "", *(choice(row) for row in answered), "")


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [(measure, name) for measure, columns in SHOWN.items() for name in columns]
    heads = ["model", *(f"{measure}: {WORDS.get(name, name)}" for measure, name in names), *COSTS.values()]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    best = {key: max((_value(row, *key) for row in rows), default=0.0) for key in names}
    for row in sorted(rows, key=lambda row: _value(row, HITS, "f1") + _value(row, OVERLAP, "f1")):
        cells = [row["model"]]
        cells += [_cell(row["marks"][key[0]], key[1], is_best=_value(row, *key) == best[key]) for key in names]
        cells += [f"{row['seconds'].get(name, 0):.1f}" for name in COSTS]
        yield "| " + " | ".join(cells) + " |"


def _value(row: Mapping[str, Any], measure: str, name: str) -> float:
    return float(row["marks"][measure][name])


def _cell(mark: Mapping[str, float], name: str, *, is_best: bool) -> str:
    """
    >>> _cell({"f1": 0.8765, "f1_low": 0.85, "f1_high": 0.91}, "f1", is_best=True)
    '**.876** ± .030'
    """
    if f"{name}_low" not in mark:
        return f"{mark[name]:.1f}"
    half_width = (mark[f"{name}_high"] - mark[f"{name}_low"]) / 2
    mean, around = (f"{value:.3f}".replace("0.", ".", 1) for value in (mark[name], half_width))
    return f"**{mean}** ± {around}" if is_best else f"{mean} ± {around}"
