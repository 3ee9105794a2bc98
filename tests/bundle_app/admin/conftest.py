"""Staff of every rank in front of the tutorial shop, and a page as a tree to ask about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.bundle_app.tutorial_shop import TUTORIAL, products

EVIDENCE: dict[str, Any] = {
    "orders": 18204,
    "support": 132,
    "anchor_orders": 421,
    "rest_orders": 1674,
    "confidence": 0.3135,
    "lift": 3.41,
    "shares": {"transformer": 0.46, "ease": 0.30, "co_purchase": 0.18, "popularity": 0.06},
    "parts": {},
}


@pytest.fixture(autouse=True)
def tutorial(settings: Any, db: None) -> None:
    settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "bundle_app.shop.FieldMapAdapter"}


@pytest.fixture
def goods() -> list[Any]:
    """Twelve products named "Product 1" (1.00 USD) to "Product 12" (12.00 USD)."""
    return products(12)


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", "boss@example.com", "secret")


@pytest.fixture
def page(boss: User) -> Client:
    """A browser in which the superuser is logged in."""
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def staff() -> Callable[..., Client]:
    """A browser of a member of staff who has just the permissions named."""

    def logged_in(*codenames: str) -> Client:
        user = User.objects.create_user("clerk", password="secret", is_staff=True)
        found = Permission.objects.filter(content_type__app_label="bundle_app", codename__in=codenames)
        assert found.count() == len(codenames), f"unknown permission among {codenames}"
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return logged_in


class Tags(HTMLParser):
    """All start tags of a page with their attributes, and the text of the whole."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for found, attributes in self.found if found == tag)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def text_of(response: Any) -> str:
    """What a person reads on a page, white space made single."""
    return Tags(response.content.decode()).text
