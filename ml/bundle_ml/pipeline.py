"""The whole run: read, learn, generate, write.

Same data, settings and seed give the same artefact fingerprint. How the baskets are split, and what is fitted on
which of them, stands in `learning`.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bundle_ml
from bundle_ml.artefact import FILES, Manifest, write_artefact
from bundle_ml.baskets import UNKNOWN_TIME, Baskets, split_by_time
from bundle_ml.cases import CONTEXT_SIZES
from bundle_ml.catalogue import read_catalogue
from bundle_ml.category_pairs import read_category_pairs
from bundle_ml.clicks.showings import read_showings
from bundle_ml.clicks.taught import learn_from_showings
from bundle_ml.durable import require_replaceable
from bundle_ml.errors import ArtefactError, DataError
from bundle_ml.learning import learn, prepare, train_network
from bundle_ml.lines import REASONS, Lines, ReadReport, read_lines
from bundle_ml.parallel import processes_here
from bundle_ml.personal_learning import learn_personal
from bundle_ml.progress import Reporter
from bundle_ml.proposals import Proposer, context_vectors
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.stored import to_tensors
from bundle_ml.stored_personal import PREFIX, personal_to_tensors
from bundle_ml.views import Views, read_views
from bundle_ml.warm import read_start


def train(
    lines: Path,
    items: Path | None,
    out: Path,
    *,
    settings: Settings,
    views: Path | None = None,
    pairs: Path | None = None,
    clicks: Path | None = None,
    warm_start: Path | None = None,
    work: Path | None = None,
    reporter: Reporter | None = None,
    on_read: Callable[[ReadReport], None] = lambda _report: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Manifest:
    """Read order lines and a catalogue, leave an artefact.

    With `pairs`, what the shop decided about pairs of categories overrules what is learned (see `category_pairs`). With
    `warm_start`, an artefact of an earlier run, the Transformer goes on from that run's. `views` are what the shoppers
    of the lines looked at; `clicks` what became of bundles that were shown (see `clicks.taught`).

    Raises:
        DataError: an input file is not what it should be; nothing was written.
        ArtefactError: something foreign stands at `out`; nothing was written.
    """
    reporter = reporter or Reporter()
    use_threads(settings.threads)
    _require_room(out, work)
    if work:
        work.mkdir(parents=True, exist_ok=True)
    decided = read_category_pairs(pairs)
    start = read_start(warm_start, settings) if warm_start else None
    read, shelf = _read(lines, items, settings, reporter)
    baskets, report = read.baskets, read.report
    looked_at, views_report = _read_views(views, read) if views else (None, None)
    shown = read_showings(clicks, item_keys=baskets.keys) if clicks else None
    on_read(report)
    learned = learn(baskets, shelf, settings=settings, start=start, work=work, reporter=reporter)
    personal = learn_personal(
        baskets,
        split_by_time(baskets, validation_ratio=settings.validation_ratio, test_ratio=settings.test_ratio),
        settings=settings,
        views=looked_at,
        on_progress=lambda done: reporter.at(0.85 + 0.15 * done, "learning what shoppers come back for"),
    )

    reporter.enter("generate", "composing bundles")
    vectors_VD = context_vectors(baskets, seed=settings.seed)
    proposer = Proposer.of(
        baskets,
        shelf,
        learned.popularity,
        settings,
        rung=learned.decision.rung,
        decoder=learned.decoder,
        co_purchase=learned.co_purchase,
        context_vectors_VD=vectors_VD,
        pairs=decided,
    )
    from_clicks: dict[str, Any] = {}
    if shown and proposer.composer:
        found = learn_from_showings(
            shown[0],
            proposer.composer,
            vectors_VD,
            seed=settings.seed,
            on_progress=lambda done: reporter.at(0.5 * done, "learning from clicks"),
        )
        proposer, from_clicks = proposer.taught_by(found.taught), found.report | shown[1].counts()
    begun = 0.5 if from_clicks else 0.0
    candidates = proposer.propose(lambda done: reporter.at(begun + (1 - begun) * done, "composing bundles"))

    reporter.enter("write", "writing the artefact")
    tensors, facts = to_tensors(learned.fitted)
    tensors["order_counts"] = baskets.order_counts()
    tensors["context_vectors"] = vectors_VD
    if personal.blend:
        personal_tensors, facts[PREFIX] = personal_to_tensors(personal.blend)
        tensors |= personal_tensors
    vocabulary = {
        "keys": list(baskets.keys),
        "titles": list(shelf.titles[: shelf.learned_count]),
        "facts": facts,
    }
    about = {
        "created_at": now().isoformat(),
        "rung": learned.decision.rung,
        "settings": settings.to_json(),
        "data": _describe_data(baskets, report, len(shelf))
        | {
            "warm_starts": start.warm_starts + 1 if start and learned.started_warm else 0,
            "taught_until": learned.taught_until,
        }
        | ({} if views_report is None else {"views": views_report.counts()}),
        "metrics": {
            "contexts": list(CONTEXT_SIZES),
            "rows": [row.to_json() for row in learned.evaluation.rows],
            "segments": [row.to_json() for row in learned.evaluation.segments],
            "calibration": learned.calibration,
            "test_baskets": learned.evaluation.basket_count,
            "decision": learned.decision.reason,
            "refused": [refusal.to_json() for refusal in learned.decision.refused],
            "personal": personal.report,
            "clicks": from_clicks,
        },
        "history": learned.history,
        "seconds": dict(reporter.seconds),
        "peak_memory_bytes": peak_memory_bytes(),
        "coverage": proposer.coverage(candidates),
        "versions": versions(),
    }
    manifest = write_artefact(out, vocabulary=vocabulary, tensors=tensors, candidates=candidates, about=about)
    reporter.close()
    return manifest


def assist(
    lines: Path, items: Path | None, *, settings: Settings, warm_start: Path | None = None, work: Path | None = None
) -> None:
    """Do this process's share of a training that another one leads (see `parallel`); leaves nothing behind."""
    use_threads(settings.threads)
    start = read_start(warm_start, settings) if warm_start else None
    read, shelf = _read(lines, items, settings, Reporter())
    lesson = prepare(read.baskets, shelf, settings=settings, reporter=Reporter())
    if lesson.teaches_network:
        start = lesson.allowing(start)
        train_network(lesson, settings=settings, start=start, work=work, reporter=Reporter())


def _read(lines: Path, items: Path | None, settings: Settings, reporter: Reporter) -> tuple[Lines, Shelf]:
    reporter.enter("read", "reading order lines")
    catalogue = read_catalogue(items)
    read = read_lines(
        lines,
        [item.key for item in catalogue] if catalogue else None,
        max_basket_items=settings.max_basket_items,
        on_block=lambda count: reporter.at(0.5, f"{count:,} lines read"),
    )
    return read, Shelf.of(read.baskets.keys, catalogue)


def _read_views(path: Path, read: Lines) -> tuple[Views, ReadReport]:
    if read.baskets.shoppers is None or not (read.baskets.ordered_at != UNKNOWN_TIME).any():
        raise DataError(
            f"Found views in {path.name} beside order lines that do not tell whose orders are whose and when they were "
            "placed; expected the columns shopper_key and ordered_at. Export them, or leave out --views."
        )
    return read_views(path, shopper_keys=read.shopper_keys, item_keys=read.baskets.keys)


def _require_room(out: Path, work: Path | None) -> None:
    """Find out before the hours of training whether the artefact may be written afterwards."""
    require_replaceable(out, files=FILES)
    if work and work.resolve().is_relative_to(out.resolve()):
        raise ArtefactError(
            f"Found the work directory {str(work)!r} inside the artefact's, {str(out)!r}; expected it outside, since "
            "the artefact replaces what stands there. Choose another --work."
        )


def _describe_data(baskets: Baskets, report: ReadReport, catalogue_items: int) -> dict[str, Any]:
    known = baskets.ordered_at[baskets.ordered_at != UNKNOWN_TIME]

    def moment(microseconds: np.int64) -> str:
        return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(microseconds))).isoformat()

    return {
        "lines_read": report.lines_read,
        "lines_kept": report.lines_kept,
        "dropped": {reason: report.dropped[reason] for reason in REASONS},
        "baskets": len(baskets),
        "single_item_baskets": report.single_item_baskets,
        "oversized_baskets": report.oversized_baskets,
        "items": baskets.item_count,
        "catalogue_items": catalogue_items,
        "first_ordered_at": moment(known.min()) if len(known) else None,
        "last_ordered_at": moment(known.max()) if len(known) else None,
        "fingerprint": baskets.fingerprint(),
    }


def use_threads(count: int) -> None:
    """Let torch use that many cores; 0 is all that this process may run on, shared with others of the same training."""
    torch.set_num_threads(count or max(1, available_cores() // processes_here()))


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """The largest resident size that this process ever had.

    Linux says it in /proc; getrusage would count there what the parent held when it started this process.
    """
    with suppress(OSError, IndexError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    return {
        "bundle_ml": bundle_ml.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
