"""What `kill -9` does to a night of learning from clicks: at any moment exactly one policy is live."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bundle_app.models import ArmQuality, PolicyVersion
from bundle_app.policy import learning
from tests.bundle_app.events.worlds import database_url
from tests.bundle_app.policy.worlds import EXPLORATION, log, second_is_best, shop
from tests.bundle_app.tutorial_shop import TUTORIAL

ROOT = Path(__file__).resolve().parents[2]
KILLS = 6

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

NIGHTS = f"""
import django
django.setup()
from django.conf import settings
settings.BUNDLE_APP = {{**{TUTORIAL!r}, "EXPLORATION_RATIO": {EXPLORATION}, "REWARDS": {{"click": 1}}}}
from django.utils import timezone
from bundle_app.models import PolicyVersion
from bundle_app.policy import learning
print("begun", flush=True)
while True:
    learning.learn()
    learning.watch()
    live = PolicyVersion.objects.live().get()
    former = PolicyVersion.objects.filter(state="replaced").order_by("-ended_at").first()
    if former is not None:
        learning.take_back(live, now=timezone.now(), by=None, reason="")
"""


def test_whenever_a_night_is_killed_exactly_one_policy_is_live(settings: Any) -> None:
    """Update, promotion and roll-back follow each other in one process, which is killed at six moments."""
    settings.BUNDLE_APP = {**TUTORIAL, "EXPLORATION_RATIO": EXPLORATION, "REWARDS": {"click": 1}}
    log(shop(), 3000, second_is_best, before=timezone.now())
    first = learning.learn()
    assert first is not None
    assert PolicyVersion.objects.live().get() == first
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}

    for number in range(KILLS):
        night = subprocess.Popen(
            [sys.executable, "-c", NIGHTS], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert night.stdout is not None
        assert night.stdout.readline() == "begun\n"
        time.sleep(0.15 + 0.4 * number)
        assert night.poll() is None
        night.kill()
        night.wait()
        night.stdout.close()

        live = PolicyVersion.objects.live().get()
        assert live.qualities.exists()
        assert live.live_at is not None
        assert live.decision["code"] == "better"
    latest = learning.learn()
    assert latest is not None
    assert PolicyVersion.objects.live().count() == 1
    forgotten = ArmQuality.objects.filter(policy__state__in=["refused", "rolled_back"]).exclude(policy=latest)
    assert not forgotten.exists(), "what killed nights left behind goes with the next one"
