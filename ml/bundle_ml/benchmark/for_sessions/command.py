"""All of it in order, for each domain: published sessions → file → every model as a process → marks → report."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.answers import AnswersError
from bundle_ml.benchmark.command import OWN, OnProgress, Options, Row, folder_for, progress_bar, run_own, run_peer
from bundle_ml.benchmark.for_sessions import own
from bundle_ml.benchmark.for_sessions.datasets import Sessions, read_domains
from bundle_ml.benchmark.for_sessions.judging import SessionMarks, compare, judge
from bundle_ml.benchmark.for_sessions.protocol import Exam, draw_exam, read_named, write_given
from bundle_ml.benchmark.for_sessions.report import as_markdown, write_report
from bundle_ml.benchmark.peers import FOLDER, PYTHON, Peer, find_peers
from bundle_ml.errors import SettingsError
from bundle_ml.pipeline import available_cores

PEERS = FOLDER / "for_sessions"


def benchmark(
    data: Sessions,
    peers: Sequence[Peer],
    options: Options,
    *,
    work: Path | None = None,
    on_progress: OnProgress = lambda _done, _count, _message: None,
) -> dict[str, Any]:
    """Ask all models the same; returns the results of one domain as they stand in the report."""
    exam = draw_exam(data, seed=options.seed)
    with folder_for(work / data.name if work else None) as folder:
        write_given(exam.given, folder / "split")
        count = len(peers) + 1
        runs = run_own(own.__name__, own.MODELS, folder, options, partial(on_progress, 0, count))
        for number, peer in enumerate(peers, 1):
            runs.append(run_peer(peer, exam.given.fingerprint, folder, options, partial(on_progress, number, count)))
        on_progress(count, count, "judging")
        judged = [_judged(run, exam, folder, options) for run in runs]
    rows = [row for row, _ in judged]
    marks = {row["model"]: found for row, found in judged if found is not None}
    others = [row["model"] for row in rows if row["source"] != OWN]
    return {
        "protocol": _protocol(data, exam, options),
        "rows": rows,
        "comparison": compare(marks, ours=own.SHIPPED, others=others),
    }


def main(options: argparse.Namespace) -> str:
    """What `python -m bundle_ml benchmark --dataset bundlerec` does; returns the tables.

    Raises:
        SettingsError: settings were given, of which there are none, or an ablation was asked for.
    """
    if options.ablation:
        raise SettingsError("Found --ablation; the finder of bundles in sessions is measured whole. Leave it out.")
    if options.config:
        raise SettingsError("Found --config; the finder of bundles in sessions has no settings. Leave it out.")
    peers = find_peers(options.peers, folder=PEERS, python=options.peers_python or PYTHON)
    domains = read_domains(options.dataset, options.data)
    results = []
    for data in domains:
        with progress_bar(len(peers) + 1) as tell:
            results.append(benchmark(data, peers, Options.of(options), work=options.work, on_progress=tell))
    write_report(results, options.json)
    return as_markdown(results)


def _judged(run: Row, exam: Exam, folder: Path, options: Options) -> tuple[dict[str, Any], SessionMarks | None]:
    """The row of one model in the report; with its marks, where it has any."""
    row: dict[str, Any] = {"model": run.model, "source": run.source, "failed": run.failed}
    if run.failed is not None:
        return row, None
    try:
        named, costs = read_named(folder / "answers" / run.model, exam.given.asked)
    except AnswersError as error:
        return row | {"failed": str(error)}, None
    marks = judge(named, exam.test, samples=options.samples, seed=options.seed)
    row |= {"reused": run.reused, "marks": {measure: dict(mark) for measure, mark in marks.by_measure.items()}}
    row |= {
        "seconds": dict(costs.seconds),
        "settings": dict(costs.settings),
        "tried": list(costs.tried),
        "versions": dict(costs.versions),
    }
    return row, marks


def _protocol(data: Sessions, exam: Exam, options: Options) -> dict[str, Any]:
    return {
        "dataset": data.name,
        "items": len(data.goods.titles),
        "sessions": {
            "train": len(exam.given.train),
            "validation": len(exam.given.validation),
            "test": len(exam.test),
        },
        "bundles": sum(len(session.bundles) for session in data.sessions),
        "bootstrap_samples": options.samples,
        "seed": options.seed,
        "budget_seconds": options.budget_seconds,
        "threads": available_cores(),
        "fingerprint": exam.given.fingerprint,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
