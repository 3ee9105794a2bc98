"""Policies in admin: what decided about each, and how the live one is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bundle_app.models import Decision, PolicyVersion

pytestmark = pytest.mark.django_db
LIST = "admin:bundle_app_policyversion_changelist"


def policy(state: str, *, code: str = "better", **fields: Any) -> PolicyVersion:
    now = timezone.now()
    given = {
        "beliefs": {},
        "rewards": {"click": 1.0, "add": 2.0},
        "learned_from": now,
        "learned_until": now,
        "impressions": 12_345,
        "live_at": now if state in {"live", "replaced", "rolled_back"} else None,
        "decision": {"code": code, "numbers": {"lead": 0.01, "lead_low": 0.004, "lead_high": 0.016, "effective_count": 912.3}},
        "promised": {"mean": 0.05, "low": 0.04, "high": 0.06},
        **fields,
    }  # fmt: skip
    return PolicyVersion.objects.create(state=state, **given)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", "boss@example.com", "secret"))
    return client


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        ("live", "better", "Better than what was shown before, by more than chance."),
        ("live", "too_little_log", "Somebody promoted it, by an experiment. Before, the gate had said: Too few"),
        ("refused", "too_little_log", "Too few impressions say anything of it. Explore more, or wait."),
        ("refused", "not_better_beyond_chance", "Not better than what is shown, or by no more than chance."),
        ("refused", "worse_beyond_chance", "Worse than what is shown."),
        ("refused", "a code of tomorrow", "a code of tomorrow"),
    ],
)
def test_the_list_says_why_each_was_let_in_or_not(boss: Client, state: str, code: str, told: str) -> None:
    policy(state, code=code)

    html = boss.get(reverse(LIST)).content.decode()

    assert told in html
    assert "50.0 (40.0 … 60.0)" in html


def test_one_that_was_taken_back_by_itself_says_what_it_earned(boss: Client) -> None:
    watched = {"code": "below_promise", "numbers": {"earned": 0.02, "earned_low": 0.01, "earned_high": 0.03}}
    made = policy("rolled_back", watched=watched)

    html = boss.get(reverse("admin:bundle_app_policyversion_change", args=[made.pk])).content.decode()

    for expected in (
        "It earned less than it promised.",
        "20.0 (10.0 … 30.0)",
        "+10.0 (+4.0 … +16.0)",
        "912",
        "12,345",
        "a click: 1.0, added to the cart: 2.0",
    ):
        assert expected in html


def test_the_live_one_is_taken_back_with_a_reason(boss: Client) -> None:
    live = policy("live")

    page = boss.post(
        reverse(LIST), {"action": "take_back", "_selected_action": [live.pk], "reason": "Too many socks."}, follow=True
    )

    live.refresh_from_db()
    assert live.state == "rolled_back"
    assert f"Policy {live.pk} was taken back; the order of the model counts again." in page.content.decode()
    entry = Decision.objects.about(live).get()
    assert (entry.action, entry.actor, entry.reason) == ("withdrawn", "boss", "Too many socks.")


def test_one_that_is_not_live_is_left_as_it_is(boss: Client) -> None:
    refused = policy("refused")

    page = boss.post(reverse(LIST), {"action": "take_back", "_selected_action": [refused.pk]}, follow=True)

    assert "None of the selected policies is live." in page.content.decode()
    assert PolicyVersion.objects.get().state == "refused"


def test_who_may_look_may_not_take_back(client: Client) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_policyversion"))
    client.force_login(viewer)
    live = policy("live")

    assert client.get(reverse(LIST)).status_code == 200
    client.post(reverse(LIST), {"action": "take_back", "_selected_action": [live.pk]})

    assert PolicyVersion.objects.get().state == "live"
