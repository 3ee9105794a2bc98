"""Bundles that go live by themselves: from which thresholds on, and with an entry in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bundle_app import activating, conf, maintenance, publishing
from bundle_app.models import Bundle, BundlePart, Decision, composition_hash
from tests.bundle_app.test_publishing import make_version
from tests.worlds import make_candidate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tutorial_shop")]


def activate_from(settings: Any, **thresholds: Any) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "AUTO_ACTIVATE": thresholds}


def statuses() -> dict[str, str]:
    return {"+".join(one.quantities()): one.status for one in Bundle.objects.prefetch_related("parts")}


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ({}, ["active", "active", "active"]),
        ({"min_score": 0.5}, ["active", "review", "active"]),
        ({"min_support": 15}, ["active", "active", "review"]),
        ({"kinds": ["pair"]}, ["active", "active", "review"]),
        ({"min_score": 0.5, "min_support": 15, "kinds": ["set"]}, ["review", "review", "review"]),
    ],
)
def test_what_reaches_all_thresholds_begins_as_active_and_the_rest_waits_in_review(
    tmp_path: Path, settings: Any, thresholds: dict[str, Any], expected: list[str]
) -> None:
    activate_from(settings, **thresholds)
    make_version(
        tmp_path,
        [
            make_candidate("1", ["1", "2"], score=0.5, support=15),
            make_candidate("1", ["1", "3"], rank=2, score=0.49, support=99),
            make_candidate("1", ["1", "2", "3"], rank=3, score=0.9, support=14),
        ],
    )
    assert statuses() == dict(zip(["1+2", "1+3", "1+2+3"], expected, strict=True))


def test_the_log_tells_that_nobody_decided_and_which_version_did(tmp_path: Path) -> None:
    made = make_version(tmp_path, [make_candidate("1", ["1", "2"])])
    told = Decision.objects.get()
    assert (told.actor, told.action, told.version_id, told.subject) == ("", "activated", made.pk, "1 + 2")
    assert told.changes == {"status": ["", "active"]}
    assert Bundle.objects.get().decided_at is None, "nobody has decided"


def test_what_waits_goes_live_with_the_version_in_which_it_reaches_the_thresholds(
    tmp_path: Path, settings: Any
) -> None:
    activate_from(settings, min_score=0.8)
    publishing.go_live(make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.5)]).pk)
    assert statuses() == {"1+2": "review"}
    better = make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.85)], name="two")
    assert statuses() == {"1+2": "review"}, "not before its version is live"

    publishing.go_live(better.pk)

    assert statuses() == {"1+2": "active"}
    told = Decision.objects.get()
    assert (told.actor, told.version_id, told.changes) == ("", better.pk, {"status": ["review", "active"]})


def test_going_live_again_says_nothing_twice(tmp_path: Path) -> None:
    first = make_version(tmp_path, [make_candidate("1", ["1", "2"])])
    publishing.go_live(first.pk)
    publishing.go_live(make_version(tmp_path, [make_candidate("1", ["1", "2"])], name="two").pk)
    publishing.roll_back()
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("status", ["draft", "review", "paused", "rejected"])
def test_what_somebody_decided_about_is_never_activated(tmp_path: Path, settings: Any, status: str) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "AUTO_ACTIVATE": False}
    made = make_version(tmp_path, [make_candidate("1", ["1", "2"])])
    Bundle.objects.update(status=status, decided_at=timezone.now())
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "AUTO_ACTIVATE": True}
    publishing.go_live(made.pk)
    assert statuses() == {"1+2": status}


@pytest.mark.parametrize("status", ["draft", "review", "active", "paused", "rejected"])
def test_a_bundle_made_by_hand_keeps_its_status_through_all_models_and_clearing_up(
    tmp_path: Path, settings: Any, status: str
) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "KEEP_VERSIONS": 1}
    made = Bundle.objects.create(composition_hash=composition_hash({"1": 1, "2": 1}), source="manual", status=status)
    BundlePart.objects.bulk_create(BundlePart(bundle=made, item_key=key) for key in "12")
    for name, keys in (("one", ["1", "2"]), ("two", ["2", "3"]), ("three", ["3", "4"])):
        publishing.go_live(make_version(tmp_path, [make_candidate(keys[0], keys, score=0.99)], name=name).pk)
        publishing.prune()
    made.refresh_from_db()
    assert (made.status, made.source, made.parts.count()) == (status, "manual", 2)
    assert not Decision.objects.about(made).exists()


def test_lowered_thresholds_count_at_the_next_sweep(tmp_path: Path, settings: Any) -> None:
    activate_from(settings, min_score=0.8)
    publishing.go_live(make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.5)]).pk)
    assert maintenance.sweep()["bundles_activated"] == 0
    activate_from(settings, min_score=0.4)
    assert maintenance.sweep()["bundles_activated"] == 1
    assert statuses() == {"1+2": "active"}
    assert maintenance.sweep()["bundles_activated"] == 0
    assert Decision.objects.count() == 1


def test_without_a_live_version_nothing_is_activated(tmp_path: Path, settings: Any) -> None:
    activate_from(settings, min_score=0.8)
    make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.5)])
    activate_from(settings)
    assert activating.activate_waiting() == 0


def test_what_a_person_decides_at_the_same_moment_is_left_to_the_person(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate_from(settings, min_score=0.8)
    publishing.go_live(make_version(tmp_path, [make_candidate("1", ["1", "2"], score=0.5)]).pk)
    activate_from(settings)
    admits = conf.AutoActivation.admits

    def decided_meanwhile(thresholds: conf.AutoActivation, **facts: Any) -> bool:
        Bundle.objects.update(status="rejected", decided_at=timezone.now())
        return admits(thresholds, **facts)

    monkeypatch.setattr(conf.AutoActivation, "admits", decided_meanwhile)
    assert activating.activate_waiting() == 0
    assert statuses() == {"1+2": "rejected"}


def test_thresholds_are_read_from_the_settings(settings: Any) -> None:
    activate_from(settings, min_score=0.25, min_support=10, kinds=("pair",))
    found = conf.load().auto_activate
    assert found == conf.AutoActivation(min_score=0.25, min_support=10, kinds=("pair",))
