"""Making a model version live, going back to an earlier one, and forgetting the oldest.

The flip is one short transaction: readers see the old version or the new one, never a mix. What takes long, writing the
scores, has happened beside the live version by then (`loading.py`), and a process that is killed at any moment leaves
the old version live. Whoever writes scores holds the training lease, so that two writers never meet.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import activating, artefacts, conf, engine, leases, loading
from bundle_app.exceptions import CannotPublish
from bundle_app.leases import Lease
from bundle_app.models import Arm, Bundle, Experiment, ModelVersion, TrainingRun


def publish(version_id: int) -> ModelVersion:
    """Make a version live, reading its scores anew from the stored artefact where a killed run left them half written.

    Raises:
        CannotPublish: there is no such version, or it was pruned.
        AlreadyTraining: a run is under way; it may be writing these very scores.
        ArtefactRejected: its files are missing, damaged or foreign; what was live stays live.
    """
    version = _get(version_id)
    if version.state != ModelVersion.State.LOADING:
        return go_live(version_id)
    run = TrainingRun.objects.create(stage=TrainingRun.Stage.PUBLISH)
    with leases.held(run.pk) as lease, artefacts.fetched(version.artefact) as folder:
        engine.verified_manifest(folder)
        loading.load_scores(version, folder, lease=lease)
        published = go_live(version_id, lease=lease)
        leases.succeed(lease, {"bundles_published": published.bundle_count})
    return published


def roll_back() -> ModelVersion:
    """Make the version live that was live before.

    Raises:
        CannotPublish: there is none.
    """
    ready = ModelVersion.objects.filter(state=ModelVersion.State.READY, published_at__isnull=False)
    live = ModelVersion.objects.live().first()
    if live is not None:
        ready = ready.filter(pk__lt=live.pk)
    previous = ready.order_by("-pk").first()
    if previous is None:
        raise CannotPublish(_("There is no earlier model version to roll back to; the live one stays live."))
    return go_live(previous.pk)


def go_live(version_id: int, *, lease: Lease | None = None) -> ModelVersion:
    """Flip which version is live; then activate what waits and reaches the thresholds in it. A trainer passes its lease
    and fails if it has lost it.

    Raises:
        CannotPublish: the version does not exist, or its scores are not complete.
        LeaseLost: another trainer took over.
    """
    with transaction.atomic():
        if lease is not None:
            lease.guard()
        states = [ModelVersion.State.LIVE, ModelVersion.State.READY]
        candidates = {version.pk: version for version in ModelVersion.objects.for_update().filter(state__in=states)}
        chosen = candidates.get(version_id)
        if chosen is None:
            version = _get(version_id)
            raise CannotPublish(_reason_against(version))
        if chosen.state != ModelVersion.State.LIVE:
            ModelVersion.objects.live().update(state=ModelVersion.State.READY)
            chosen.state = ModelVersion.State.LIVE
            chosen.published_at = timezone.now()
            chosen.save(update_fields=["state", "published_at"])
    activating.activate_waiting()
    return chosen


def _get(version_id: int) -> ModelVersion:
    version = ModelVersion.objects.filter(pk=version_id).first()
    if version is None:
        known = ", ".join(str(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)[:10])
        raise CannotPublish(
            _("There is no model version %(number)s. Known versions: %(known)s.")
            % {"number": version_id, "known": known or "–"}
        )
    return version


def _reason_against(version: ModelVersion) -> str:
    if version.state == ModelVersion.State.PRUNED:
        return _("%(version)s was pruned: its scores and files are gone. Train a new one: manage.py bundles_train") % {
            "version": version
        }
    return _(
        "%(version)s is not complete: its scores are not in the database. "
        "Run `manage.py bundles_publish %(number)s`, which writes them first."
    ) % {"version": version, "number": version.pk}


def prune() -> int:
    """Drop scores and files of versions beyond `keep_versions`, and bundles that nothing holds any more.

    Versions that an experiment shows, or is about to, are kept beside these.
    A bundle goes only if no merchandiser ever decided about it, no kept version scores it and nobody ever bought it.
    Returns how many went.
    While a run is under way, nothing goes: it may be about to score a bundle that no version scores yet.
    """
    if TrainingRun.objects.filter(status=TrainingRun.Status.RUNNING).exists():
        return 0
    in_experiments = Arm.objects.filter(experiment__state__in=[Experiment.State.DRAFT, Experiment.State.RUNNING])
    complete = ModelVersion.objects.filter(state=ModelVersion.State.READY).order_by("-pk")
    complete = complete.exclude(pk__in=in_experiments.exclude(model_version=None).values("model_version"))
    for version in complete[max(conf.load().keep_versions - 1, 0) :]:
        with transaction.atomic():
            if not ModelVersion.objects.filter(pk=version.pk, state=ModelVersion.State.READY).update(
                state=ModelVersion.State.PRUNED
            ):
                continue
            version.scores.all().delete()
    kept = ModelVersion.objects.exclude(state=ModelVersion.State.PRUNED)
    artefacts.keep_only(kept.values_list("artefact", flat=True))
    _rows, rows_by_model = Bundle.objects.undecided().filter(scores__isnull=True, redemptions__isnull=True).delete()
    return rows_by_model.get(Bundle._meta.label, 0)
