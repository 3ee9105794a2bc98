"""From the shop's orders to a published model, in one use case that may be killed at any point.

    export → (bundle_ml, a child process: read … write) → store → publish

Whatever is killed, the live version goes on serving. What stays behind is a stale lease, which the next run takes
over, and checkpoints in the work directory, from which it goes on. Running the same run twice does its work once.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import artefacts, broker, conf, engine, leases, loading, outages, publishing
from bundle_app.exceptions import (
    AlreadyTraining,
    ArtefactRejected,
    BrokerUnreachable,
    ConfigurationError,
    NothingToTrain,
    WorseThanLive,
)
from bundle_app.exporting import export_items, export_lines
from bundle_app.models import ModelVersion, TrainingRun
from bundle_app.policy.showings import export_showings
from bundle_app.shop import get_adapter

logger = logging.getLogger(__name__)
TASK = "bundle_app.train"
SECONDS_BETWEEN_REPORTS = 0.5
ENGINE_SHARE = (0.05, 0.90)
"""Where the learning process begins and ends within the progress of the whole run."""


def request_training() -> TrainingRun:
    """Queue a run for the worker. A queued run whose message seems to be lost is sent again instead.

    Raises:
        AlreadyTraining: one is queued or running.
        BrokerUnreachable: the task could not be sent.
    """
    now = timezone.now()
    waiting = TrainingRun.objects.exclude(status__in=TrainingRun.OVER).first()
    if waiting is not None and leases.is_lost(waiting, at=now):
        if waiting.status == TrainingRun.Status.QUEUED:
            enqueue(waiting.pk)
            return waiting
    elif waiting is not None:
        raise AlreadyTraining(
            _("%(run)s is under way (%(status)s). Wait for it to end.")
            % {"run": waiting, "status": waiting.get_status_display()}
        )
    run = TrainingRun.objects.create()
    transaction.on_commit(lambda: enqueue(run.pk), robust=True)
    run.refresh_from_db()
    if run.error:
        raise BrokerUnreachable(run.error)
    return run


def enqueue(run_id: int) -> None:
    """Send the task of a queued run. A broker that cannot be reached fails the run and raises BrokerUnreachable."""
    advice = _(
        "The task could not be sent to the message broker: %(error)s. Start the broker or correct "
        "CELERY_BROKER_URL, or train without Celery: manage.py bundles_train"
    )
    try:
        broker.send(TASK, run_id, otherwise=advice)
    except BrokerUnreachable as problem:
        TrainingRun.objects.filter(pk=run_id, status=TrainingRun.Status.QUEUED).update(
            status=TrainingRun.Status.FAILED, error=str(problem), finished_at=timezone.now()
        )
        raise


def train(run_id: int, *, on_progress: Callable[[TrainingRun], None] | None = None) -> ModelVersion:
    """Train and publish within a run. `on_progress` is shown the run each time it moves on.

    Raises:
        AlreadyTraining: another run is alive, or this one is over.
        NothingToTrain: the shop has nothing to sell.
        WorseThanLive: the model learned from far fewer orders than the live one; it waits for a person.
        EngineError: the learning process failed.
        LeaseLost: this process was taken for dead; nothing of it is published.
    """
    with leases.held(run_id) as lease, _scratch(lease) as folder:
        published = ModelVersion.objects.filter(training_run_id=run_id, published_at__isnull=False).first()
        if published is not None:  # An earlier try of this run was killed right after it had published.
            leases.succeed(lease, _summary(published, seconds={}, peak_memory_bytes={}))
            return published
        reporter = _Reporter(lease=lease, show=on_progress)
        manifest = _learn(folder, reporter)
        version = _publish(folder / "artefact", manifest, reporter)
        peak_memory_bytes = {"worker": _peak_memory_bytes(), "learning": manifest.peak_memory_bytes}
        seconds = {**reporter.seconds, **manifest.seconds}
        leases.succeed(lease, _summary(version, seconds=seconds, peak_memory_bytes=peak_memory_bytes))
        shutil.rmtree(_checkpoints(), ignore_errors=True)
        reporter.finish()
    publishing.prune()
    return version


@dataclass(kw_only=True)
class _Reporter:
    """Writes progress to the run, renews its lease by that, and keeps time per stage."""

    lease: leases.Lease
    show: Callable[[TrainingRun], None] | None
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    reported_at: float = float("-inf")

    def move(self, stage: TrainingRun.Stage, progress: float, message: str = "", *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self.reported_at < SECONDS_BETWEEN_REPORTS:
            return
        self.reported_at = now
        self.lease.update(stage=stage, progress=min(progress, 1.0), message=message[:300], history=self.history)
        self.finish()

    def finish(self) -> None:
        if self.show is not None:
            self.show(TrainingRun.objects.get(pk=self.lease.run_id))

    @contextmanager
    def stage(self, stage: TrainingRun.Stage, progress: float) -> Iterator[None]:
        self.move(stage, progress, force=True)
        began = time.monotonic()
        yield
        self.seconds[stage.value] = round(time.monotonic() - began, 2)

    def learning(self, report: engine.Progress) -> None:
        """Fold the child's progress into the run's."""
        if report.epoch is not None and report.loss is not None:
            entry = {"epoch": report.epoch, "loss": report.loss, "validation_ndcg": report.validation_ndcg}
            self.history = [known for known in self.history if known["epoch"] != report.epoch] + [entry]
        begin, end = ENGINE_SHARE
        try:
            self.move(TrainingRun.Stage(report.stage), begin + (end - begin) * report.progress, report.message)
        except outages.MISTAKES:
            raise
        except outages.DATABASE_AWAY as error:  # The child learns on without it, and the next report is tried anew.
            connection.close()
            logger.warning("Progress was not noted. The database does not answer: %s", outages.in_a_line(error))


def _learn(folder: Path, reporter: _Reporter) -> engine.Manifest:
    """Export, train and store. Returns the verified manifest."""
    adapter, settings = get_adapter(), conf.load()
    lines, views, items, clicks = (folder / name for name in ("lines.csv", "views.csv", "items.jsonl", "clicks.csv"))
    artefact = folder / "artefact"
    since = timezone.now() - timedelta(days=settings.history_days) if settings.history_days else None
    with reporter.stage(TrainingRun.Stage.EXPORT, 0.0):
        if not export_items(adapter, items):
            raise NothingToTrain(
                _(
                    "The shop has no product that can be sold, so no bundle can be composed. "
                    'Check "item" and "sellable" in MAP.'
                )
            )
        export_lines(adapter, lines, views=views, since=since)
        has_clicks = settings.compose_from_clicks and export_showings(clicks) > 0
    with _live_artefact() as live:
        engine.train(
            lines=lines,
            items=items,
            out=artefact,
            work=_checkpoints(),
            settings=settings.train,
            views=views if views.exists() else None,
            clicks=clicks if has_clicks else None,
            warm_start=live,
            on_progress=reporter.learning,
        )
    return engine.verified_manifest(artefact)


@contextmanager
def _live_artefact() -> Iterator[Path | None]:
    """A local copy of the live model, for the next one to go on from; None where there is none that can be read."""
    live = ModelVersion.objects.live().first() if conf.load().warm_start else None
    with ExitStack() as stack:
        folder = None
        if live:
            try:
                folder = stack.enter_context(artefacts.fetched(live.artefact))
                engine.verified_manifest(folder)
            except ArtefactRejected as error:
                logger.warning("%s cannot be gone on from, so the next model starts from nothing: %s", live, error)
                folder = None
        yield folder


def _publish(artefact: Path, manifest: engine.Manifest, reporter: _Reporter) -> ModelVersion:
    lease = reporter.lease
    name = artefacts.name_for(manifest.fingerprint, lease.fencing)
    with reporter.stage(TrainingRun.Stage.STORE, ENGINE_SHARE[1]):
        artefacts.save(artefact, name)
    with reporter.stage(TrainingRun.Stage.PUBLISH, 0.92):
        version = loading.create_version(lease, manifest, name)
        expected_count = max(manifest.candidates, 1)

        def written(count: int) -> None:
            reporter.move(TrainingRun.Stage.PUBLISH, 0.92 + 0.07 * count / expected_count)

        loading.load_scores(version, artefact, lease=lease, on_progress=written)
        _compare_with_live(version)
        return publishing.go_live(version.pk, lease=lease)


def _compare_with_live(version: ModelVersion) -> None:
    """A model of a sudden fraction of the orders is mostly a mistake in the map; a person may publish it all the same.

    Raises:
        WorseThanLive: it learned from fewer order lines than `min_lines_ratio` allows.
    """
    live = ModelVersion.objects.live().first()
    if live is None:
        return
    before, now = int(live.data.get("lines_kept", 0)), int(version.data.get("lines_kept", 0))
    if now < conf.load().min_lines_ratio * before:
        raise WorseThanLive(
            _(
                "%(version)s learned from %(now)s order lines, the live one from %(before)s, so it was not published. "
                "If a change of settings or data explains that, run: manage.py bundles_publish %(number)s"
            )
            % {"version": version, "now": now, "before": before, "number": version.pk}
        )


def _work_dir() -> Path:
    """The worker's own folder, closed to other users.

    Raises:
        ConfigurationError: somebody else made it.
    """
    folder = conf.load().work_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise ConfigurationError(
            f"BUNDLE_APP['WORK_DIR'] is {str(folder)!r}, which belongs to another user. Order lines are exported "
            "there: name a folder that belongs to the worker's user."
        )
    return folder


def _checkpoints() -> Path:
    folder = _work_dir() / "checkpoints"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _scratch(lease: leases.Lease) -> Iterator[Path]:
    """A folder for this try's files. Exports hold order lines: what killed runs left is removed as well."""
    runs = _work_dir() / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    folder = runs / f"{lease.run_id}-{lease.fencing}"
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _summary(version: ModelVersion, *, seconds: dict[str, float], peak_memory_bytes: dict[str, int]) -> dict[str, Any]:
    """What a person or a script wants to know of a finished run."""
    data = version.data
    return {
        "order_lines_read": data["lines_read"],
        "order_lines_kept": data["lines_kept"],
        "dropped": data["dropped"],
        "baskets": data["baskets"],
        "items": data["items"],
        "catalogue_items": data["catalogue_items"],
        "bundles_published": version.bundle_count,
        "coverage": data["coverage"],
        "rung": version.rung,
        "seconds": seconds,
        "peak_memory_bytes": peak_memory_bytes,
        "metrics": version.metrics,
    }


def _peak_memory_bytes() -> int:
    """The most resident memory this process has held; Linux counts in KiB, macOS in bytes, Windows not at all."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
