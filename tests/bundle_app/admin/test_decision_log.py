"""The log of decisions: what the form and the actions leave in it, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bundle_app.admin.decisions import MOVES, decide
from bundle_app.models import Bundle, Decision, Entry
from tests.bundle_app.admin.conftest import text_of
from tests.bundle_app.admin.test_bundle_form import change_form, form
from tests.bundle_app.tutorial_shop import bundle

LIST = "admin:bundle_app_decision_changelist"
BUNDLES = "admin:bundle_app_bundle_changelist"
ADD = "admin:bundle_app_bundle_add"
CHANGE = "admin:bundle_app_bundle_change"


def automatic(made: Bundle, *, version_id: int = 7) -> None:
    entry = Entry(subject=made, action="activated", changes={"status": ("review", "active")})
    Decision.objects.record([entry], version_id=version_id)


class TestWhatTheFormLeaves:
    def test_a_new_bundle_is_created_or_activated_with_its_products_as_its_name(
        self, page: Client, goods: list[Any]
    ) -> None:
        page.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1), reason="For spring."))
        page.post(reverse(ADD), form((goods[2].pk, 1), (goods[3].pk, 1), status="active"))
        told = [(entry.action, entry.subject, entry.actor, entry.reason) for entry in Decision.objects.order_by("pk")]
        assert told == [
            ("created", "Product 1 + Product 2", "boss", "For spring."),
            ("activated", "Product 3 + Product 4", "boss", ""),
        ]

    def test_a_change_is_told_from_what_to_what(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        rows = [(goods[0].pk, 1), (goods[2].pk, 1)]
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, *rows, status="active", title="Spring"))
        told = Decision.objects.get()
        assert told.action == "changed"
        assert told.changes == {"title": ["", "Spring"], "parts": ["Product 1 + Product 2", "Spring"]}

    @pytest.mark.parametrize(
        ("fields", "action", "changes"),
        [
            ({"status": "paused"}, "paused", {"status": ["active", "paused"]}),
            ({"status": "review"}, "submitted", {"status": ["active", "review"]}),
            ({"status": "active", "pinned": "on"}, "pinned", {"pinned": [False, True]}),
            ({"status": "active"}, "changed", {}),
        ],
    )
    def test_what_saving_amounts_to_is_named(
        self, page: Client, goods: list[Any], fields: dict[str, str], action: str, changes: dict[str, Any]
    ) -> None:
        made = bundle(goods[:2])
        page.post(reverse(CHANGE, args=[made.pk]), change_form(made, **fields))
        told = Decision.objects.get()
        assert (told.action, told.changes) == (action, changes)

    def test_deleting_is_logged_and_its_entries_stay(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2], source="manual")
        page.post(reverse("admin:bundle_app_bundle_delete", args=[made.pk]), {"post": "yes"})
        assert not Bundle.objects.exists()
        assert (Decision.objects.get().action, Decision.objects.get().subject) == ("deleted", "Product 1 + Product 2")


class TestReview:
    def test_a_clerk_sends_drafts_to_review_and_only_the_boss_activates(
        self, staff: Any, page: Client, goods: list[Any]
    ) -> None:
        clerk = staff("view_bundle", "add_bundle", "change_bundle", "submit_bundle")
        clerk.post(reverse(ADD), form((goods[0].pk, 1), (goods[1].pk, 1), status="active"))
        made = Bundle.objects.get()
        assert made.status == "draft", "the form gives no more power than the actions"

        told = text_of(clerk.post(reverse(BUNDLES), {"action": "submit", "_selected_action": [made.pk]}, follow=True))
        assert "1 bundle sent to review." in told
        clerk.post(reverse(BUNDLES), {"action": "activate", "_selected_action": [made.pk]})
        made.refresh_from_db()
        assert made.status == "review"

        data = {"action": "activate", "_selected_action": [made.pk], "reason": "Looks good."}
        page.post(reverse(BUNDLES), data)
        made.refresh_from_db()
        assert made.status == "active"
        told_by = list(Decision.objects.order_by("pk").values_list("action", "actor", "reason"))
        assert told_by == [("created", "clerk", ""), ("submitted", "clerk", ""), ("activated", "boss", "Looks good.")]

    def test_what_is_no_draft_is_not_sent_to_review(self, page: Client, goods: list[Any]) -> None:
        made = bundle(goods[:2])
        told = text_of(page.post(reverse(BUNDLES), {"action": "submit", "_selected_action": [made.pk]}, follow=True))
        assert "1 bundle was not sent to review, because it is no draft." in told
        made.refresh_from_db()
        assert made.status == "active"

    def test_what_waits_is_found_by_its_status(self, page: Client, goods: list[Any]) -> None:
        bundle(goods[:2])
        bundle(goods[2:4], title="Waiting", status="review")
        response = page.get(reverse(BUNDLES), {"status__exact": "review"})
        assert [str(one) for one in response.context["cl"].result_list] == ["Waiting"]


class TestReading:
    def test_the_list_tells_who_what_from_what_to_what_and_why(
        self, page: Client, boss: User, goods: list[Any]
    ) -> None:
        made = bundle(goods[:2], status="review")
        automatic(made)
        decide(Bundle.objects.all(), MOVES["reject"], user=boss, at=timezone.now(), reason="Too dear.")
        shown = text_of(page.get(reverse(LIST)))
        assert "boss Rejected Product 1 + Product 2 Bundle Status: Review → Rejected" in shown
        assert "Too dear." in shown
        assert "Automatic (model 7) Activated Product 1 + Product 2 Bundle Status: Review → Active" in shown

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"by": "automatic"}, ["activated"]),
            ({"by": "person"}, ["paused"]),
            ({"action__exact": "paused"}, ["paused"]),
            ({"subject_kind__exact": "rule"}, []),
            ({"q": "boss"}, ["paused"]),
        ],
    )
    def test_it_is_filtered_and_searched(
        self, page: Client, boss: User, goods: list[Any], query: dict[str, str], expected: list[str]
    ) -> None:
        made = bundle(goods[:2])
        automatic(made)
        decide(Bundle.objects.all(), MOVES["pause"], user=boss, at=timezone.now())
        found = page.get(reverse(LIST), query).context["cl"].result_list
        assert [entry.action for entry in found] == expected

    def test_the_page_of_a_bundle_shows_the_latest_and_leads_to_all(
        self, page: Client, boss: User, goods: list[Any]
    ) -> None:
        made, other = bundle(goods[:2]), bundle(goods[2:4])
        automatic(other)
        assert "Nobody has decided anything about it yet." in text_of(page.get(reverse(CHANGE, args=[made.pk])))
        for number in range(12):
            decide(
                Bundle.objects.filter(pk=made.pk), MOVES["pause"], user=boss, at=timezone.now(), reason=f"No. {number}"
            )
        response = page.get(reverse(CHANGE, args=[made.pk]))
        shown = text_of(response)
        assert "No. 11" in shown
        assert "No. 1 " not in shown
        assert "All decisions about it" in shown
        asked = {"subject_kind__exact": "bundle", "subject_id__exact": str(made.pk)}
        assert len(page.get(reverse(LIST), asked).context["cl"].result_list) == 12

    def test_nobody_adds_changes_or_deletes_an_entry(self, page: Client, goods: list[Any]) -> None:
        automatic(bundle(goods[:2]))
        entry = Decision.objects.get()
        assert page.get(reverse("admin:bundle_app_decision_add")).status_code == 403
        assert page.post(reverse("admin:bundle_app_decision_change", args=[entry.pk]), {}).status_code == 403
        assert (
            page.post(reverse("admin:bundle_app_decision_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
        )
        assert "delete_selected" not in text_of(page.get(reverse(LIST)))

    def test_who_may_not_look_sees_nothing(self, staff: Any) -> None:
        assert staff("view_bundle").get(reverse(LIST)).status_code == 403
