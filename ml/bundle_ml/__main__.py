"""The command line: train, evaluate, inspect, recommend, benchmark, clicks. Without Django.

    python -m bundle_ml train --lines lines.csv --items items.jsonl --out artefact/ --work work/
    python -m bundle_ml evaluate --artefact artefact/ --lines later_lines.csv
    python -m bundle_ml inspect --artefact artefact/ --item 42
    python -m bundle_ml recommend --artefact artefact/ --past my_orders.csv
    python -m bundle_ml benchmark --orders orders.csv --json results.json
    python -m bundle_ml clicks --json clicks.json
    torchrun --nproc-per-node 2 -m bundle_ml train …        (several processes train one network)

Errors that a person can mend end with exit code 2 and one line on stderr.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from bundle_ml.errors import BundleMLError, SettingsError, training_extra
from bundle_ml.progress import Bar, JsonLines, Reporter
from bundle_ml.settings import Settings

Command = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]
"""Adds a command: its name, what it does, and what it says of itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if getattr(options, "exit_with_parent", False):
        exit_with_parent(sys.stdin.buffer)
    try:
        options.run(options)
    except (BundleMLError, OSError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bundle_ml", description="Learn product bundles from orders.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(run=run)
        return added

    _add_learning(command)
    _add_benchmark(command)
    _add_measurements(command)
    return parser


def _add_learning(command: Command) -> None:
    train = command("train", _train, "Learn from order lines and write an artefact.")
    train.add_argument("--lines", type=Path, required=True, help="order lines, CSV with a header or Parquet")
    train.add_argument("--items", type=Path, help="the catalogue, JSON lines")
    train.add_argument("--views", type=Path, help="what shoppers looked at: shopper_key,item_key,viewed_at")
    train.add_argument("--pairs", type=Path, help="which categories may share a bundle and which not, JSON lines")
    train.add_argument("--clicks", type=Path, help="what became of bundles that were shown, a row a showing")
    train.add_argument("--out", type=Path, required=True, help="directory of the artefact; replaced when all is done")
    train.add_argument("--work", type=Path, help="directory for checkpoints; an interrupted run goes on from there")
    train.add_argument("--warm-start", type=Path, help="an earlier artefact, to go on from its Transformer")
    train.add_argument("--config", type=Path, help="settings as a JSON object")
    train.add_argument("--progress", choices=("json", "bar", "none"), default="bar")
    train.add_argument("--exit-with-parent", action="store_true", help="end when stdin ends")

    evaluate = command("evaluate", _evaluate, "Measure an artefact on later orders.")
    evaluate.add_argument("--artefact", type=Path, required=True)
    evaluate.add_argument("--lines", type=Path, required=True)

    inspect = command("inspect", _inspect, "Verify an artefact and show what is in it.")
    inspect.add_argument("--artefact", type=Path, required=True)
    inspect.add_argument("--item", help="an item key: show its bundles and the items most like it")

    recommend = command("recommend", _recommend, "Rank what a shopper will buy next, by an artefact and the past.")
    recommend.add_argument("--artefact", type=Path, required=True)
    recommend.add_argument("--past", type=Path, required=True, help="the order lines of one shopper")
    recommend.add_argument("--views", type=Path, help="what the shopper looked at, with the shopper_key of the lines")
    recommend.add_argument("--count", type=int, default=10, help="so many items (default: %(default)s)")


def _add_benchmark(command: Command) -> None:
    benchmark = command("benchmark", _benchmark, "Measure our models, and others', on one protocol.")
    orders = benchmark.add_mutually_exclusive_group(required=True)
    orders.add_argument("--dataset", help="a public data set in the folder of --data")
    orders.add_argument("--orders", type=Path, help="an order file, CSV with a header or Parquet")
    benchmark.add_argument("--data", type=Path, default=_public_data(), help="the data sets")
    benchmark.add_argument(
        "--task",
        choices=("completion", "next_basket", "visit"),
        default="completion",
        help="an item of a basket; the next basket of a shopper; an item of a basket, the shopper's past being known",
    )
    benchmark.add_argument("--peers", default="none", help="all, none, or names separated by commas")
    benchmark.add_argument("--peers-alone", action="store_true", help="leave ours out, which are measured already")
    benchmark.add_argument("--peers-python", type=Path, help="the interpreter of the peers' environment")
    benchmark.add_argument(
        "--budget-seconds", type=float, default=600.0, help="of the processor, to begin another setting in"
    )
    benchmark.add_argument(
        "--limit-seconds", type=float, help="of the clock, to stop a model at; default: four budgets and 10 minutes"
    )
    benchmark.add_argument("--ablation", action="store_true", help="measure ours without each of its parts as well")
    benchmark.add_argument("--work", type=Path, help="directory for answers; the peers' are taken from there again")
    benchmark.add_argument("--config", type=Path, help="settings of our models as a JSON object")
    benchmark.add_argument("--seed", type=int, default=0, help="of the questions")
    benchmark.add_argument("--json", type=Path, required=True, help="the results; a table and plots go beside it")


def _add_measurements(command: Command) -> None:
    for name, run, summary in (
        ("substitutes", _substitutes, "Train, and measure how substitutes are kept out of bundles."),
        ("confidence", _confidence, "Train, and measure how far the model's chances can be believed."),
    ):
        measured = command(name, run, summary)
        source = measured.add_mutually_exclusive_group(required=True)
        source.add_argument("--dataset", help="a public data set in the folder of --data")
        source.add_argument("--orders", type=Path, help="an order file, CSV with a header or Parquet")
        measured.add_argument("--data", type=Path, default=_public_data(), help="the data sets")
        measured.add_argument("--config", type=Path, help="settings as a JSON object")
        measured.add_argument("--json", type=Path, required=True, help="the results; a table goes beside it")

    sizes = command("sizes", _sizes, "Train on growing numbers of order lines: which rung wins, what it costs.")
    source = sizes.add_mutually_exclusive_group(required=True)
    source.add_argument("--orders", type=Path, help="an order file, CSV with a header or Parquet")
    source.add_argument("--generate-items", type=int, help="generate orders of so many items")
    sizes.add_argument("--lines", required=True, help="numbers of lines, separated by commas")
    sizes.add_argument(
        "--windows", type=int, default=1, help="so many parts of an order file per size, where it has room"
    )
    sizes.add_argument("--config", type=Path, help="settings as a JSON object")
    sizes.add_argument("--json", type=Path, required=True, help="the results; a table and plots go beside it")

    clicks = command("clicks", _clicks, "Measure what learning from clicks is worth, on simulated shoppers.")
    clicks.add_argument(
        "--truth",
        default="bundle_ml.clicks.visits:Visits.generate",
        help="module:Class of the simulator, called with a seed (default: %(default)s)",
    )
    clicks.add_argument("--seeds", type=int, default=10, help="so many (default: %(default)s)")
    clicks.add_argument(
        "--impressions", type=int, default=200_000, help="to learn from; all else grows with it (default: %(default)s)"
    )
    clicks.add_argument("--peers", default="none", help="all, none, or names separated by commas")
    clicks.add_argument("--peers-python", type=Path, help="the interpreter of the peers' environment")
    clicks.add_argument("--jobs", type=int, default=1, help="seeds measured at once (default: %(default)s)")
    clicks.add_argument(
        "--json",
        type=Path,
        required=True,
        help="the results; a table and a plot go beside it, and until then the seeds that are done",
    )

    rehearse = command("rehearse", _rehearse, "Compose from orders, let made-up shoppers click, and learn from it.")
    source = rehearse.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", help="a public data set in the folder of --data")
    source.add_argument("--orders", type=Path, help="an order file, CSV with a header or Parquet")
    rehearse.add_argument("--data", type=Path, default=_public_data(), help="the data sets")
    rehearse.add_argument("--showings", default="300000,1000000,3000000", help="numbers, separated by commas")
    rehearse.add_argument("--anchors", type=int, default=400, help="most ordered items (default: %(default)s)")
    rehearse.add_argument("--exploration-ratio", type=float, default=0.1, help="of showings (default: %(default)s)")
    rehearse.add_argument("--seeds", type=int, default=3, help="so many (default: %(default)s)")
    rehearse.add_argument("--config", type=Path, help="settings as a JSON object; by default no Transformer is trained")
    rehearse.add_argument("--json", type=Path, required=True, help="the results; a table goes beside it")


def _public_data() -> Path:
    return Path(os.environ.get("BUNDLE_DATA_DIR") or "../shared/data")


def _train(options: argparse.Namespace) -> None:
    settings = read_settings(options.config)
    # Threads that wait for each other sleep rather than spin: a shop's machine has other work to do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with training_extra():
        from tqdm import tqdm

        from bundle_ml.parallel import is_assistant
        from bundle_ml.pipeline import assist, train

    if is_assistant():
        assist(options.lines, options.items, settings=settings, warm_start=options.warm_start, work=options.work)
        return
    bar = Bar() if options.progress == "bar" else None
    lines = JsonLines() if options.progress == "json" else None
    listener = bar or lines
    reporter = Reporter(listener) if listener else Reporter()

    def tell_counts(report: object) -> None:
        if not lines:
            tqdm.write(str(report), file=sys.stderr)  # on a line of its own, above the bar

    try:
        train(
            options.lines,
            options.items,
            options.out,
            settings=settings,
            views=options.views,
            pairs=options.pairs,
            clicks=options.clicks,
            warm_start=options.warm_start,
            work=options.work,
            reporter=reporter,
            on_read=tell_counts,
        )
    finally:
        if bar:
            bar.close()
    if lines:
        lines.write({"result": {"artefact": str(options.out)}})


def _evaluate(options: argparse.Namespace) -> None:
    with training_extra():
        from bundle_ml.reevaluation import reevaluate
    sys.stdout.write(reevaluate(options.artefact, options.lines) + "\n")


def _inspect(options: argparse.Namespace) -> None:
    from bundle_ml.inspection import describe, describe_item

    text = describe(options.artefact) if options.item is None else describe_item(options.artefact, options.item)
    sys.stdout.write(text + "\n")


def _recommend(options: argparse.Namespace) -> None:
    with training_extra():
        from bundle_ml.recommending import Recommender, describe
    recommender = Recommender.read(options.artefact)
    past = recommender.read_past(options.past, views=options.views)
    sys.stdout.write(describe(recommender.recommend(past, count=options.count)) + "\n")


def _benchmark(options: argparse.Namespace) -> None:
    read_settings(options.config)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with training_extra():
        from bundle_ml.benchmark import command, for_sessions, for_users
        from bundle_ml.benchmark.for_sessions import command as command_for_sessions
        from bundle_ml.benchmark.for_users import command as command_for_users
    mains = dict.fromkeys(for_users.datasets.NAMES, command_for_users.main)
    mains |= dict.fromkeys(for_sessions.datasets.NAMES, command_for_sessions.main)
    sys.stdout.write(mains.get(options.dataset, command.main)(options))


def _sizes(options: argparse.Namespace) -> None:
    read_settings(options.config)
    with training_extra():
        from bundle_ml.benchmark.sizes import main as sizes
    sys.stdout.write(sizes(options))


def _rehearse(options: argparse.Namespace) -> None:
    read_settings(options.config)
    with training_extra():
        from bundle_ml.benchmark.rehearsal import main as rehearse
    sys.stdout.write(rehearse(options))


def _clicks(options: argparse.Namespace) -> None:
    with training_extra():
        from bundle_ml.clicks.command import main as clicks
    sys.stdout.write(clicks(options))


def _substitutes(options: argparse.Namespace) -> None:
    read_settings(options.config)
    with training_extra():
        from bundle_ml.benchmark.substitution import main as substitution
    sys.stdout.write(substitution(options))


def _confidence(options: argparse.Namespace) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with training_extra():
        from bundle_ml.benchmark.confidence import main as confidence
    sys.stdout.write(confidence(options))


def read_settings(path: Path | None) -> Settings:
    """Read settings from a JSON file; no file is the defaults."""
    if path is None:
        return Settings()
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path.name} is not JSON: {error}. Expected an object of settings.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path.name} holds {type(values).__name__}; expected a JSON object of settings.")
    return Settings.from_mapping(values)


def exit_with_parent(stdin: BinaryIO) -> None:
    """Watch stdin from a thread; when it ends, the parent is gone and this process goes at once."""
    descriptor = stdin.fileno()

    def watch() -> None:
        while os.read(descriptor, 1):  # Not `stdin.read`: a buffered reader aborts the interpreter's shutdown.
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="exit-with-parent").start()


if __name__ == "__main__":
    sys.exit(main())
