"""The figures for people and programs: JSON, and a Markdown table and a plot of the same name beside it.

A row says what was asked, what was found over the seeds, and whether it was met; a missed one stands there like the
rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bundle_ml.benchmark.plots import draw_curves
from bundle_ml.benchmark.report import write_files
from bundle_ml.clicks.experiments import Figures

POLICIES = {
    "static": "the supervised model's order",
    "linucb": "LinUCB (MABWiser)",
    "thompson": "Thompson sampling (MABWiser)",
    "epsilon_greedy": "ε-greedy (MABWiser)",
    "bandit": "the bandit",
    "oracle": "oracle of what can be known",
    "mind_reader": "oracle that reads minds",
}
POINTS_A_CURVE = 12


@dataclass(frozen=True, slots=True)
class Row:
    words: str
    name: str
    asked: str = ""
    least: float | None = None
    most: float | None = None
    is_share: bool = True
    """Shown in percent; otherwise as a plain number."""


ROWS = (
    Row("clicks an impression, bandit : supervised order", "bandit_to_static", "≥ 1.25", 1.25, is_share=False),
    Row("the same, what exploration costs included", "exploring_to_static", is_share=False),
    Row("bandit : oracle of what can be known", "bandit_to_oracle", "≥ 90 %", 0.9),
    Row("clicks lost to exploration", "exploration_cost_ratio", "≤ 3 %", most=0.03),
    Row("bandit : LinUCB", "bandit_to_linucb", "≥ 1", 1.0, is_share=False),
    Row("bandit : Thompson sampling", "bandit_to_thompson", "≥ 1", 1.0, is_share=False),
    Row("bandit : ε-greedy", "bandit_to_epsilon_greedy", "≥ 1", 1.0, is_share=False),
    Row("composed bundles, taught by a log : supervised", "composer_taught_to_supervised", is_share=False),
    Row("composed bundles, practised as well : supervised", "composer_practised_to_supervised", is_share=False),
    Row("intervals that hold the truth, IPS", "coverage_ips_coverage", "93–97 %", 0.93, 0.97),
    Row("SNIPS", "coverage_snips_coverage", "93–97 %", 0.93, 0.97),
    Row("doubly robust", "coverage_dr_coverage", "93–97 %", 0.93, 0.97),
    Row("switch-DR", "coverage_switch_dr_coverage", "93–97 %", 0.93, 0.97),
    Row("error of an estimate (root mean square), IPS", "coverage_ips_rmse_ratio"),
    Row("SNIPS", "coverage_snips_rmse_ratio"),
    Row("doubly robust", "coverage_dr_rmse_ratio"),
    Row("switch-DR", "coverage_switch_dr_rmse_ratio"),
    Row("rank correlation with the truth, IPS", "ranking_ips", "≥ .9", 0.9, is_share=False),
    Row("SNIPS", "ranking_snips", "≥ .9", 0.9, is_share=False),
    Row("doubly robust", "ranking_dr", "≥ .9", 0.9, is_share=False),
    Row("switch-DR", "ranking_switch_dr", "≥ .9", 0.9, is_share=False),
    Row("worse policies that the gate promotes", "gate_promoted_worse", "≤ 5 %", most=0.05),
    Row("better policies that it promotes", "gate_promoted_better", "≥ 80 %", 0.8),
    Row("policies rolled back that keep their promise", "gate_rolled_back_kept", "≤ 5 %", most=0.05),
    Row("policies rolled back that earn a fifth less", "gate_rolled_back_broken"),
    Row("exposure won by 1 % bots, in points", "fraud_defended_points_at_1%", "≤ 2", most=2.0, is_share=False),
    Row("seeds in which it is at most 2", "fraud_defended_within_at_1%"),
    Row("exposure won by 5 % bots, in points", "fraud_defended_points_at_5%", "≤ 5", most=5.0, is_share=False),
    Row("seeds in which it is at most 5", "fraud_defended_within_at_5%"),
    Row("by 1 % bots, undefended", "fraud_undefended_points_at_1%", is_share=False),
    Row("by 5 % bots, undefended", "fraud_undefended_points_at_5%", "> 20", 20.0, is_share=False),
)


def write_report(results: Mapping[str, Any], path: Path) -> list[Path]:
    """Write the JSON file, and a Markdown file and a plot of the same name beside it; returns what was written."""
    return write_files(results, path, as_markdown(results, plots=path.stem), {"learning": draw_learning(results)})


def draw_learning(results: Mapping[str, Any]) -> str:
    """Clicks an impression over impressions, days gathered into a few points, the mean of all seeds."""
    protocol, seeds = results["protocol"], results["seeds"]
    a_day = protocol["impressions"] / protocol["days"]
    curves = {}
    for name in (each for each in POLICIES if each in seeds[0]["curves"]):
        mean_D = np.mean([figures["curves"][name] for figures in seeds], axis=0)
        ends = np.unique(np.geomspace(1, len(mean_D), POINTS_A_CURVE + 1).astype(int))
        curves[POLICIES[name].partition(" (")[0]] = [
            (float(end * a_day), float(mean_D[start:end].mean())) for start, end in pairwise([0, *ends.tolist()])
        ]
    return draw_curves("Clicks an impression over impressions", curves)


def as_markdown(results: Mapping[str, Any], *, plots: str | None = None) -> str:
    return "\n".join(_lines(results, plots)) + "\n"


def _lines(results: Mapping[str, Any], plots: str | None) -> Iterator[str]:
    protocol, figures = results["protocol"], results["figures"]
    yield "# Learning from clicks"
    yield ""
    yield (
        f"Simulated by `{protocol.get('truth', 'a truth')}`, {len(protocol['seeds'])} seeds; "
        f"{protocol['impressions']:,} impressions in {protocol['days']} days to learn from. Means over seeds with "
        "95 % intervals of the mean; in brackets the least and the most of a seed. *Asked* is of the mean."
    )
    if "prior_correlation" in figures:
        yield ""
        yield (
            "Among the candidates of a page the supervised score and the true log-odds of a click correlate by "
            f"{_cell(figures['prior_correlation'], is_share=False)}."
        )
    yield from ("", "| policy | clicks an impression after learning |", "|---|---|")
    for name, words in POLICIES.items():
        if f"ctr_{name}" in figures:
            yield f"| {words} | {_cell(figures[f'ctr_{name}'])} |"
    yield from ("", "| | asked | found | |", "|---|---|---|---|")
    for row in ROWS:
        if row.name in figures:
            found = figures[row.name]
            yield f"| {row.words} | {row.asked} | {_cell(found, is_share=row.is_share)} | {_verdict(row, found)} |"
    yield ""
    yield (
        f"Coverage: {protocol['replications'] * len(protocol['seeds']):,} logs of {protocol['replication_pages']:,} "
        f"pages in all. Gate: {protocol['gate_trials'] * len(protocol['seeds'])} trials each; logs of "
        f"{protocol['gate_pages']:,} pages for the better ones ({_cell(figures['gate_gain_better'])}), half of "
        f"that for the worse ({_cell(figures['gate_gain_worse'])})."
    )
    if plots:
        yield from ("", f"![Clicks an impression over impressions]({plots}_learning.svg)")


def _verdict(row: Row, found: Figures) -> str:
    if row.least is None and row.most is None:
        return ""
    is_met = (row.least is None or found["mean"] >= row.least) and (row.most is None or found["mean"] <= row.most)
    return "met" if is_met else "**missed**"


def _cell(found: Figures, *, is_share: bool = True) -> str:
    """
    >>> _cell({"mean": 0.9, "low": 0.88, "high": 0.92, "least": 0.85, "most": 0.95})
    '90.0 % ± 2.0 (85.0 … 95.0)'
    """
    scale, unit, digits = (100, " %", 1) if is_share else (1, "", 2)
    half = (found["high"] - found["low"]) / 2
    mean, around, least, most = (
        f"{scale * each:.{digits}f}" for each in (found["mean"], half, found["least"], found["most"])
    )
    return f"{mean}{unit} ± {around} ({least} … {most})"
