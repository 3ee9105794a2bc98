"""The Celery tasks: a few lines each around a use case, so that a command can do the same without Celery.

A broker may deliver a task twice, or again after its worker was killed. Both are safe: the lease lets one process
train, and a run that is over is not run again. Tasks take ids alone. One that the database was away from is done when
the database is back, a few seconds later at first, five minutes later at last.

Which queue they go to is routing, and so the shop's setting:

    CELERY_TASK_ROUTES = {"bundle_app.*": {"queue": "bundles"}}
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from celery import Task, shared_task

from bundle_app import conf, leases, maintenance, publishing, training
from bundle_app.events import aggregation, attribution
from bundle_app.exceptions import AlreadyTraining
from bundle_app.experiments import counting
from bundle_app.models import TrainingRun
from bundle_app.outages import DATABASE_AWAY, MISTAKES, is_away
from bundle_app.policy import learning
from bundle_app.transfer import queue

SAFE_TO_REPEAT: dict[str, Any] = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "autoretry_for": DATABASE_AWAY,
    "dont_autoretry_for": MISTAKES,
    "retry_backoff": 5,
    "retry_backoff_max": 300,
    "max_retries": 30,
}
"""Each try waits for twice as long as the one before, seconds, to a random part; thirty of them take over an hour."""


@shared_task(name=training.TASK, bind=True, **{**SAFE_TO_REPEAT, "max_retries": None})
def train(self: Task[Any, Any], run_id: int | None = None, *, again: bool = False) -> int | None:
    """Train and publish. Without a run, as from a beat schedule, one is made unless training is under way anyway.

    A run that the database was away from is tried `again`, as often as one whose worker was killed.
    """
    run = TrainingRun.objects.create() if run_id is None else TrainingRun.objects.get(pk=run_id)
    if again:
        leases.reopen(run.pk)
    try:
        return training.train(run.pk).pk
    except AlreadyTraining as error:
        run.refresh_from_db()
        if run.is_over:
            return None
        if run_id is None:
            run.delete()
            return None
        # The lease is held: by another run, or by this run's own worker, which may just have been killed.
        raise self.retry(countdown=conf.load().lease_seconds, exc=error) from error
    except DATABASE_AWAY as error:
        if not is_away(error):
            raise
        seconds = conf.load().lease_seconds
        raise self.retry(args=(run.pk,), kwargs={"again": True}, countdown=seconds, exc=error) from error


@shared_task(name="bundle_app.publish", **SAFE_TO_REPEAT)
def publish(version_id: int) -> int:
    """Make a version live."""
    return publishing.publish(version_id).pk


@shared_task(name="bundle_app.sweep", **SAFE_TO_REPEAT)
def sweep() -> dict[str, int]:
    """Put right what lost messages, killed workers and deleted products left behind."""
    return {**maintenance.sweep(), "imports_resumed": queue.resume()}


@shared_task(name="bundle_app.attribute", **SAFE_TO_REPEAT)
def attribute() -> dict[str, int]:
    """Credit sales to the showings that led to them, and take back what was refunded."""
    return asdict(attribution.attribute())


@shared_task(name="bundle_app.aggregate", **SAFE_TO_REPEAT)
def aggregate() -> dict[str, int]:
    """Count the figures of days and experiments, then delete events that are old."""
    return {
        "days_counted": aggregation.aggregate(),
        "experiments_counted": counting.count(),
        "rows_deleted": aggregation.prune(),
    }


@shared_task(name="bundle_app.learn_from_clicks", **SAFE_TO_REPEAT)
def learn_from_clicks() -> dict[str, int | None]:
    """Take the live policy back if it disappoints, then learn a new one and let the gate judge it."""
    withdrawn, learned = learning.watch(), learning.learn()
    return {"withdrawn": withdrawn.pk if withdrawn else None, "learned": learned.pk if learned else None}


@shared_task(name=queue.TASK, **SAFE_TO_REPEAT)
def import_file(import_id: int) -> str:
    """Check a file that was handed in, or apply it once its preview was confirmed. Returns what became of it."""
    from bundle_app.transfer import runs  # needs the extra [transfer], which not every shop has

    return runs.proceed(import_id, tells_progress=True)
