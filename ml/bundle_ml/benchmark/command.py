"""All of it in order: orders → exam → every model as a process → marks → report."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bundle_ml.benchmark.answers import Answers, AnswersError, read_answers
from bundle_ml.benchmark.comparison import compare
from bundle_ml.benchmark.datasets import Orders, read_dataset, read_orders
from bundle_ml.benchmark.judging import Marks
from bundle_ml.benchmark.own import PREFIX
from bundle_ml.benchmark.peers import NONE, PYTHON, Peer, find_peers
from bundle_ml.benchmark.processes import environment_for, run
from bundle_ml.benchmark.report import as_markdown, write_report
from bundle_ml.benchmark.tasks import COMPLETION, TASKS, Task
from bundle_ml.errors import SettingsError
from bundle_ml.pipeline import available_cores

OWN = "bundle_ml"
TRAINING_RIVAL = "sasrec"
"""The peer whose seconds to its best validation score are the bar for ours."""

MESSAGE_WIDTH = 70

OnProgress = Callable[[int, int, str], None]
"""Told how many processes are done, of how many, and what the current one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    budget_seconds: float
    """Of the processor: a model begins no other setting after so many; the first is always tried to its end."""
    limit_seconds: float
    """A process is stopped after so many seconds of the clock."""
    seed: int = 0
    samples: int = 1000
    config: Path | None = None
    """Settings of our own models."""
    ablation: bool = False
    """Whether the model that ships is measured without each of its parts as well."""
    peers_alone: bool = False
    """Whether ours are left out."""

    @classmethod
    def of(cls, options: argparse.Namespace) -> Options:
        if options.peers_alone and options.peers == NONE:
            raise SettingsError("Found --peers-alone with --peers none; expected a model to measure. Name peers.")
        return cls(
            budget_seconds=options.budget_seconds,
            limit_seconds=options.limit_seconds or 4 * options.budget_seconds + 600,
            seed=options.seed,
            config=options.config,
            ablation=options.ablation,
            peers_alone=options.peers_alone,
        )


@dataclass(slots=True)
class Row:
    """One model: its answers and marks, or why it has none."""

    model: str
    source: str
    failed: str | None = None
    reused: bool = False
    answers: Answers | None = None
    marks: Marks | None = None

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"model": self.model, "source": self.source, "failed": self.failed}
        if self.answers is None or self.marks is None:
            return row
        costs = self.answers.costs
        return row | {
            "reused": self.reused,
            "contexts": self.marks.by_size,
            "mean": self.marks.mean,
            "seconds": dict(costs.seconds),
            "peak_memory_bytes": costs.peak_memory_bytes,
            "settings": dict(costs.settings),
            "tried": list(costs.tried),
            "versions": dict(costs.versions),
        }


def benchmark(
    orders: Orders,
    peers: Sequence[Peer],
    options: Options,
    *,
    task: Task = TASKS[COMPLETION],
    work: Path | None = None,
    on_progress: OnProgress = lambda _done, _count, _message: None,
) -> dict[str, Any]:
    """Ask all models the same questions; returns the results as they stand in the report.

    With a work directory the peers' answers stay there, and a later run with the same questions, budget and script
    takes them from there. Ours are always fitted anew.

    Raises:
        DataError: there are too few orders.
    """
    exam = task.draw(orders, seed=options.seed)
    with folder_for(work) as folder:
        task.write(exam.given, folder / "split")
        count = len(peers) + 1
        models = list(dict.fromkeys([*task.own_models, *(task.ablated.values() if options.ablation else ())]))
        rows = run_own(task.own_module, models, folder, options, partial(on_progress, 0, count))
        for number, peer in enumerate(peers, 1):
            rows.append(run_peer(peer, exam.given.fingerprint, folder, options, partial(on_progress, number, count)))
        on_progress(count, count, "judging")
        for row in rows:
            _judge(row, task, exam, folder, options)
    marks = {row.model: row.marks for row in rows if row.marks}
    peers_named = [row.model for row in rows if row.source != OWN]
    without = {part: [PREFIX + name] for part, name in task.ablated.items()} if options.ablation else {}
    return {
        "protocol": _describe(task, exam, options),
        "rows": [row.to_json() for row in rows],
        "comparison": {
            "best_peer": compare(marks, ours=task.shipped, others=peers_named),
            "without_transformer": compare(marks, ours=task.shipped, others=task.part_left_out),
            "without_each": {part: compare(marks, ours=task.shipped, others=other) for part, other in without.items()},
            "training_seconds": _training_seconds(rows, task),
        },
    }


def main(options: argparse.Namespace) -> str:
    """What `python -m bundle_ml benchmark` does; returns the table."""
    python = options.peers_python or PYTHON
    task = TASKS[options.task]
    if options.ablation and not task.ablated:
        raise SettingsError(
            f"Found --ablation with --task {options.task}; expected it with completion alone. Leave it out."
        )
    peers = find_peers(options.peers, python=python, prefix=task.peers_prefix)
    orders = read_orders(options.orders) if options.orders else read_dataset(options.dataset, options.data)
    with progress_bar(len(peers) + 1) as tell:
        results = benchmark(orders, peers, Options.of(options), task=task, work=options.work, on_progress=tell)
    write_report(results, options.json)
    return as_markdown(results)


@contextmanager
def progress_bar(count: int) -> Iterator[OnProgress]:
    with tqdm(total=count, bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} {postfix}", file=sys.stderr) as bar:
        bar.set_description("benchmark")

        def tell(done: int, _count: int, message: str) -> None:
            bar.set_postfix_str(message[:MESSAGE_WIDTH], refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield tell


@contextmanager
def folder_for(work: Path | None) -> Iterator[Path]:
    if work:
        yield work
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def run_own(
    module: str, models: Sequence[str], folder: Path, options: Options, on_message: Callable[[str], None]
) -> list[Row]:
    """Ask ours, all in one process; always anew, or not at all."""
    if options.peers_alone:
        return []
    rows = [Row(PREFIX + name, OWN) for name in models]
    for row in rows:
        shutil.rmtree(folder / "answers" / row.model, ignore_errors=True)
    command = [sys.executable, "-m", module, str(folder / "split"), str(folder / "answers")]
    command += ["--config", str(options.config)] if options.config else []
    command += ["--ablation"] if options.ablation else []
    failed = run_model(OWN, command, folder, options, on_message)
    for row in rows:
        if failed and not (folder / "answers" / row.model).is_dir():
            row.failed = failed
    return rows


def run_peer(peer: Peer, fingerprint: str, folder: Path, options: Options, on_message: Callable[[str], None]) -> Row:
    """Ask one peer, or take what it answered to the same questions; the folder holds `split` and gets `answers`."""
    out = folder / "answers" / peer.name
    receipt = folder / "answers" / f"{peer.name}.json"
    asked = {
        "questions": fingerprint,
        "budget_seconds": options.budget_seconds,
        "threads": available_cores(),
        "script": peer.version(),
    }
    if out.is_dir() and receipt.is_file() and json.loads(receipt.read_text(encoding="utf-8")) == asked:
        return Row(peer.name, "peer", reused=True)
    receipt.unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    command = peer.command(folder / "split", out, budget_seconds=options.budget_seconds)
    failed = run_model(peer.name, command, folder, options, on_message)
    if failed is None:
        receipt.write_text(json.dumps(asked), encoding="utf-8")
    return Row(peer.name, "peer", failed=failed)


def run_model(
    name: str, command: list[str], folder: Path, options: Options, on_message: Callable[[str], None]
) -> str | None:
    """Run one process; returns why it failed, or None."""
    return run(
        command,
        log=folder / "logs" / f"{name}.txt",
        limit_seconds=options.limit_seconds,
        environment=environment_for(available_cores()),
        on_progress=lambda seconds, message: on_message(f"{name} {seconds:.0f} s {message}"),
    )


def _judge(row: Row, task: Task, exam: Any, folder: Path, options: Options) -> None:
    if row.failed is not None:
        return
    given = exam.given
    try:
        row.answers = read_answers(folder / "answers" / row.model, given.test_contexts, item_count=given.item_count)
    except AnswersError as error:
        row.failed = str(error)
        return
    row.marks = task.judge(row.answers.lists, exam, samples=options.samples, seed=options.seed)


def _training_seconds(rows: Sequence[Row], task: Task) -> dict[str, Any] | None:
    costs = {row.model: row.answers.costs.seconds for row in rows if row.answers}
    ours, theirs = costs.get(task.shipped, {}).get("training"), costs.get(TRAINING_RIVAL, {}).get("to_best")
    if not ours or not theirs:
        return None
    return {"ours": ours, "theirs": theirs, "other": TRAINING_RIVAL, "ratio": ours / theirs}


def _describe(task: Task, exam: Any, options: Options) -> dict[str, Any]:
    return task.describe(exam) | {
        "bootstrap_samples": options.samples,
        "budget_seconds": options.budget_seconds,
        "limit_seconds": options.limit_seconds,
        "threads": available_cores(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
