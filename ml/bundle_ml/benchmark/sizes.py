"""What a shop of each size gets, and what it costs: the whole training on growing numbers of order lines.

    python -m bundle_ml sizes --orders orders.csv --lines 100,1000,10000 --windows 5 --json sizes.json
    python -m bundle_ml sizes --generate-items 50000 --lines 100000,1000000,10000000 --json scale.json

Every training is the one a shop runs, in a process of its own, but every rung is allowed at every size: so the table
shows from where on each is worth having. What scoring with its blend costs is measured after it (see `scoring`). Of an
order file several windows of the same size, spread evenly in time, are taken where there is room; their NDCG is
averaged, and its spread told. Generated orders hold needs of about 25 items each: three of five items of an order are
of one need, the others by popularity alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from bundle_ml.artefact import read_manifest
from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.benchmark.datasets import read_orders
from bundle_ml.benchmark.plots import draw_curves
from bundle_ml.durable import replace_file
from bundle_ml.errors import BundleMLError, DataError, SettingsError
from bundle_ml.ladder import LADDER

EVERY_RUNG: dict[str, Any] = {"co_purchase_min_baskets": 1, "ease_min_baskets": 1, "transformer_min_baskets": 1}
ORDERS_AT_ONCE = 200_000
MEAN_BASKET, LONGEST_BASKET = 8, 60
ITEMS_PER_NEED, RATIO_OF_NEED = 25, 0.6
SECONDS_APART = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One training of one window."""

    lines: int
    ndcg: dict[str, float]
    """Rung → NDCG@10, averaged over context sizes."""
    seconds: dict[str, float]
    processor_seconds: float
    """Of all cores together, with the start of the process: what other work on the machine does not change much."""
    peak_memory_bytes: int
    published: str
    scoring: dict[str, Any] | None
    """What `scoring` found; None where there is no Transformer in the blend."""


def main(options: argparse.Namespace) -> str:
    """Carry the command out; returns the table.

    Raises:
        BundleMLError: of which kind says what was wrong; nothing was written.
    """
    settings = json.loads(options.config.read_text(encoding="utf-8")) if options.config else {}
    sizes = whole_numbers(options.lines, "--lines")
    with tempfile.TemporaryDirectory(prefix="bundle_ml-sizes-") as folder:
        if options.orders:
            orders = read_orders(options.orders)
            name = orders.name
        else:
            name = f"generated orders of {options.generate_items:,} items"

        def windows(size: int) -> Iterator[Path]:
            file = Path(folder) / "window.parquet"
            if options.orders:
                for window in windows_of(orders.baskets, size, count=options.windows):
                    yield write_window(window, file)
            else:
                yield generate(file, lines=size, items=options.generate_items)

        rows: list[dict[str, Any]] = []
        for row in measure(windows, sizes, settings=settings):
            rows.append(row)
            write_report(name, rows, options.json)  # After each size: hours of work outlive a run that is stopped.
    return as_markdown(name, rows, plots=options.json.stem)


def whole_numbers(words: str, option: str) -> list[int]:
    """Read an option's numbers.

    Raises:
        SettingsError: one is none, or is below 1.
    """
    try:
        numbers = [int(each.replace("_", "")) for each in words.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise SettingsError(f"Found {option} {words!r}; expected whole numbers above 0, separated by commas.")
    return numbers


def measure(
    windows: Callable[[int], Iterator[Path]],
    sizes: Sequence[int],
    *,
    settings: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Train on every window of every size.

    Yields one row per size that has a window, without NDCG where it had too few orders to measure by.
    """
    for size in sizes:
        done = []
        for number, lines in enumerate(windows(size), start=1):
            sys.stderr.write(f"{size:,} lines, window {number}\n")
            done.append(_train(lines, {**EVERY_RUNG, **settings}))
        if done:
            yield _row(size, done)


def _train(lines: Path, settings: Mapping[str, Any]) -> Trained:
    with tempfile.TemporaryDirectory(prefix="bundle_ml-sizes-") as folder:
        config, out = Path(folder) / "config.json", Path(folder) / "artefact"
        config.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "bundle_ml", "train", "--progress", "none", "--config", str(config)]
        before = _processor_seconds_of_children()
        done = subprocess.run(
            [*command, "--lines", str(lines), "--out", str(out)], capture_output=True, text=True, check=False
        )
        processor_seconds = _processor_seconds_of_children() - before
        if done.returncode:
            raise BundleMLError(f"Training on {lines.name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        manifest = read_manifest(out)
        scoring = subprocess.run(
            [sys.executable, "-m", "bundle_ml.benchmark.scoring", str(out)], capture_output=True, text=True, check=True
        )
    by_rung = {name: [row["ndcg_at_10"] for row in manifest.metrics["rows"] if row["model"] == name] for name in LADDER}
    return Trained(
        lines=manifest.data["lines_read"],
        ndcg={name: fmean(values) for name, values in by_rung.items() if values},
        seconds=manifest.seconds,
        processor_seconds=processor_seconds,
        peak_memory_bytes=manifest.peak_memory_bytes,
        published=manifest.rung,
        scoring=json.loads(scoring.stdout),
    )


def _processor_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(size: int, done: Sequence[Trained]) -> dict[str, Any]:
    stages = dict.fromkeys(stage for each in done for stage in each.seconds)
    ndcg = {name: [each.ndcg[name] for each in done if name in each.ndcg] for name in LADDER}
    return {
        "lines": size,
        "windows": len(done),
        "ndcg_at_10": {name: fmean(values) for name, values in ndcg.items() if values},
        "spread": {name: stdev(values) for name, values in ndcg.items() if len(values) > 1},
        "published": sorted({each.published for each in done}, key=LADDER.index),
        "seconds": {stage: fmean(each.seconds.get(stage, 0.0) for each in done) for stage in stages},
        "scoring": done[-1].scoring,
        "processor_seconds": fmean(each.processor_seconds for each in done),
        "peak_memory_bytes": max(each.peak_memory_bytes for each in done),
    }


def windows_of(baskets: Baskets, size: int, *, count: int) -> Iterator[Baskets]:
    """Yield up to `count` windows of whole orders with about so many lines, spread evenly in time, none overlapping.

    Nothing where there are fewer lines than that.
    """
    lines_before = baskets.offsets
    fitting = min(count, int(lines_before[-1]) // size)
    for number in range(fitting):
        share = number / (fitting - 1) if fitting > 1 else 1.0
        end = round(size + share * (int(lines_before[-1]) - size))
        first, last = np.searchsorted(lines_before, [end - size, end])
        yield baskets.between(int(first), int(last))


def write_window(baskets: Baskets, path: Path) -> Path:
    """Write baskets as order lines; the order's number, padded, stands for its key, so that it keeps its place."""
    orders = np.repeat(np.arange(len(baskets)), baskets.lengths)
    times = np.repeat(baskets.ordered_at, baskets.lengths)
    columns = {
        "order_key": pa.array([f"{order:09d}" for order in orders.tolist()]),
        "item_key": pa.array([baskets.keys[item] for item in baskets.items.tolist()]),
        "quantity": pa.array(baskets.quantities),
        "ordered_at": pa.array(times, pa.timestamp("us", tz="UTC"), mask=times == UNKNOWN_TIME),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def generate(path: Path, *, lines: int, items: int, seed: int = 0) -> Path:
    """Write about so many generated order lines of so many items.

    Raises:
        DataError: fewer items than two needs hold.
    """
    if items < 2 * ITEMS_PER_NEED:
        raise DataError(f"Found {items} items to generate orders of; expected at least {2 * ITEMS_PER_NEED}.")
    random = np.random.default_rng([seed, 5])
    need_count = items // ITEMS_PER_NEED
    popularity_V = random.permutation(1 / (np.arange(items) + 20.0) ** 0.8)
    until_V = np.cumsum(popularity_V)
    first_of_need = np.linspace(0, items, need_count + 1).astype(int)
    before_need = np.concatenate([[0.0], until_V])[first_of_need]
    chance_of_need = np.diff(before_need) / until_V[-1]
    order_count = max(1, lines // MEAN_BASKET)
    schema = pa.schema({"order_key": pa.string(), "item_key": pa.string(), "ordered_at": pa.timestamp("us", tz="UTC")})
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, order_count, ORDERS_AT_ONCE):
            count = min(ORDERS_AT_ONCE, order_count - start)
            lengths = np.clip(random.geometric(1 / MEAN_BASKET, count), 1, LONGEST_BASKET)
            order = np.repeat(np.arange(count), lengths)
            need = random.choice(need_count, count, p=chance_of_need)[order]
            is_of_need = random.random(len(order)) < RATIO_OF_NEED
            low = np.where(is_of_need, before_need[need], 0.0)
            high = np.where(is_of_need, before_need[need + 1], until_V[-1])
            drawn = low + random.random(len(order)) * (high - low)
            item = np.searchsorted(until_V, drawn, side="right").clip(max=items - 1)
            times = ((order + start) * SECONDS_APART * 1_000_000).astype(np.int64)
            columns = [(order + start).astype(str), item.astype(str), pa.array(times, schema.field("ordered_at").type)]
            writer.write_table(pa.table(columns, schema=schema))
    return path


def write_report(name: str, rows: Sequence[Mapping[str, Any]], path: Path) -> list[Path]:
    """Write the rows as JSON, and a table and two plots beside it; returns what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [float(row["lines"]) for row in rows]
    seconds = [row["processor_seconds"] for row in rows]
    memory = [row["peak_memory_bytes"] / 2**20 for row in rows]
    ranked = {
        rung: [(float(row["lines"]), row["ndcg_at_10"][rung]) for row in rows if rung in row["ndcg_at_10"]]
        for rung in LADDER
    }
    texts = {
        path: json.dumps({"orders": name, "rows": list(rows)}, indent=2) + "\n",
        path.with_suffix(".md"): as_markdown(name, rows, plots=path.stem),
        path.with_name(f"{path.stem}_ndcg.svg"): draw_curves(
            "NDCG@10 of each rung over order lines", {rung: points for rung, points in ranked.items() if points}
        ),
        path.with_name(f"{path.stem}_costs.svg"): draw_curves(
            "Seconds of one processor, and MiB, over order lines",
            {"seconds": list(zip(lines, seconds, strict=True)), "MiB": list(zip(lines, memory, strict=True))},
            is_logarithmic=True,
        ),
    }
    for each, text in texts.items():
        replace_file(each, text.encode())
    return list(texts)


def as_markdown(name: str, rows: Sequence[Mapping[str, Any]], *, plots: str) -> str:
    stages = list(dict.fromkeys(stage for row in rows for stage in row["seconds"]))
    heads = ["lines", "windows", *LADDER, "published", "seconds", "processor seconds", "MiB", "scoring"]
    table = [f"# {name}", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        best = max(row["ndcg_at_10"].values(), default=0.0)
        cells = [f"{row['lines']:,}", str(row["windows"])]
        for rung in LADDER:
            value = row["ndcg_at_10"].get(rung)
            written = "" if value is None else f"{value:.4f}".replace("0.", ".", 1)
            cells.append(f"**{written}**" if value == best else written)
        cells += [", ".join(row["published"]), f"{sum(row['seconds'].values()):.1f}", f"{row['processor_seconds']:.1f}"]
        cells.append(f"{row['peak_memory_bytes'] / 2**20:.0f}")
        scoring = row["scoring"]
        cells.append(f"{scoring['ratio']:.2f} × the product, width {scoring['width']}" if scoring else "")
        table.append("| " + " | ".join(cells) + " |")
    table += ["", "Seconds by stage:", "", "| lines | " + " | ".join(stages) + " |", "|---" * (len(stages) + 1) + "|"]
    for row in rows:
        spent = (f"{row['seconds'].get(stage, 0):.1f}" for stage in stages)
        table.append(f"| {row['lines']:,} | " + " | ".join(spent) + " |")
    pictures = [f"![NDCG@10 over order lines]({plots}_ndcg.svg)", f"![Seconds and memory]({plots}_costs.svg)"]
    return "\n".join([*table, "", *pictures]) + "\n"
