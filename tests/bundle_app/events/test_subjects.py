from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client, RequestFactory

from bundle_app.events import subjects
from tests.bundle_app import tutorial_pages


@pytest.fixture(autouse=True)
def tutorial_shop(settings: Any) -> None:
    tutorial_pages.use(settings)


def test_a_pseudonym_is_stable_and_tells_nothing() -> None:
    ann, *_ = subjects.pseudonyms("ann")
    assert subjects.pseudonyms("ann") == (ann,)
    assert len(ann) == subjects.LENGTH
    assert ann != subjects.pseudonyms("bob")[0]
    assert "ann" not in ann


def test_it_survives_another_secret_key_where_it_has_a_key_of_its_own(settings: Any) -> None:
    before = subjects.pseudonyms("ann")
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "SUBJECT_KEY": "pepper"}
    own = subjects.pseudonyms("ann")
    settings.SECRET_KEY = "another"
    assert subjects.pseudonyms("ann") == own != before


def test_after_a_rotation_a_visitor_is_known_by_the_old_key_too(settings: Any) -> None:
    (before,) = subjects.pseudonyms("ann")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert subjects.pseudonyms("ann")[1:] == (before,)


def test_a_passer_by_is_another_tomorrow() -> None:
    today, tomorrow = (subjects.passer_by("192.0.2.1", date(2026, 3, day)) for day in (1, 2))
    assert today != tomorrow
    assert today == subjects.passer_by("192.0.2.1", date(2026, 3, 1))


def visit(session: Any, **cookies: Any) -> HttpRequest:
    request = RequestFactory().get("/")
    request.session, request.user = session, AnonymousUser()
    request.COOKIES.update(cookies)
    return request


def test_a_visitor_without_a_session_is_nobody_and_gets_none() -> None:
    request = visit(SessionStore())
    assert subjects.pseudonym_of(request) == subjects.pseudonym_of(None) == ""
    assert subjects.known_as(request) == []
    assert request.session.session_key is None


def test_a_shop_without_sessions_knows_nobody() -> None:
    assert subjects.known_as(RequestFactory().get("/")) == []


@pytest.mark.django_db
def test_whoever_logs_in_is_still_known_by_the_session_before(client: Client) -> None:
    session = client.session
    user = get_user_model().objects.create_user("ann")
    request = visit(session, sessionid=session.session_key)
    before = subjects.known_as(request)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    assert subjects.known_as(request) == [subjects.pseudonyms(str(user.pk))[0], *before]


@pytest.mark.django_db
def test_a_session_that_is_made_up_is_nobody_s(client: Client) -> None:
    client.cookies["sessionid"] = "a" * 32
    shown = client.get("/").wsgi_request
    assert subjects.pseudonym_of(shown) == ""
