from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bundle_app import artefacts, leases, loading, publishing
from bundle_app.exceptions import AlreadyTraining, ArtefactRejected, CannotPublish, LeaseLost
from bundle_app.models import Arm, Bundle, BundlePart, Experiment, ModelVersion, Score, TrainingRun
from bundle_app.models.score import context_key
from bundle_ml.artefact import Candidate, read_manifest
from tests.worlds import make_artefact, make_candidate, make_products

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def make_version(folder: Path, candidates: Sequence[Candidate], *, name: str = "one") -> ModelVersion:
    """A version as a training run leaves it: stored and loaded, not yet live."""
    made = make_artefact(folder / name, candidates)
    stored_as = artefacts.name_for(hashlib.sha256(name.encode()).hexdigest(), 1)
    artefacts.save(made, stored_as)
    with leases.held(TrainingRun.objects.create().pk) as lease:
        version = loading.create_version(lease, read_manifest(made), stored_as)
        loading.load_scores(version, made, lease=lease)
        leases.succeed(lease, {})
    return version


def stored(folder: Path, version: ModelVersion) -> Path:
    return folder / "artefacts" / version.artefact


def live_number() -> int:
    return ModelVersion.objects.live().get().pk


def test_candidates_become_bundles_with_parts_and_scores(tmp_path: Path) -> None:
    first, second, third = (str(product.pk) for product in make_products(3))

    version = make_version(tmp_path, [make_candidate(first, [first, second, third], score=0.75)])

    score = Score.objects.get()
    assert (score.model_version, score.anchor_key, score.rank, score.score) == (version, first, 1, 0.75)
    assert score.evidence["support"] == 20
    bundle = score.bundle
    assert (bundle.kind, bundle.source, bundle.status) == ("set", "generated", "active")
    assert [(part.item_key, part.title) for part in bundle.parts.all()] == [
        (first, "Thing 1"),
        (second, "Thing 2"),
        (third, "Thing 3"),
    ]
    assert version.bundle_count == 1
    assert version.data_from is not None


def test_books_films_and_music_are_a_kind_of_their_own(tmp_path: Path, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "DISCOUNT_PERCENT": {"pair": 5, "content": 8}}
    book, film = (str(product.pk) for product in make_products(2))

    make_version(tmp_path, [replace(make_candidate(book, [book, film]), kind="content")])

    bundle = Bundle.objects.get()
    assert (bundle.kind, bundle.get_kind_display()) == ("content", "Books, films and music")
    assert bundle.discount_percent == 8


def test_two_items_are_a_pair_and_each_kind_starts_with_its_discount(tmp_path: Path, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "DISCOUNT_PERCENT": {"pair": 5, "set": 12}}

    make_version(tmp_path, [make_candidate("1", ["1", "2"]), make_candidate("1", ["1", "2", "3"], rank=2)])

    assert sorted(Bundle.objects.values_list("kind", "discount_percent")) == [
        ("pair", Decimal(5)),
        ("set", Decimal(12)),
    ]


def test_what_is_composed_for_a_context_is_scored_for_that_and_personal_where_no_anchor_has_it(tmp_path: Path) -> None:
    one, other, third, fourth = (str(product.pk) for product in make_products(4))
    of_anchor = make_candidate(one, [one, other, third])
    known = replace(make_candidate(one, [one, other, third], context=(one, other)), kind="personal")
    new = replace(make_candidate(one, [one, fourth, other], context=(one, fourth)), kind="personal")

    make_version(tmp_path, [of_anchor, known, new])

    kinds = {frozenset(bundle.quantities()): bundle.kind for bundle in Bundle.objects.prefetch_related("parts")}
    assert kinds == {frozenset({one, other, third}): "set", frozenset({one, other, fourth}): "personal"}
    scores = Score.objects.order_by("pk")
    assert [each.anchor_key for each in scores] == [one, context_key([other, one]), context_key([fourth, one])]
    assert [each.context for each in scores] == [(), (one, other), (one, fourth)]


def test_in_a_cautious_shop_new_bundles_wait_in_review(tmp_path: Path, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "AUTO_ACTIVATE": False}

    make_version(tmp_path, [make_candidate("1", ["1", "2"])])

    assert Bundle.objects.get().status == "review"


def test_one_bundle_serves_all_its_anchors(tmp_path: Path) -> None:
    make_version(
        tmp_path, [make_candidate("1", ["1", "2"]), make_candidate("2", ["2", "1"]), make_candidate("", ["2", "1"])]
    )

    assert Bundle.objects.count() == 1
    assert sorted(Score.objects.values_list("anchor_key", flat=True)) == ["", "1", "2"]


def test_what_a_merchandiser_decided_survives_retraining(tmp_path: Path) -> None:
    make_version(tmp_path, [make_candidate("1", ["1", "2"])])
    Bundle.objects.update(status="rejected", title="Never", discount_percent=33)

    make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.99)], name="two")

    bundle = Bundle.objects.get()
    assert (bundle.status, bundle.title, bundle.discount_percent) == ("rejected", "Never", Decimal(33))
    assert bundle.scores.count() == 2


def test_a_bundle_made_by_hand_is_scored_and_stays_made_by_hand(tmp_path: Path) -> None:
    from bundle_app.models import composition_hash

    bundle = Bundle.objects.create(composition_hash=composition_hash({"1": 1, "2": 1}), source="manual")
    BundlePart.objects.bulk_create(BundlePart(bundle=bundle, item_key=key) for key in "12")

    make_version(tmp_path, [make_candidate("1", ["1", "2"])])

    bundle.refresh_from_db()
    assert (bundle.source, bundle.parts.count(), bundle.scores.count()) == ("manual", 2, 1)


def test_going_live_replaces_the_version_that_was_live(tmp_path: Path) -> None:
    first, second = make_version(tmp_path, []), make_version(tmp_path, [], name="two")
    publishing.go_live(first.pk)

    publishing.go_live(second.pk)

    first.refresh_from_db()
    assert (live_number(), first.state) == (second.pk, "ready")


def test_going_live_twice_is_going_live_once(tmp_path: Path) -> None:
    version = make_version(tmp_path, [])
    published_at = publishing.go_live(version.pk).published_at

    assert publishing.go_live(version.pk).published_at == published_at


def test_a_version_still_loading_cannot_go_live(tmp_path: Path) -> None:
    publishing.go_live(make_version(tmp_path, []).pk)
    half = ModelVersion.objects.create()

    with pytest.raises(CannotPublish, match=rf"Model {half.pk} is not complete: .* bundles_publish {half.pk}"):
        publishing.go_live(half.pk)

    assert live_number() != half.pk


def test_a_version_that_a_trainer_is_loading_is_left_to_it(tmp_path: Path) -> None:
    version = make_version(tmp_path, [make_candidate("1", ["1", "2"])])
    ModelVersion.objects.update(state="loading")
    leases.acquire(TrainingRun.objects.create().pk)

    with pytest.raises(AlreadyTraining, match="is under way"):
        publishing.publish(version.pk)

    assert version.scores.count() == 1


def test_a_pruned_version_says_that_it_is_gone(tmp_path: Path) -> None:
    version = make_version(tmp_path, [])
    ModelVersion.objects.update(state="pruned")

    with pytest.raises(CannotPublish, match=rf"Model {version.pk} was pruned: its scores and files are gone"):
        publishing.publish(version.pk)


def test_an_unknown_version_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    version = make_version(tmp_path, [])

    with pytest.raises(CannotPublish, match=rf"no model version 999999. Known versions: {version.pk}"):
        publishing.publish(999999)


def test_rolling_back_goes_to_the_version_before(tmp_path: Path) -> None:
    versions = [make_version(tmp_path, [], name=name) for name in ("one", "two", "three")]
    for version in versions:
        publishing.go_live(version.pk)

    assert publishing.roll_back().pk == versions[1].pk
    assert publishing.roll_back().pk == versions[0].pk
    with pytest.raises(CannotPublish, match="no earlier model version"):
        publishing.roll_back()
    assert live_number() == versions[0].pk


def test_a_version_that_was_never_live_is_not_rolled_back_to(tmp_path: Path) -> None:
    make_version(tmp_path, [])
    publishing.go_live(make_version(tmp_path, [], name="two").pk)

    with pytest.raises(CannotPublish):
        publishing.roll_back()


def test_publishing_a_half_written_version_writes_it_anew(tmp_path: Path) -> None:
    version = make_version(tmp_path, [make_candidate("1", ["1", "2"]), make_candidate("2", ["2", "1"])])
    version.scores.filter(anchor_key="2").delete()
    ModelVersion.objects.update(state="loading")

    publishing.publish(version.pk)

    assert live_number() == version.pk
    assert version.scores.count() == 2


@pytest.mark.parametrize("name", ["candidates.jsonl", "model.safetensors", "manifest.json"])
def test_a_damaged_model_is_refused_and_the_live_one_stays(tmp_path: Path, name: str) -> None:
    publishing.go_live(make_version(tmp_path, []).pk)
    live = live_number()
    version = make_version(tmp_path, [make_candidate("1", ["1", "2"])], name="two")
    ModelVersion.objects.filter(pk=version.pk).update(state="loading")
    file = stored(tmp_path, version) / name
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)

    with pytest.raises(ArtefactRejected, match=r"what was live stays live"):
        publishing.publish(version.pk)

    assert live_number() == live


def test_a_trainer_that_lost_its_lease_publishes_nothing(tmp_path: Path) -> None:
    publishing.go_live(make_version(tmp_path, []).pk)
    live = live_number()
    late = make_version(tmp_path, [], name="two")
    run = TrainingRun.objects.create()
    lease = leases.acquire(run.pk)
    TrainingRun.objects.filter(pk=run.pk).update(fencing=lease.fencing + 1)

    with pytest.raises(LeaseLost):
        publishing.go_live(late.pk, lease=lease)

    assert live_number() == live


def test_old_versions_are_pruned_with_their_files_and_can_come_back_only_from_them(
    tmp_path: Path, settings: Any
) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "KEEP_VERSIONS": 2}
    names = ["one", "two", "three", "four"]
    for number, name in enumerate(names):
        version = make_version(tmp_path, [make_candidate("1", ["1", f"9{number}"])], name=name)
        publishing.go_live(version.pk)

    forgotten = publishing.prune()

    assert forgotten == 2
    assert list(ModelVersion.objects.order_by("pk").values_list("state", flat=True)) == [
        "pruned",
        "pruned",
        "ready",
        "live",
    ]
    assert sorted(Bundle.objects.values_list("parts__item_key", flat=True)) == ["1", "1", "92", "93"]
    kept = ModelVersion.objects.exclude(state="pruned").values_list("artefact", flat=True)
    assert {path.name for path in (tmp_path / "artefacts").iterdir()} == set(kept)
    assert publishing.prune() == 0


def test_nothing_is_pruned_while_a_run_may_be_scoring_it(tmp_path: Path) -> None:
    Bundle.objects.create(composition_hash="fresh", source="generated")
    leases.acquire(TrainingRun.objects.create().pk)

    assert publishing.prune() == 0
    assert Bundle.objects.exists()


def test_pruning_spares_what_somebody_decided_about(tmp_path: Path, settings: Any) -> None:
    from django.utils import timezone

    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "KEEP_VERSIONS": 1}
    publishing.go_live(make_version(tmp_path, [make_candidate("1", ["1", "2"])]).pk)
    Bundle.objects.update(status="paused", decided_at=timezone.now())
    publishing.go_live(make_version(tmp_path, [], name="two").pk)

    publishing.prune()

    assert Bundle.objects.get().status == "paused"


def test_what_an_interrupted_run_left_is_cleared_by_its_next_try(tmp_path: Path) -> None:
    lease = leases.acquire(TrainingRun.objects.create().pk)
    manifest = read_manifest(make_artefact(tmp_path / "made", []))
    loading.create_version(lease, manifest, "one")

    second = loading.create_version(lease, manifest, "two")

    assert list(ModelVersion.objects.all()) == [second]


def test_a_version_that_was_live_once_is_not_cleared_away_while_it_is_loaded_again(tmp_path: Path) -> None:
    version = make_version(tmp_path, [])
    publishing.go_live(version.pk)
    ModelVersion.objects.update(state="loading")

    make_version(tmp_path, [], name="two")

    assert ModelVersion.objects.filter(pk=version.pk).exists()


def test_a_trainer_that_lost_its_lease_writes_no_version_and_no_score(tmp_path: Path) -> None:
    made = make_artefact(tmp_path / "made", [make_candidate("1", ["1", "2"])])
    run = TrainingRun.objects.create()
    lease = leases.acquire(run.pk)
    version = loading.create_version(lease, read_manifest(made), "one")
    TrainingRun.objects.filter(pk=run.pk).update(fencing=lease.fencing + 1)

    with pytest.raises(LeaseLost):
        loading.create_version(lease, read_manifest(made), "two")
    with pytest.raises(LeaseLost):
        loading.load_scores(version, made, lease=lease)

    assert list(ModelVersion.objects.all()) == [version]
    assert not Score.objects.exists()


def test_publishing_many_bundles_takes_a_bounded_number_of_queries(
    tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    candidates = [make_candidate(str(number), [str(number), str(number + 1)]) for number in range(1500)]

    with django_assert_max_num_queries(40):
        make_version(tmp_path, candidates)

    assert Bundle.objects.count() == 1500


def test_parts_know_their_category_and_follow_when_a_product_moves(tmp_path: Path) -> None:
    first, second = make_products(2)
    keys = [str(first.pk), str(second.pk)]
    by_hand = Bundle.objects.create(composition_hash="by hand", source="manual")
    BundlePart.objects.create(bundle=by_hand, item_key=keys[0], category="Elsewhere")

    make_version(tmp_path, [make_candidate(keys[0], keys)])

    assert set(BundlePart.objects.values_list("category", flat=True)) == {"Things"}
    make_products(1, category="Toys")
    type(first).objects.filter(pk=first.pk).update(category=first.category.__class__.objects.get(name="Toys"))

    make_version(tmp_path, [make_candidate(keys[0], keys)], name="two")

    assert set(BundlePart.objects.values_list("item_key", "category")) == {(keys[0], "Toys"), (keys[1], "Things")}


def test_a_version_that_an_experiment_shows_is_not_pruned(tmp_path: Path, settings: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "KEEP_VERSIONS": 1}
    first, second = (str(product.pk) for product in make_products(2))
    old, shown, live = (
        make_version(tmp_path, [make_candidate(first, [first, second])], name=name) for name in ("old", "shown", "live")
    )
    publishing.go_live(live.pk)
    trial = Experiment.objects.create(name="Trial", kind="model", metric="conversion")
    Arm.objects.create(experiment=trial, name="Shown", model_version=shown)

    publishing.prune()

    assert [version.state for version in ModelVersion.objects.order_by("pk")] == ["pruned", "ready", "live"]
    assert stored(tmp_path, shown).exists()
    assert not stored(tmp_path, old).exists()
