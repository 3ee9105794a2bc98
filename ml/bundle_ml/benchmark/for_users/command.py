"""All of it in order: published split → folder → every model as a process → marks → report."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.answers import AnswersError, read_answers
from bundle_ml.benchmark.command import (
    OWN,
    OnProgress,
    Options,
    Row,
    folder_for,
    progress_bar,
    run_own,
    run_peer,
)
from bundle_ml.benchmark.for_users import own
from bundle_ml.benchmark.for_users.datasets import UserBundles, read_dataset
from bundle_ml.benchmark.for_users.judging import UserMarks, compare, judge
from bundle_ml.benchmark.for_users.protocol import LISTED, Given, draw_given, write_given
from bundle_ml.benchmark.for_users.report import as_markdown, write_report
from bundle_ml.benchmark.own import PREFIX
from bundle_ml.benchmark.peers import FOLDER, PYTHON, Peer, find_peers
from bundle_ml.errors import SettingsError
from bundle_ml.pipeline import available_cores

PEERS = FOLDER / "for_users"


def benchmark(
    data: UserBundles,
    peers: Sequence[Peer],
    options: Options,
    *,
    work: Path | None = None,
    on_progress: OnProgress = lambda _done, _count, _message: None,
) -> dict[str, Any]:
    """Ask all models the same; returns the results as they stand in the report.

    With a work directory the peers' answers stay there, as in the benchmark of baskets.
    """
    given = draw_given(data)
    with folder_for(work) as folder:
        write_given(given, folder / "split")
        count = len(peers) + 1
        models = [*own.MODELS, *(own.ABLATED.values() if options.ablation else ())]
        rows = run_own(own.__name__, models, folder, options, partial(on_progress, 0, count))
        for number, peer in enumerate(peers, 1):
            rows.append(run_peer(peer, given.fingerprint, folder, options, partial(on_progress, number, count)))
        on_progress(count, count, "judging")
        marks = _judge(rows, given, data, folder, options)
    without = {part: PREFIX + name for part, name in own.ABLATED.items()} if options.ablation else {}
    return {
        "protocol": _describe(data, given, options),
        "rows": [row.to_json() for row in rows],
        "comparison": compare(marks, ours=own.SHIPPED, others=[row.model for row in rows if row.source != OWN]),
        "without_each": {part: compare(marks, ours=own.SHIPPED, others=[other]) for part, other in without.items()},
    }


def main(options: argparse.Namespace) -> str:
    """What `python -m bundle_ml benchmark --dataset` does for these data sets; returns the table.

    Raises:
        SettingsError: settings were given; there are none.
    """
    if options.config:
        raise SettingsError("Found --config; the ranking of bundles for users chooses all its settings. Leave it out.")
    peers = find_peers(options.peers, folder=PEERS, python=options.peers_python or PYTHON)
    data = read_dataset(options.dataset, options.data)
    with progress_bar(len(peers) + 1) as tell:
        results = benchmark(data, peers, Options.of(options), work=options.work, on_progress=tell)
    write_report(results, options.json)
    return as_markdown(results)


def _judge(
    rows: Sequence[Row], given: Given, data: UserBundles, folder: Path, options: Options
) -> dict[str, UserMarks]:
    contexts, answers_UB = given.contexts(), data.test_UB[given.asked_U]
    marks = {}
    for row in rows:
        if row.failed is not None:
            continue
        try:
            row.answers = read_answers(
                folder / "answers" / row.model, contexts, item_count=given.histories.bundle_count
            )
        except AnswersError as error:
            row.failed = str(error)
            continue
        found = judge(row.answers.lists[LISTED], answers_UB, samples=options.samples, seed=options.seed)
        row.marks = marks[row.model] = found
    return marks


def _describe(data: UserBundles, given: Given, options: Options) -> dict[str, Any]:
    histories = data.histories
    return {
        "dataset": data.name,
        "users": histories.user_count,
        "asked": len(given.asked_U),
        "bundles": histories.bundle_count,
        "items": histories.item_count,
        "pairs": {
            "train": int(histories.bundles_UB.nnz),
            "tune": int(data.tune_UB.nnz),
            "test": int(data.test_UB.nnz),
            "user_items": int(histories.items_UI.nnz),
        },
        "bootstrap_samples": options.samples,
        "seed": options.seed,
        "budget_seconds": options.budget_seconds,
        "limit_seconds": options.limit_seconds,
        "threads": available_cores(),
        "fingerprint": given.fingerprint,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
