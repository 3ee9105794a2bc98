"""From an artefact to rows: a new version's bundles and scores, written beside the live version.

Batches stand or fall as a whole, each under the training lease. A bundle that exists keeps its status, title, discount
and pin: only scores are new. A new one is active where it reaches the thresholds of AUTO_ACTIVATE, which the log of
decisions tells, and waits in review where it does not. A version is LOADING until its last batch is in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from bundle_app import activating, conf, engine
from bundle_app.leases import Lease
from bundle_app.models import Bundle, BundlePart, ModelVersion, Score, composition_hash
from bundle_app.models.score import context_key
from bundle_app.shop import get_adapter

if TYPE_CHECKING:
    from bundle_app.engine import Candidate, Manifest
    from bundle_app.shop import CatalogueItem

BATCH = 2000
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Copied:
    """What parts keep of a product."""

    title: str = ""
    category: str = ""


UNKNOWN = Copied()


def create_version(lease: Lease, manifest: Manifest, artefact: str) -> ModelVersion:
    """The row of a new version, not yet complete. What interrupted runs left, this one's first try too, goes.

    Raises:
        LeaseLost: another trainer took over.
    """
    with transaction.atomic():
        lease.guard()
        never_live = ModelVersion.objects.filter(published_at__isnull=True)
        never_live.filter(state=ModelVersion.State.LOADING).delete()
        never_live.filter(training_run_id=lease.run_id).delete()
        return _new_version(lease.run_id, manifest, artefact)


def _new_version(run_id: int, manifest: Manifest, artefact: str) -> ModelVersion:
    return ModelVersion.objects.create(
        training_run_id=run_id,
        fingerprint=manifest.fingerprint,
        artefact=artefact,
        rung=manifest.rung,
        metrics=manifest.metrics,
        settings=manifest.settings,
        data={**manifest.data, "coverage": manifest.coverage},
        history=manifest.history,
        data_from=_moment(manifest.data["first_ordered_at"]),
        data_until=_moment(manifest.data["last_ordered_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    moment = parse_datetime(text) if text else None
    if moment is None or timezone.is_aware(moment) is settings.USE_TZ:
        return moment
    return timezone.make_aware(moment) if settings.USE_TZ else timezone.make_naive(moment)


def load_scores(
    version: ModelVersion,
    folder: Path,
    *,
    lease: Lease,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> None:
    """Write a version's bundles and scores; any that it had are replaced. Ends in state READY.

    `on_progress` is told how many candidates have been written.

    Raises:
        LeaseLost: another trainer took over.
    """
    version.scores.all().delete()
    catalogue = _copied(get_adapter().items())
    _renew_categories(catalogue, lease=lease)
    written = 0
    for batch in _batches(engine.candidates(folder)):
        with transaction.atomic():
            lease.guard()
            ids = _bundle_ids(version, batch, catalogue)
            Score.objects.bulk_create(_scores(version, batch, ids), batch_size=1000)
        written += len(batch)
        on_progress(written)
    with transaction.atomic():
        lease.guard()
        version.bundle_count = version.scores.values("bundle").distinct().count()
        version.state = ModelVersion.State.READY
        version.save(update_fields=["bundle_count", "state"])


def _copied(items: Iterable[CatalogueItem]) -> dict[str, Copied]:
    categories: dict[str, str] = {}  # One string a category, however many products it has.
    return {
        item.key: Copied(
            title=item.title[:LONGEST_TEXT],
            category=categories.setdefault(item.category or "", (item.category or "")[:LONGEST_TEXT]),
        )
        for item in items
    }


def _renew_categories(catalogue: Mapping[str, Copied], *, lease: Lease) -> None:
    """Products move between categories; the parts of all bundles, also of those made by hand, follow."""
    kept = BundlePart.objects.order_by().values_list("item_key", "category").distinct()
    moved: dict[str, list[str]] = {}
    for key, category in kept.iterator(chunk_size=BATCH):
        known = catalogue.get(key)
        if known is not None and known.category != category:
            moved.setdefault(known.category, []).append(key)
    for category, keys in moved.items():
        for start in range(0, len(keys), BATCH):
            with transaction.atomic():
                lease.guard()
                BundlePart.objects.filter(item_key__in=keys[start : start + BATCH]).update(category=category)


def _batches(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    iterator = iter(candidates)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _scores(version: ModelVersion, batch: list[Candidate], ids: Mapping[str, int]) -> Iterator[Score]:
    for candidate in batch:
        yield Score(
            model_version=version,
            anchor_key=context_key(candidate.evidence.context) if candidate.evidence.context else candidate.anchor,
            bundle_id=ids[composition_hash(dict(candidate.items))],
            score=candidate.score,
            rank=candidate.rank,
            rung=candidate.rung,
            evidence=asdict(candidate.evidence),
        )


def _bundle_ids(version: ModelVersion, batch: list[Candidate], catalogue: Mapping[str, Copied]) -> dict[str, int]:
    """Ids by composition hash; compositions never seen before become bundles with their parts.

    Conflicts are ignored: a merchandiser may make the same bundle by hand at this very moment.
    """
    by_hash: dict[str, Candidate] = {}
    for candidate in batch:  # The first says of what kind it is.
        by_hash.setdefault(composition_hash(dict(candidate.items)), candidate)
    known = _known_ids(by_hash)
    fresh = {digest: candidate for digest, candidate in by_hash.items() if digest not in known}
    thresholds = conf.load().auto_activate
    admitted = {composition_hash(dict(candidate.items)) for candidate in batch if _goes_live(candidate, thresholds)}
    Bundle.objects.bulk_create(
        [_new_bundle(*item, is_active=item[0] in admitted) for item in fresh.items()], ignore_conflicts=True
    )
    created = _known_ids(fresh)
    parts = [
        BundlePart(
            bundle_id=bundle_id,
            item_key=key,
            quantity=quantity,
            position=position,
            **asdict(catalogue.get(key, UNKNOWN)),
        )
        for digest, bundle_id in created.items()
        for position, (key, quantity) in enumerate(fresh[digest].items)
    ]
    BundlePart.objects.bulk_create(parts, ignore_conflicts=True)
    activating.record_new([created[digest] for digest in admitted & created.keys()], parts, version=version)
    return known | created


def _known_ids(digests: Collection[str]) -> dict[str, int]:
    return dict(Bundle.objects.filter(composition_hash__in=list(digests)).values_list("composition_hash", "pk"))


def _goes_live(candidate: Candidate, thresholds: conf.AutoActivation | None) -> bool:
    return thresholds is not None and thresholds.admits(
        kind=candidate.kind, score=candidate.score, support=candidate.evidence.support
    )


def _new_bundle(digest: str, candidate: Candidate, *, is_active: bool) -> Bundle:
    kind = Bundle.Kind(candidate.kind)
    return Bundle(
        composition_hash=digest,
        status=Bundle.Status.ACTIVE if is_active else Bundle.Status.REVIEW,
        kind=kind,
        source=Bundle.Source.GENERATED,
        discount_percent=conf.load().discount_percent.get(kind.value, 0),
    )
