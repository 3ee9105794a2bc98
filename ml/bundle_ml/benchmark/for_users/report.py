"""The results for people and programs: JSON, a Markdown table beside it, and two plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.for_users.judging import COVERAGE, MEASURES, NDCG, RECALL
from bundle_ml.benchmark.plots import draw_costs, draw_measures
from bundle_ml.benchmark.report import COSTS, choice, write_files


def write_report(results: Mapping[str, Any], path: Path) -> list[Path]:
    """Write the JSON file, and a Markdown file and plots of the same name beside it; returns what was written."""
    rows = results["rows"]
    costs = draw_costs(rows, measure=NDCG, words=MEASURES[NDCG])
    pictures = {"marks": draw_measures(rows, MEASURES), "costs": costs}
    return write_files(results, path, as_markdown(results, plots=path.stem), pictures)


def as_markdown(results: Mapping[str, Any], *, plots: str | None = None) -> str:
    return "\n".join(_lines(results, plots)) + "\n"


def _lines(results: Mapping[str, Any], plots: str | None) -> Iterator[str]:
    protocol, rows = results["protocol"], results["rows"]
    answered = [row for row in rows if row["failed"] is None]
    yield f"# {protocol['dataset']}: bundles for a user"
    yield ""
    yield (
        f"{protocol['pairs']['train']:,} + {protocol['pairs']['tune']:,} + {protocol['pairs']['test']:,} bundles of "
        f"users, as published; {protocol['users']:,} users, of whom {protocol['asked']:,} are asked for; "
        f"{protocol['bundles']:,} bundles, all ranked but those of train; {protocol['items']:,} items; at most "
        f"{protocol['budget_seconds']:g} processor seconds to begin another setting in; {protocol['threads']} threads. "
        "95 % bootstrap intervals over users."
    )
    yield ""
    yield from _table(answered)
    if results["comparison"]:
        yield from _comparison(results["comparison"])
    yield from _worth_of_parts(results["without_each"])
    failed = [row for row in rows if row["failed"] is not None]
    if failed:
        yield from ("", "Without a row:", "", *(f"* **{row['model']}**: {row['failed']}" for row in failed))
    yield from ("", "Chosen on tune:", "", *(choice(row) for row in answered))
    if plots:
        yield from ("", f"![Marks]({plots}_marks.svg)", f"![Gain and cost]({plots}_costs.svg)")


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    heads = ["model", *MEASURES.values(), f"coverage@{COVERAGE.rpartition('_')[2]}", *COSTS.values(), "MiB"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for row in sorted(rows, key=lambda row: float(row["mean"][RECALL])):
        cells = [row["model"], *(_interval(row["mean"], name) for name in MEASURES), f"{row['mean'][COVERAGE]:.4f}"]
        cells += [f"{row['seconds'].get(name, 0):.1f}" for name in COSTS]
        yield "| " + " | ".join([*cells, f"{row['peak_memory_bytes'] / 2**20:.0f}"]) + " |"


def _interval(mark: Mapping[str, float], name: str) -> str:
    """
    >>> _interval({"recall": 0.2904, "recall_low": 0.277, "recall_high": 0.304}, "recall")
    '.2904 ± .0135'
    """
    half_width = (mark[f"{name}_high"] - mark[f"{name}_low"]) / 2
    mean, around = (f"{value:.4f}".replace("0.", ".", 1) for value in (mark[name], half_width))
    return f"{mean} ± {around}"


def _comparison(comparison: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "What ships against the best tuned peer:", "")
    yield "| | against | ratio | difference, 95 % | intervals apart |"
    yield "|---|---|---|---|---|"
    for name, found in comparison.items():
        ratio = "" if found["ratio"] is None else f"{found['ratio']:.3f}"
        difference = f"{found['difference_low']:+.4f} … {found['difference_high']:+.4f}"
        apart = "yes" if found["intervals_are_apart"] else "no"
        yield f"| {MEASURES[name]} | {found['other']} | {ratio} | {difference} | {apart} |"


def _worth_of_parts(without_each: Mapping[str, Any]) -> Iterator[str]:
    """What each part adds to all the others."""
    measured = {part: found for part, found in without_each.items() if found}
    if not measured:
        return
    heads = [head for words in MEASURES.values() for head in (words, "ratio", "difference, 95 %")]
    yield from ("", "What ships, without one of its parts, weighed anew on tune:", "")
    yield "| without | " + " | ".join(heads) + " |"
    yield "|---" * (len(heads) + 1) + "|"
    for part, by_measure in sorted(measured.items(), key=lambda each: float(each[1][RECALL]["theirs"])):
        cells = [part]
        for found in (by_measure[name] for name in MEASURES):
            difference = f"{found['difference_low']:+.4f} … {found['difference_high']:+.4f}"
            cells += [f"{found['theirs']:.4f}", f"{found['ratio']:.3f}", difference]
        yield "| " + " | ".join(cells) + " |"
