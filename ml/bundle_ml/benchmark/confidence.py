"""How far a shop can believe its model's chances, on orders that came after those it learned from.

    python -m bundle_ml confidence --dataset online_retail_ii --json confidence.json

The learning is the one a shop runs, with the Transformer and the gate; nothing is composed or stored. What is told is
what every artefact holds of the rung that was chosen: over the ten items shown first on the test slice, the share that
was predicted, the share that the softmax alone promised, and the share that was bought (see `calibration`). Where no
order has a time, the slices are random, as in the benchmark.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from bundle_ml.__main__ import read_settings
from bundle_ml.benchmark.datasets import Orders, read_dataset, read_orders
from bundle_ml.benchmark.protocol import has_times, in_order
from bundle_ml.benchmark.report import SIZE_NAMES
from bundle_ml.durable import replace_file
from bundle_ml.errors import DataError
from bundle_ml.learning import learn
from bundle_ml.pipeline import use_threads
from bundle_ml.progress import Bar, Reporter
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf


def main(options: argparse.Namespace) -> str:
    """Carry the command out; returns the table."""
    settings = read_settings(options.config)
    orders = read_orders(options.orders) if options.orders else read_dataset(options.dataset, options.data)
    bar = Bar()
    try:
        results = measure(orders, settings, Reporter(bar))
    finally:
        bar.close()
    table = as_markdown(results)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    replace_file(options.json, (json.dumps(results, indent=2) + "\n").encode())
    replace_file(options.json.with_suffix(".md"), table.encode())
    return table


def measure(orders: Orders, settings: Settings, reporter: Reporter) -> dict[str, Any]:
    """Learn as a shop does, and set the chances told beside what was bought.

    Raises:
        DataError: there are too few orders to hold some out.
    """
    use_threads(settings.threads)
    baskets = in_order(orders.baskets, seed=settings.seed)
    shelf = Shelf.of(baskets.keys, list(orders.items.values()))
    learned = learn(baskets, shelf, settings=settings, work=None, reporter=reporter)
    if not learned.calibration:
        raise DataError(
            f"{orders.name} holds {len(baskets.of_several())} orders of two or more items, too few to hold some out "
            "and compare chances with. Give more orders."
        )
    return {
        "orders": orders.name,
        "sliced_by": "time" if has_times(baskets) else "random",
        "rung": learned.decision.rung,
        "test_baskets": learned.evaluation.basket_count,
        "calibration": learned.calibration,
    }


def as_markdown(results: Mapping[str, Any]) -> str:
    found = results["calibration"]
    by_size = (f"{SIZE_NAMES[size]} {error:.4f}" for size, error in found["expected_error_by_size"].items())
    summary = (
        f"Of the rung {results['rung']}, on {results['test_baskets']:,} baskets, sliced by {results['sliced_by']}. "
        f"Expected error of the softmax {found['expected_error_of_softmax']:.4f}, with the curve "
        f"{found['expected_error']:.4f}; by context size: {', '.join(by_size)}."
    )
    lines = [
        f"# Confidence: {results['orders']}",
        "",
        summary,
        "",
        "| items shown first, a tenth of them | the softmax promised | predicted | bought | 95 % |",
        "|---|---|---|---|---|",
    ]
    for number, each in enumerate(found["bins"], 1):
        shares = [f"{each[name]:.2%}" for name in ("promised_by_softmax", "predicted", "observed")]
        cells = [str(number), *shares, f"{each['observed_low']:.2%} … {each['observed_high']:.2%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
