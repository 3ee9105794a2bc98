"""Pseudonyms of visitors: what the events know of who was looking.

A pseudonym is the first twelve bytes of an HMAC of the word by which the shop knows a visitor (`ShopAdapter.subject`).
The same visitor has the same one for as long as the key stays, so it serves to cap rewards, to find a buyer's clicks
and to forget a person; without the key nobody can try all user numbers. It has nothing to do with the pseudonyms of an
export (`bundle_app.pseudonyms`), which are thrown away.

Logging in changes the word: from the session's to the user's, and the session gets another key as well. What was shown
before is still that visitor's, so `remember_session` keeps the former pseudonym in the session, where `known_as` finds
it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.encoding import force_bytes

from bundle_app import conf
from bundle_app.shop import get_adapter

SALT = b"bundle_app.events.subjects"
LENGTH = 16
"""Characters of a pseudonym."""
FORMER = "bundle_app_former_subjects"
"""Key in the session of a visitor who has logged in."""


def pseudonyms(subject: str) -> tuple[str, ...]:
    """Today's pseudonym, then those under keys that were in use before."""
    own = conf.load().subject_key
    keys = [own] if own else [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return tuple(_pseudonym(key, subject) for key in keys)


def pseudonym_of(request: HttpRequest | None) -> str:
    """Of the visitor who is looking, "" if the shop does not know them."""
    subject = None if request is None else get_adapter().subject(request)
    return pseudonyms(subject)[0] if subject else ""


def known_as(request: HttpRequest) -> list[str]:
    """All pseudonyms of the visitor who is asking, today's first; none if the shop does not know them."""
    subject = get_adapter().subject(request)
    session: Any = getattr(request, "session", None)
    former = session.get(FORMER, []) if session is not None else []
    return [*(pseudonyms(subject) if subject else ()), *former]


def passer_by(address: str, day: date) -> str:
    """Of a visitor whom the shop does not know: good for a day, after which nobody can tell who it was."""
    return pseudonyms(f"{day.isoformat()} {address}")[0]


def remember_session(*, request: HttpRequest, **_: Any) -> None:
    """A visitor has logged in (the signal `user_logged_in`): keep what they were known as until now."""
    session: Any = getattr(request, "session", None)
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if session is not None and key:
        session[FORMER] = list(pseudonyms(key))


def _pseudonym(key: str | bytes, subject: str) -> str:
    derived = hashlib.sha256(SALT + force_bytes(key)).digest()
    return base64.urlsafe_b64encode(hmac.digest(derived, subject.encode(), "sha256")[:12]).decode()
