"""What a merchandiser decides: it is done, dated, logged, and only by those who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bundle_app.admin.decisions import MOVES, decide
from bundle_app.models import Bundle
from tests.bundle_app.admin.conftest import text_of
from tests.bundle_app.tutorial_shop import bundle

LIST = "admin:bundle_app_bundle_changelist"


def act(client: Client, action: str, *bundles: Bundle) -> Any:
    data = {"action": action, "_selected_action": [made.pk for made in bundles]}
    return client.post(reverse(LIST), data, follow=True)


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("activate", {"status": "draft"}, {"status": "active"}),
        ("pause", {"status": "active"}, {"status": "paused"}),
        ("reject", {"pinned": True}, {"status": "rejected", "pinned": False}),
        ("pin", {"status": "draft"}, {"status": "draft", "pinned": True}),
        ("unpin", {"pinned": True}, {"pinned": False}),
    ],
)
def test_an_action_is_done_dated_and_logged(
    page: Client, goods: list[Any], action: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    made, other = bundle(goods[:2], **before), bundle(goods[2:4], **before)
    began = timezone.now()
    past = str(MOVES[action].log).lower()
    assert f"1 bundle {past}" in text_of(act(page, action, made))

    made.refresh_from_db()
    assert {name: getattr(made, name) for name in after} == after
    assert made.decided_at is not None
    assert began <= made.decided_at <= timezone.now()

    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id, entry.action_flag) == ("boss", str(made.pk), CHANGE)
    assert entry.object_repr == "Product 1 + Product 2"
    assert entry.get_change_message() == str(MOVES[action].log)
    assert abs(entry.action_time - made.decided_at) < timedelta(seconds=5)

    other.refresh_from_db()
    assert other.decided_at is None


def test_a_rejected_bundle_cannot_be_pinned_and_the_others_are(page: Client, goods: list[Any]) -> None:
    good, bad = bundle(goods[:2]), bundle(goods[2:4], status="rejected")
    told = text_of(act(page, "pin", good, bad))
    assert "1 bundle pinned." in told
    assert "1 rejected bundle was not pinned. Activate it first." in told
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.pinned, bad.pinned, bad.decided_at) == (True, False, None)


def test_the_log_stands_in_the_bundle_s_history(page: Client, goods: list[Any]) -> None:
    made = bundle(goods[:2])
    act(page, "reject", made)
    assert "Rejected." in text_of(page.get(reverse("admin:bundle_app_bundle_history", args=[made.pk])))


@pytest.mark.parametrize("action", sorted(MOVES))
def test_who_may_only_look_is_offered_no_action_and_none_is_done(staff: Any, goods: list[Any], action: str) -> None:
    made = bundle(goods[:2], status="draft")
    clerk = staff("view_bundle")
    assert "selected bundles" not in text_of(clerk.get(reverse(LIST)))
    act(clerk, action, made)
    made.refresh_from_db()
    assert (made.status, made.pinned, made.decided_at) == ("draft", False, None)
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", sorted(MOVES))
def test_who_may_not_even_look_gets_403(staff: Any, goods: list[Any], action: str) -> None:
    assert act(staff("view_modelversion"), action, bundle(goods[:2])).status_code == 403


@pytest.mark.parametrize("action", sorted(MOVES))
def test_who_has_the_permission_of_a_decision_may_decide_so_and_not_otherwise(
    staff: Any, goods: list[Any], action: str
) -> None:
    made = bundle(goods[:2], status="draft")
    permission = MOVES[action].permission
    clerk = staff("view_bundle", "change_bundle", permission.removeprefix("bundle_app."))

    for other, decision in MOVES.items():
        act(clerk, other, made)
        made.refresh_from_db()
        assert (made.decided_at is not None) is (decision.permission == permission), other
        Bundle.objects.filter(pk=made.pk).update(decided_at=None)


def test_bundles_are_not_deleted_by_the_dozen(page: Client, goods: list[Any]) -> None:
    made = bundle(goods[:2])
    act(page, "delete_selected", made)
    assert Bundle.objects.filter(pk=made.pk).exists()


def test_deciding_about_many_costs_as_many_queries_as_about_few(boss: User, goods: list[Any]) -> None:
    def query_count(bundles: list[Bundle]) -> int:
        chosen = Bundle.objects.filter(pk__in=[made.pk for made in bundles])
        with CaptureQueriesContext(connection) as queries:
            decide(chosen, MOVES["pause"], user=boss, at=timezone.now())
        return len(queries)

    made = [bundle([goods[left], goods[right]]) for left in range(10) for right in range(left + 1, 10)]
    query_count(made[:2])
    assert query_count(made[:3]) == query_count(made)
