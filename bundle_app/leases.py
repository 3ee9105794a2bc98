"""The training lease: who may train and publish.

A lease is a `TrainingRun` row with status RUNNING. It is taken by `acquire`, kept alive by a heartbeat thread, and
checked with a row lock by whatever must not happen without it (`Lease.guard`). A holder that paused for longer than
`lease_seconds` finds its fencing number gone and learns so by LeaseLost; what it had made is then never published.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import conf
from bundle_app.exceptions import AlreadyTraining, LeaseLost
from bundle_app.models import TrainingRun

HEARTBEATS_PER_LEASE = 3
LEASES_UNTIL_LOST = 4
MAX_ATTEMPTS = 3
"""A run that outlives its worker so often is given up: it would kill every worker it is given to."""


@dataclass(kw_only=True)
class Lease:
    """Proof that this process is the one that trains."""

    run_id: int
    fencing: int
    lost: threading.Event = field(default_factory=threading.Event)

    def update(self, **values: Any) -> None:
        """Write to the run and renew the lease, in one statement.

        Raises:
            LeaseLost: another run took over.
        """
        held = TrainingRun.objects.filter(pk=self.run_id, status=TrainingRun.Status.RUNNING, fencing=self.fencing)
        if self.lost.is_set() or not held.update(heartbeat_at=timezone.now(), **values):
            self.lost.set()
            raise LeaseLost

    def guard(self) -> None:
        """Hold the run's row until the transaction ends, so that nobody can take over in between.

        Raises:
            LeaseLost: another run took over.
        """
        run = TrainingRun.objects.select_for_update().filter(pk=self.run_id).first()
        if run is None or run.status != TrainingRun.Status.RUNNING or run.fencing != self.fencing:
            self.lost.set()
            raise LeaseLost


def is_stale(run: TrainingRun, *, at: datetime) -> bool:
    """Whether a running row has not been heard of for longer than a lease lasts."""
    return run.heartbeat_at is None or at - run.heartbeat_at > timedelta(seconds=conf.load().lease_seconds)


def is_lost(run: TrainingRun, *, at: datetime) -> bool:
    """Whether nobody seems to be at a run that is not over: its worker fell silent, or its message never arrived."""
    if run.status == TrainingRun.Status.RUNNING:
        return is_stale(run, at=at)
    return at - run.created_at > timedelta(seconds=LEASES_UNTIL_LOST * conf.load().lease_seconds)


def acquire(run_id: int, *, at: datetime | None = None) -> Lease:
    """Take the lease for a queued run, or for one whose holder has died.

    Raises:
        AlreadyTraining: another run, or another process with the same run, is alive; or the run is over.
    """
    now = at or timezone.now()
    try:
        with transaction.atomic():
            fencing = _take(run_id, now)
    except IntegrityError as error:
        raise AlreadyTraining from error
    if fencing is None:
        raise AlreadyTraining(
            _("Training run %(number)s was given up: %(count)s workers died of it.")
            % {"number": run_id, "count": MAX_ATTEMPTS}
        )
    return Lease(run_id=run_id, fencing=fencing)


def _take(run_id: int, now: datetime) -> int | None:
    rows = TrainingRun.objects.select_for_update().order_by("pk")
    mine = rows.get(pk=run_id)
    if mine.is_over:
        raise AlreadyTraining(
            _("%(run)s is over (%(status)s). Start a new run.") % {"run": mine, "status": mine.get_status_display()}
        )
    for other in rows.filter(status=TrainingRun.Status.RUNNING):
        if not is_stale(other, at=now):
            raise AlreadyTraining(
                _(
                    "%(run)s is under way on %(holder)s, at %(percent)s %%. Wait for it to end; if it died, the next "
                    "run takes over %(seconds)s seconds after its last sign of life."
                )
                % {
                    "run": other,
                    "holder": other.holder,
                    "percent": round(100 * other.progress),
                    "seconds": conf.load().lease_seconds,
                }
            )
        if other.pk != run_id or mine.attempts >= MAX_ATTEMPTS:
            abandon(other, now=now)
    if mine.attempts >= MAX_ATTEMPTS:
        return None
    fencing = (TrainingRun.objects.aggregate(highest=Max("fencing"))["highest"] or 0) + 1
    rows.filter(pk=run_id).update(
        status=TrainingRun.Status.RUNNING,
        fencing=fencing,
        attempts=mine.attempts + 1,
        holder=f"{socket.gethostname()}:{os.getpid()}",
        heartbeat_at=now,
        started_at=mine.started_at or now,
        progress=0.0,
        history=[],
        message="",
    )
    return fencing


def abandon(run: TrainingRun, *, now: datetime) -> None:
    """Close a run whose holder stopped answering."""
    error = _("The worker stopped answering; it may have been killed. The next run goes on from its last checkpoint.")
    if run.attempts >= MAX_ATTEMPTS:
        error = _("Given up: %(count)s workers died of this run.") % {"count": run.attempts}
    TrainingRun.objects.filter(pk=run.pk, fencing=run.fencing, status=TrainingRun.Status.RUNNING).update(
        status=TrainingRun.Status.ABANDONED,
        finished_at=now,
        error=error,
    )


def reopen(run_id: int) -> None:
    """Queue a run again that failed, unless it was tried too often; anything else is left as it is."""
    failed = TrainingRun.objects.filter(pk=run_id, status=TrainingRun.Status.FAILED, attempts__lt=MAX_ATTEMPTS)
    failed.update(status=TrainingRun.Status.QUEUED, error="", finished_at=None)


@contextmanager
def held(run_id: int) -> Iterator[Lease]:
    """The lease of a run for the time of a with block; its end is written by `succeed`, or here by the error.

    Raises:
        AlreadyTraining: see `acquire`.
    """
    lease = acquire(run_id)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(lease, stop), name="bundle_app.heartbeat", daemon=True)
    heart.start()
    try:
        yield lease
    except LeaseLost:
        raise
    except KeyboardInterrupt:
        fail(lease, _("Stopped from the keyboard."))
        raise
    except Exception as error:
        fail(lease, str(error))
        raise
    finally:
        stop.set()
        heart.join()


def _beat(lease: Lease, stop: threading.Event) -> None:
    """Renew the lease until told to stop. It has a database connection of its own, as every thread does."""
    interval = conf.load().lease_seconds / HEARTBEATS_PER_LEASE
    try:
        while not stop.wait(interval):
            try:
                lease.update()
            except LeaseLost:
                return
            except Error:
                connection.close()  # The database is away; the next beat tries a fresh connection.
    finally:
        connection.close()


def succeed(lease: Lease, summary: dict[str, Any]) -> None:
    lease.update(
        status=TrainingRun.Status.SUCCEEDED, progress=1.0, message="", summary=summary, finished_at=timezone.now()
    )


def fail(lease: Lease, error: str) -> None:
    """Note the error, as far as the database can be reached; a lease already lost is left to its new holder.

    The error may be that the connection broke, so a second try is made on a fresh one. `django.db.Error` is caught
    because a closed connection raises InterfaceError, which is no DatabaseError.
    """
    for _attempt in range(2):
        try:
            lease.update(status=TrainingRun.Status.FAILED, error=error, finished_at=timezone.now())
        except LeaseLost:
            return
        except Error:
            connection.close()
        else:
            return
