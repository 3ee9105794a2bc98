"""The tutorial shop with twelve products, and people who hand in files there."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission, User

from bundle_app.models import FileImport
from bundle_app.transfer import runs
from tests.bundle_app.tutorial_shop import TUTORIAL, products


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
def clerk() -> Callable[..., User]:
    """A member of staff who has just the permissions named."""

    def made(*codenames: str) -> User:
        user = User.objects.create_user("clerk", password="secret", is_staff=True)
        found = Permission.objects.filter(content_type__app_label="bundle_app", codename__in=codenames)
        assert found.count() == len(codenames), f"unknown permission among {codenames}"
        user.user_permissions.set(found)
        return user

    return made


def csv_bytes(*rows: Iterable[Any], encoding: str = "utf-8") -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_bytes(*rows: Iterable[Any]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def hand_in(user: User, *rows: Iterable[Any], kind: str = "bundle", name: str = "sets.csv") -> FileImport:
    content = xlsx_bytes(*rows) if name.endswith(".xlsx") else csv_bytes(*rows)
    run = runs.hand_in(kind=kind, name=name, content=content, user=user)
    run.refresh_from_db()
    return run


def confirmed(run: FileImport) -> FileImport:
    assert run.status == "checked", (run.error, run.report)
    assert runs.confirm(run, user=run.user)
    run.refresh_from_db()
    return run


def outcomes(run: FileImport) -> list[str]:
    return [row["outcome"] for row in run.report]


def errors(run: FileImport) -> list[tuple[int, str, str]]:
    """(row, column, message) of all that is wrong."""
    return [(row["row"], column, text) for row in run.report for column, text in row.get("errors", ())]
