"""The log of decisions: it only grows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from bundle_app.models import Bundle, Decision, Entry, Rule

pytestmark = pytest.mark.django_db

ONLY_GROWS = "The log of decisions only grows"


@pytest.fixture
def entry() -> Decision:
    rule = Rule.objects.create(kind="exclude", item_key="a")
    changes = {"is_enabled": (True, False)}
    Decision.objects.record([Entry(subject=rule, action="disabled", changes=changes)], reason="Season is over.")
    return Decision.objects.get()


def test_an_entry_tells_who_what_when_from_what_to_what_and_why(entry: Decision) -> None:
    boss = User.objects.create_user("boss")
    made = Bundle.objects.create(composition_hash="a", title="Tea for two")
    Decision.objects.record(
        [Entry(subject=made, action="activated", changes={"status": ("review", "active")})],
        by=boss,
        reason="Sells well.",
        version_id=7,
    )
    told = Decision.objects.about(made).get()
    assert (told.actor, told.action, told.subject, told.subject_id) == ("boss", "activated", "Tea for two", made.pk)
    assert (told.changes, told.reason, told.version_id) == ({"status": ["review", "active"]}, "Sells well.", 7)
    assert told.at is not None
    assert entry not in Decision.objects.about(made)


def test_an_entry_outlives_what_it_is_about_and_who_made_it(entry: Decision) -> None:
    Rule.objects.all().delete()
    User.objects.all().delete()
    entry.refresh_from_db()
    assert entry.subject == "Never show bundles with a"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: Decision.objects.update(reason="Other."),
        lambda entry: Decision.objects.all().delete(),
    ],
)
def test_an_entry_is_neither_changed_nor_deleted(entry: Decision, attempt: Any) -> None:
    with pytest.raises(TypeError, match=ONLY_GROWS):
        attempt(entry)
    assert Decision.objects.get().reason == "Season is over."
