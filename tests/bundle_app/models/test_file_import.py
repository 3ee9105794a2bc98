from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from bundle_app.models import FileImport, FileImportContent

pytestmark = pytest.mark.django_db


def made(**values: object) -> FileImport:
    facts = {"subject_kind": "bundle", "file_name": "sets.csv", "size_bytes": 3, "language": "en"}
    return FileImport.objects.create(**(facts | values))


def test_an_import_is_called_by_its_number_and_its_file() -> None:
    run = made()
    content = FileImportContent.objects.create(file_import=run, content=b"a,b")

    assert str(run) == str(content) == f"Import {run.pk}: sets.csv"


@pytest.mark.parametrize(
    ("status", "expected"),
    [("uploaded", True), ("confirmed", True), ("checked", False), ("applied", False), ("refused", False)],
)
def test_at_work_is_what_needs_no_person(status: str, expected: bool) -> None:
    assert made(status=status).is_at_work is expected


def test_the_database_keeps_no_empty_file() -> None:
    with pytest.raises(IntegrityError, match="file_import_holds_something"):
        made(size_bytes=0)


def test_an_account_may_go_and_its_imports_stay() -> None:
    user = User.objects.create_user("ann")
    run = made(user=user)

    user.delete()

    run.refresh_from_db()
    assert run.user is None
