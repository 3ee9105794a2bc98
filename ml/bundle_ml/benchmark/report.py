"""The results for people and programs: JSON, a Markdown table beside it, and two plots."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.comparison import MEAN
from bundle_ml.benchmark.plots import draw_costs, draw_marks
from bundle_ml.durable import replace_file

SIZE_NAMES = {"1": "1 item shown", "2": "2", "4": "4", "all_but_one": "all but one", "mean": "mean"}
SHOWN = {
    None: "NDCG@10 with 95 % bootstrap intervals over baskets; the other measures are means over context sizes.",
    "next_basket": "NDCG@10 with 95 % bootstrap intervals over shoppers; the other measures are of the whole basket.",
}
"""Task → what the table shows."""
OVERALL = {"recall_at_10": "Recall@10", "recall_at_20": "Recall@20", "mrr": "MRR", "coverage_at_10": "coverage@10"}
COSTS = {"tuning": "tuning s", "training": "training s", "scoring": "scoring s"}
AGAINST = {
    "best_peer": "the best tuned peer",
    "without_transformer": "the same without one part",
}


def write_report(results: Mapping[str, Any], path: Path) -> list[Path]:
    """Write the JSON file, and a Markdown file and plots of the same name beside it; returns what was written."""
    rows = results["rows"]
    pictures = {"ndcg": draw_marks(rows, results["protocol"].get("names", {})), "costs": draw_costs(rows)}
    return write_files(results, path, as_markdown(results, plots=path.stem), pictures)


def write_files(results: Mapping[str, Any], path: Path, markdown: str, pictures: Mapping[str, str]) -> list[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {path: json.dumps(results, indent=2) + "\n", path.with_suffix(".md"): markdown}
    texts |= {path.with_name(f"{path.stem}_{name}.svg"): picture for name, picture in pictures.items()}
    for each, text in texts.items():
        replace_file(each, text.encode())
    return list(texts)


def as_markdown(results: Mapping[str, Any], *, plots: str | None = None) -> str:
    return "\n".join(_lines(results, plots)) + "\n"


def _lines(results: Mapping[str, Any], plots: str | None) -> Iterator[str]:
    protocol, rows = results["protocol"], results["rows"]
    answered = [row for row in rows if row["failed"] is None]
    names = SIZE_NAMES | protocol.get("names", {})
    sizes = [size for size in names if any(size in row["contexts"] or size == "mean" for row in answered)]
    yield f"# {protocol['dataset']}"
    yield ""
    yield (
        f"{protocol['baskets']['train']:,} + {protocol['baskets']['validation']:,} + {protocol['baskets']['test']:,} "
        f"baskets, sliced by {protocol['sliced_by']}; {protocol['items']:,} items, all ranked; at most "
        f"{protocol['budget_seconds']:g} processor seconds to begin another setting in; {protocol['threads']} threads. "
        f"{SHOWN.get(protocol.get('task'), SHOWN[None])}"
    )
    yield ""
    yield from _table(answered, {size: names[size] for size in sizes})
    yield from _comparisons(results["comparison"], names)
    failed = [row for row in rows if row["failed"] is not None]
    if failed:
        yield from ("", "Without a row:", "", *(f"* **{row['model']}**: {row['failed']}" for row in failed))
    yield from ("", "Chosen on the validation slice:", "")
    yield from (choice(row) for row in answered)
    if plots:
        yield from ("", f"![NDCG@10 by model]({plots}_ndcg.svg)", f"![Gain and cost]({plots}_costs.svg)")


def _table(rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, str]) -> Iterator[str]:
    heads = ["model", *sizes.values(), *OVERALL.values(), *COSTS.values(), "MiB"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    best = {size: max((_ndcg(row, size) for row in rows), default=0.0) for size in sizes}
    for row in sorted(rows, key=lambda row: _ndcg(row, "mean")):
        cells = [row["model"]]
        for size in sizes:
            mark = row["mean"] if size == "mean" else row["contexts"].get(size)
            cells.append(_interval(mark, is_best=_ndcg(row, size) == best[size]) if mark else "")
        cells += [f"{row['mean'][name]:.4f}" for name in OVERALL]
        cells += [f"{row['seconds'].get(name, 0):.1f}" for name in COSTS]
        yield "| " + " | ".join([*cells, f"{row['peak_memory_bytes'] / 2**20:.0f}"]) + " |"


def _ndcg(row: Mapping[str, Any], size: str) -> float:
    mark = row["mean"] if size == "mean" else row["contexts"].get(size, {})
    return float(mark.get("ndcg_at_10", 0.0))


def _interval(mark: Mapping[str, float], *, is_best: bool) -> str:
    """
    >>> _interval({"ndcg_at_10": 0.0813, "ndcg_at_10_low": 0.07, "ndcg_at_10_high": 0.09}, is_best=True)
    '**.0813** ± .0100'
    """
    half_width = (mark["ndcg_at_10_high"] - mark["ndcg_at_10_low"]) / 2
    mean, around = (f"{value:.4f}".replace("0.", ".", 1) for value in (mark["ndcg_at_10"], half_width))
    return f"**{mean}** ± {around}" if is_best else f"{mean} ± {around}"


def _comparisons(comparison: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    for name, words in AGAINST.items():
        if not comparison.get(name):
            continue
        yield from ("", f"What ships against {words}, NDCG@10:", "")
        yield "| | against | ratio | difference, 95 % | intervals apart |"
        yield "|---|---|---|---|---|"
        for size, found in comparison[name].items():
            ratio = "" if found["ratio"] is None else f"{found['ratio']:.3f}"
            difference = f"{found['difference_low']:+.4f} … {found['difference_high']:+.4f}"
            apart = "yes" if found["intervals_are_apart"] else "no"
            yield f"| {names[size]} | {found['other']} | {ratio} | {difference} | {apart} |"
    yield from _worth_of_parts(comparison.get("without_each", {}))
    if comparison.get("training_seconds"):
        found = comparison["training_seconds"]
        yield ""
        yield (
            f"Training what ships took {found['ours']:.0f} seconds; {found['other']} needed {found['theirs']:.0f} to "
            f"its best validation score (ratio {found['ratio']:.2f})."
        )


def _worth_of_parts(without_each: Mapping[str, Any]) -> Iterator[str]:
    """What each part adds to all the others, in the mean over context sizes."""
    measured = {part: found[MEAN] for part, found in without_each.items() if found}
    if not measured:
        return
    yield from ("", "What ships, without one of its parts, mean NDCG@10:", "")
    yield from ("| without | NDCG@10 | ratio | difference, 95 % |", "|---|---|---|---|")
    for part, found in sorted(measured.items(), key=lambda each: each[1]["theirs"]):
        difference = f"{found['difference_low']:+.4f} … {found['difference_high']:+.4f}"
        yield f"| {part} | {found['theirs']:.4f} | {found['ratio']:.3f} | {difference} |"


def _rounded(value: Any) -> Any:
    """
    >>> _rounded({"l2": 20.0, "weights": [0.28314274549484253]})
    {'l2': 20.0, 'weights': [0.283]}
    """
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def choice(row: Mapping[str, Any]) -> str:
    """Say in one line what a model chose, and out of how many."""
    settings = json.dumps(_rounded({name: value for name, value in row["settings"].items() if name != "settings"}))
    tried = f" (best of {len(row['tried'])} tried)" if row["tried"] else ""
    to_best = row["seconds"].get("to_best")
    seconds = f"; {to_best:.0f} seconds of training to its best validation score" if to_best is not None else ""
    versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
    return f"* **{row['model']}**: {settings}{tried}{seconds}{_still_rising(row['tried'])}; {versions}"


def _still_rising(tried: Sequence[Mapping[str, Any]]) -> str:
    """
    >>> _still_rising([{"ndcg_at_10": 0.2, "scores": [0.1, 0.2]}, {"ndcg_at_10": 0.1, "scores": [0.1, 0.0]}])
    ', still rising after 2 epochs'
    """
    scores = max(tried, key=lambda each: each.get("ndcg_at_10", 0.0)).get("scores") if tried else None
    return f", still rising after {len(scores)} epochs" if scores and scores[-1] == max(scores) else ""
