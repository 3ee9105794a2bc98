"""What `kill -9` does to decisions about what shoppers see: before each write and each commit, one process dies.

At any moment one policy is live, one model version, one promoted arm of a kind; what the log says is what was done; and
whoever decides the same again gets it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bundle_app.models import ArmQuality, Decision, Event, Experiment, ModelVersion, PolicyVersion
from bundle_app.policy import learning
from tests.bundle_app.events.worlds import database_url
from tests.bundle_app.experiments.worlds import arms, experiment, run
from tests.bundle_app.policy.worlds import EXPLORATION, log, second_is_best, shop
from tests.bundle_app.tutorial_shop import TUTORIAL, bundle, products, version

ROOT = Path(__file__).resolve().parents[2]
MOST_STEPS = 60

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

Killed = Callable[[str], Iterator[None]]


@pytest.fixture
def killed() -> Iterator[Killed]:
    """Calls code again and again, each time killed a step later, until it gets to its end; yields after each death."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.kills"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    asks, answers = process.stdin, process.stdout

    def deaths(code: str) -> Iterator[None]:
        preface = f"from django.conf import settings\nsettings.BUNDLE_APP = {TUTORIAL!r}\n"
        for point in range(MOST_STEPS):
            asks.write(json.dumps({"code": preface + code, "point": point}) + "\n")
            asks.flush()
            status = int(answers.readline())
            assert status in {0, -signal.SIGKILL}
            if status == 0:
                assert point >= 2, "it was killed on its way"
                return
            yield
        raise AssertionError(f"More than {MOST_STEPS} steps.")

    yield deaths
    asks.close()
    process.wait()
    answers.close()


def policy(state: str, **fields: Any) -> PolicyVersion:
    """One that knows something of a bundle."""
    made = PolicyVersion.objects.create(
        state=state,
        beliefs={},
        rewards={"click": 1, "add": 0, "purchase": 0},
        learned_from=timezone.now(),
        learned_until=timezone.now(),
        impressions=1,
        **fields,
    )
    known = bundle(products(2))
    ArmQuality.objects.create(policy=made, anchor_key="1", bundle=known, quality=1.0, evidence=1.0)
    return made


@pytest.fixture
def policies() -> tuple[PolicyVersion, PolicyVersion]:
    """The one that was replaced, and the one that replaced it and earns nothing of what it promised."""
    now = timezone.now()
    former = policy("replaced", live_at=now - timedelta(days=20), ended_at=now - timedelta(days=9))
    promised = {"mean": 0.5, "low": 0.45, "high": 0.55}
    live = policy("live", live_at=now - timedelta(days=9), promised=promised)
    at = now - timedelta(days=3)
    Event.objects.bulk_create(
        Event(
            showing=number, kind="impression", bundle_id=1, anchor_key="1", placement="product", slot=1,
            policy_id=live.pk, propensity=0.5, subject=f"visitor {number}", shown_at=at, occurred_at=at, received_at=at,
        )
        for number in range(500)
    )  # fmt: skip
    return former, live


def test_a_better_policy_replaces_the_live_one_whole_or_not_at_all(killed: Killed, settings: Any) -> None:
    """The live one has forgotten what it knew of single bundles, so the night's is better."""
    learns = {**TUTORIAL, "EXPLORATION_RATIO": EXPLORATION, "REWARDS": {"click": 1}}
    settings.BUNDLE_APP = learns
    log(shop(), 3000, second_is_best, before=timezone.now())
    live = learning.learn()
    assert live is not None
    live.qualities.update(quality=1.0)
    night = f"settings.BUNDLE_APP = {learns!r}\nfrom bundle_app.policy import learning\nlearning.learn()"
    for _ in killed(night):
        assert PolicyVersion.objects.live().get() == live
        assert live.qualities.exists()
        assert Decision.objects.filter(action="activated").count() == 1
        assert set(PolicyVersion.objects.exclude(pk=live.pk).values_list("state", flat=True)) <= {"learned"}
    newest = PolicyVersion.objects.live().get()
    assert (newest.decision["code"], newest.qualities.exists()) == ("better", True)
    assert PolicyVersion.objects.get(pk=live.pk).state == "replaced"


@pytest.mark.parametrize(
    "code",
    [
        "from bundle_app.policy import learning\nassert learning.watch() is not None",
        "from django.utils import timezone\nfrom bundle_app.models import PolicyVersion\n"
        "from bundle_app.policy import learning\n"
        "live = PolicyVersion.objects.live().get()\n"
        "learning.take_back(live, now=timezone.now(), by=None, reason='It sells socks.')",
    ],
    ids=["the nightly watch", "by hand"],
)
def test_a_policy_is_taken_back_whole_or_not_at_all(
    code: str, policies: tuple[PolicyVersion, PolicyVersion], killed: Killed
) -> None:
    former, live = policies
    for _ in killed(code):
        assert PolicyVersion.objects.live().get() == live
        assert live.qualities.exists()
        assert former.qualities.exists()
        assert not Decision.objects.exists()
    assert PolicyVersion.objects.live().get() == former
    assert PolicyVersion.objects.get(pk=live.pk).state == "rolled_back"
    assert former.qualities.exists()
    assert [(entry.action, entry.subject_id) for entry in Decision.objects.order_by("pk")] == [
        ("withdrawn", live.pk),
        ("activated", former.pk),
    ]


@pytest.mark.parametrize("code", ["publishing.go_live({former})", "publishing.roll_back()"])
def test_a_model_version_goes_live_or_the_one_before_stays(code: str, killed: Killed) -> None:
    former = version(live=False)
    ModelVersion.objects.update(published_at=timezone.now())
    live = version()
    for _ in killed("from bundle_app import publishing\n" + code.format(former=former.pk)):
        assert ModelVersion.objects.live().get() == live
    assert ModelVersion.objects.live().get() == former


def told(of: Experiment) -> list[str]:
    return list(Decision.objects.about(of).order_by("pk").values_list("action", flat=True))


def test_an_experiment_starts_and_stops_whole_or_not_at_all(killed: Killed) -> None:
    live, other = version(), version(live=False)
    made = experiment("model")
    control, _other = arms(made, other)
    for _ in killed(f"from bundle_app.experiments import deciding\ndeciding.start({made.pk}, by=None)"):
        made.refresh_from_db()
        control.refresh_from_db()
        assert (made.state, control.model_version, told(made)) == ("draft", None, [])
    control.refresh_from_db()
    assert control.model_version == live
    for _ in killed(f"from bundle_app.experiments import deciding\ndeciding.stop({made.pk}, by=None)"):
        made.refresh_from_db()
        assert (made.state, told(made)) == ("running", ["started"])
    made.refresh_from_db()
    assert (made.state, told(made)) == ("stopped", ["started", "stopped"])
    assert ModelVersion.objects.live().get() == live


def test_a_version_that_is_promoted_is_live_before_the_experiment_says_so(killed: Killed) -> None:
    live, other = version(), version(live=False)
    made = experiment("model")
    _control, arm = arms(made, other)
    run(made)
    seen = set()
    for _ in killed(f"from bundle_app.experiments import deciding\ndeciding.promote({arm.pk}, by=None)"):
        made.refresh_from_db()
        seen.add((made.state, ModelVersion.objects.live().get()))
        assert told(made) == []
    assert seen == {("running", live), ("running", other)}
    made.refresh_from_db()
    assert (made.state, made.decided_arm, told(made)) == ("promoted", arm, ["promoted"])
    assert ModelVersion.objects.live().get() == other


def test_of_two_arms_that_were_promoted_one_is_in_effect_at_any_moment(killed: Killed) -> None:
    first, second = experiment("template"), experiment("template")
    _control, arm = arms(first, "bundle_app/widget.html")
    _control, next_arm = arms(second, "bundle_app/product.html")
    promote = "from bundle_app.experiments import deciding\ndeciding.promote({}, by=None)"
    run(first)
    for _ in killed(promote.format(arm.pk)):
        assert not Experiment.objects.filter(is_in_effect=True).exists()
    run(second)
    for _ in killed(promote.format(next_arm.pk)):
        assert Experiment.objects.get(is_in_effect=True) == first
        assert (told(first), told(second)) == (["promoted"], [])
    assert Experiment.objects.get(is_in_effect=True) == second
    assert (told(first), told(second)) == (["promoted", "withdrawn"], ["promoted"])
