"""An examination of an installation: mapping, data, broker, training, live model. Each finding says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from celery import current_app
from django.core import checks
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from bundle_app import artefacts, conf, engine, leases
from bundle_app.models import Bundle, BundlePart, ModelVersion, TrainingRun
from bundle_app.shop import get_adapter

ENOUGH_ORDER_LINES = 1000
BROKER_TIMEOUT_SECONDS = 3


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: what was found, and what to do about it where it is not good."""

    verdict: Verdict
    subject: str
    found: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, even where something before was bad; a part that cannot be examined is itself a finding."""
    examinations: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("settings", _settings),
        ("database", _database),
        ("catalogue", _catalogue),
        ("orders", _orders),
        ("training libraries", _libraries),
        ("broker", _broker),
        ("training runs", _runs),
        ("live model", _live_model),
    ]
    for subject, look in examinations:
        try:
            yield from look()
        except Exception as error:  # noqa: BLE001  (an examination that breaks off is a finding, whatever broke it)
            yield Finding(verdict=Verdict.BAD, subject=subject, found=str(error).strip(), advice="Mend this.")


def _settings() -> Iterator[Finding]:
    problems = checks.run_checks(tags=["bundle_app"])
    for problem in problems:
        verdict = Verdict.BAD if problem.is_serious() else Verdict.WARNING
        yield Finding(verdict=verdict, subject="settings", found=problem.msg, advice=problem.hint or "")
    if not problems:
        yield Finding(verdict=Verdict.GOOD, subject="settings", found="BUNDLE_APP fits the shop's models.")


def _database() -> Iterator[Finding]:
    connection = connections["default"]
    executor = MigrationExecutor(connection)
    targets = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "bundle_app"]
    if executor.migration_plan(targets):
        yield Finding(
            verdict=Verdict.BAD,
            subject="database",
            found="The tables of bundle_app are not up to date.",
            advice="Run: manage.py migrate",
        )
    else:
        yield Finding(verdict=Verdict.GOOD, subject="database", found=f"{connection.vendor}, tables up to date.")


def _catalogue() -> Iterator[Finding]:
    keys: set[str] = set()
    sellable_count = 0
    for item in get_adapter().items():
        keys.add(item.key)
        sellable_count += item.sellable
    found = f"{len(keys):,} items, {sellable_count:,} of them can be sold."
    if sellable_count >= 2:
        yield Finding(verdict=Verdict.GOOD, subject="catalogue", found=found)
        yield from _gone_products(keys)
        return
    advice = "A bundle needs two. Check MAP['item'], MAP['item_filter'] and the paths 'price', 'sellable' and 'stock'."
    yield Finding(verdict=Verdict.BAD, subject="catalogue", found=found, advice=advice)


def _gone_products(keys: set[str]) -> Iterator[Finding]:
    """Bundles of products that the shop has no more. They are not shown; nobody has to do anything."""
    active = BundlePart.objects.filter(bundle__status=Bundle.Status.ACTIVE)
    held = active.order_by("item_key").values_list("item_key", flat=True).distinct()
    gone = [key for key in held if key not in keys]
    if gone:
        yield Finding(
            verdict=Verdict.WARNING,
            subject="bundles",
            found=f"{len(gone):,} products that active bundles hold are not in the catalogue, such as {gone[0]!r}.",
            advice="Their bundles are not shown. If there are many, check MAP['item_filter'] and MAP['item_key'].",
        )


def _orders() -> Iterator[Finding]:
    line_count = get_adapter().order_lines().count()
    found = f"{line_count:,} order lines."
    if line_count >= ENOUGH_ORDER_LINES:
        yield Finding(verdict=Verdict.GOOD, subject="orders", found=found)
        return
    advice = "Few to learn from: bundles follow popularity and categories until there are more."
    if not line_count:
        advice += " If the shop has sold before, check MAP['order_line'] and the database alias it is routed to."
    yield Finding(verdict=Verdict.WARNING, subject="orders", found=found, advice=advice)


def _libraries() -> Iterator[Finding]:
    if missing := engine.missing_libraries():
        yield Finding(
            verdict=Verdict.WARNING,
            subject="training libraries",
            found=f"{', '.join(missing)}: not installed here.",
            advice="Right for a web server. On the worker run: pip install 'django-product-bundles[train]'",
        )
    else:
        yield Finding(verdict=Verdict.GOOD, subject="training libraries", found="installed.")


def _broker() -> Iterator[Finding]:
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0, timeout=BROKER_TIMEOUT_SECONDS)
            found = f"{connection.transport_cls} answers; tasks go to the queue {conf.load().queue!r}."
    except Exception as error:  # noqa: BLE001  (every transport raises kinds of its own)
        advice = "Start the broker or correct CELERY_BROKER_URL. Without Celery, train by: manage.py bundles_train"
        verdict = Verdict.BAD if current_app.conf.broker_url else Verdict.WARNING  # A shop may do without Celery.
        yield Finding(verdict=verdict, subject="broker", found=f"cannot be reached: {error}", advice=advice)
        return
    yield Finding(verdict=Verdict.GOOD, subject="broker", found=found)


def _runs() -> Iterator[Finding]:
    last = TrainingRun.objects.first()
    if last is None:
        yield Finding(
            verdict=Verdict.WARNING,
            subject="training runs",
            found="none yet.",
            advice="Run: manage.py bundles_train",
        )
        return
    if last.status == TrainingRun.Status.RUNNING and leases.is_stale(last, at=timezone.now()):
        advice = "Its worker was killed. Start a new run: it takes over and goes on from the last checkpoint."
        yield Finding(verdict=Verdict.WARNING, subject="training runs", found=f"{last} is silent.", advice=advice)
        return
    if last.status == TrainingRun.Status.QUEUED and timezone.now() - last.created_at > timedelta(minutes=5):
        advice = f"Is a worker listening? celery -A yourproject worker -Q {conf.load().queue}"
        yield Finding(verdict=Verdict.WARNING, subject="training runs", found=f"{last} waits.", advice=advice)
        return
    verdict = Verdict.BAD if last.status == TrainingRun.Status.FAILED else Verdict.GOOD
    found = f"{last}: {last.get_status_display()}. {last.error}".strip()
    yield Finding(verdict=verdict, subject="training runs", found=found)


def _live_model() -> Iterator[Finding]:
    live = ModelVersion.objects.live().first()
    if live is None:
        advice = "Widgets show bundles made by hand alone. Run: manage.py bundles_train"
        yield Finding(verdict=Verdict.WARNING, subject="live model", found="none.", advice=advice)
        return
    on_offer = Bundle.objects.on_offer().filter(scores__model_version=live).distinct().count()
    yield Finding(
        verdict=Verdict.GOOD if on_offer else Verdict.BAD,
        subject="live model",
        found=f"{live} from {live.published_at:%Y-%m-%d %H:%M}, {on_offer:,} bundles on offer.",
        advice="" if on_offer else "All its bundles are drafts, paused or rejected: activate some in admin.",
    )
    with artefacts.fetched(live.artefact) as folder:
        engine.verified_manifest(folder)
    yield Finding(verdict=Verdict.GOOD, subject="model files", found="complete and unchanged.")
