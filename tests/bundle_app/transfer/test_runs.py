"""A file from hand to decision: shown first, applied at once or not at all, once, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Retry
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from bundle_app import tasks
from bundle_app.exceptions import BrokerUnreachable, FileRefused
from bundle_app.models import Bundle, Decision, FileImport, FileImportContent
from bundle_app.transfer import runs
from tests.bundle_app.transfer.conftest import confirmed, csv_bytes, hand_in, outcomes
from tests.bundle_app.tutorial_shop import bundle

ROOT = Path(__file__).resolve().parents[3]


def rows_of(goods: list[Any]) -> list[list[str]]:
    """One row for each pair of products: 66 of twelve."""
    return [[f"{one.pk}, {other.pk}"] for number, one in enumerate(goods) for other in goods[number + 1 :]]


@pytest.fixture
def background(settings: Any) -> None:
    """Every file is large enough for the worker."""
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "IMPORT_IN_BACKGROUND_BYTES": 1}


def kept(user: User, *rows: list[str], status: str = "uploaded") -> FileImport:
    """A file that waits for a worker."""
    content = csv_bytes(["products"], *rows)
    run = FileImport.objects.create(
        subject_kind="bundle", file_name="sets.csv", size_bytes=len(content), user=user, language="en", status=status
    )
    FileImportContent.objects.create(file_import=run, content=content)
    return run


def test_a_preview_changes_nothing_and_a_confirmation_does_all_of_it(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products"], *rows_of(goods))
    assert (run.status, run.row_count, run.encoding) == ("checked", 66, "UTF-8")
    assert outcomes(run) == ["new"] * 66
    assert not Bundle.objects.exists()

    confirmed(run)

    assert (run.status, run.done_count) == ("applied", 66)
    assert Bundle.objects.count() == Decision.objects.count() == 66
    assert not FileImportContent.objects.exists()


def test_only_who_handed_a_file_in_confirms_it_and_once(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products"], *rows_of(goods[:2]))
    other = User.objects.create_superuser("other")

    assert not runs.confirm(run, user=other)
    assert runs.confirm(run, user=boss)
    assert not runs.confirm(run, user=boss)
    assert Bundle.objects.count() == 1


def test_a_second_delivery_does_nothing(boss: User, goods: list[Any]) -> None:
    run = kept(boss, *rows_of(goods[:3]))

    assert tasks.import_file(run.pk) == "checked"
    assert tasks.import_file(run.pk) == "checked"
    FileImport.objects.update(status="confirmed")
    assert tasks.import_file(run.pk) == "applied"
    assert tasks.import_file(run.pk) == "applied"
    assert Bundle.objects.count() == Decision.objects.count() == 3


def test_what_would_be_done_otherwise_than_shown_is_not_done_but_shown_again(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products", "title"], [f"{goods[0].pk}, {goods[1].pk}", "Tea"])
    bundle(goods[:2])

    assert runs.confirm(run, user=boss)

    run.refresh_from_db()
    assert (run.status, outcomes(run)) == ("checked", ["update"])
    assert "The shop has changed since the preview, so nothing was imported." in run.error
    assert Bundle.objects.get().title == ""
    assert not Decision.objects.exists()
    assert confirmed(run).status == "applied"
    assert Bundle.objects.get().title == "Tea"


def test_a_product_that_goes_between_preview_and_confirmation_keeps_the_file_out(boss: User, goods: list[Any]) -> None:
    run = hand_in(boss, ["products"], *rows_of(goods[:3]))
    goods[2].delete()

    runs.confirm(run, user=boss)

    run.refresh_from_db()
    assert (run.status, outcomes(run)) == ("refused", ["new", "error", "error"])
    assert not Bundle.objects.exists()


def test_a_right_that_is_taken_away_before_the_confirmation_counts(clerk: Any, goods: list[Any]) -> None:
    user = clerk("add_bundle")
    run = hand_in(user, ["products"], *rows_of(goods[:2]))
    user.user_permissions.clear()

    runs.confirm(run, user=User.objects.get(pk=user.pk))

    run.refresh_from_db()
    assert run.status == "refused"
    assert not Bundle.objects.exists()


def test_an_account_that_is_closed_imports_nothing(boss: User, goods: list[Any]) -> None:
    run = kept(boss, *rows_of(goods[:2]))
    User.objects.update(is_active=False)

    assert runs.proceed(run.pk) == "failed"
    run.refresh_from_db()
    assert run.error == "The account that handed the file in is gone."


def test_a_file_that_keeps_killing_its_worker_is_given_up(boss: User, goods: list[Any]) -> None:
    run = kept(boss, *rows_of(goods[:2]))
    FileImport.objects.update(attempts=5)

    assert runs.proceed(run.pk) == "failed"
    run.refresh_from_db()
    assert run.error == "The worker died at it 5 times. Split the file."


def test_a_file_that_cannot_be_read_is_refused_on_its_page(boss: User) -> None:
    run = hand_in(boss, ["produkte"], ["a, b"])

    assert run.status == "refused"
    assert "There is no column “produkte”. Did you mean “products”?" in run.error


def test_what_is_no_file_of_ours_is_not_kept(boss: User) -> None:
    with pytest.raises(FileRefused):
        runs.hand_in(kind="bundle", name="sets.pdf", content=b"x", user=boss)

    assert not FileImport.objects.exists()


def test_the_report_speaks_the_language_of_who_handed_the_file_in(boss: User) -> None:
    run = kept(boss, ["1, 2"])
    FileImport.objects.update(language="zh-hans")

    runs.proceed(run.pk)

    run.refresh_from_db()
    assert "没有" in run.report[0]["errors"][0][1]


def test_a_shop_that_does_not_answer_costs_the_import_and_nothing_else(
    boss: User, goods: list[Any], settings: Any
) -> None:
    settings.BUNDLE_APP = {**settings.BUNDLE_APP, "ADAPTER": "tests.bundle_app.tutorial_shop.BrokenAdapter"}

    run = hand_in(boss, ["products"], *rows_of(goods[:2]))

    assert run.status == "failed"
    assert run.error == "An unexpected error; the server's log tells more."
    assert not Bundle.objects.exists()


def test_a_database_that_breaks_off_decides_nothing_and_the_task_comes_again(boss: User, goods: list[Any]) -> None:
    run = kept(boss, *rows_of(goods[:3]))

    def broken(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if "bundle_app_fileimportcontent" in sql:
            raise DatabaseError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(broken), pytest.raises(Retry):
        tasks.import_file.apply(args=[run.pk], throw=True).get()
    run.refresh_from_db()
    assert run.status == "uploaded"

    assert tasks.import_file(run.pk) == "checked"


@pytest.mark.usefixtures("background", "unreachable_broker")
def test_a_large_file_is_kept_where_the_broker_is_not_reached(boss: User, goods: list[Any]) -> None:
    with pytest.raises(BrokerUnreachable, match="the file is kept and tried again"):
        runs.hand_in(kind="bundle", name="sets.csv", content=csv_bytes(["products"], *rows_of(goods)), user=boss)

    assert FileImport.objects.get().status == "uploaded"
    assert FileImportContent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_progress_is_seen_while_nothing_else_is(boss: User, goods: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SECONDS_BETWEEN_SIGNS", 0.0)
    run = kept(boss, *rows_of(goods), status="uploaded")
    runs.proceed(run.pk)
    FileImport.objects.update(status="confirmed", done_count=0)
    aside = connection.copy()
    seen: list[tuple[int, int]] = []
    recorded = Decision.objects.record

    def record(*args: Any, **kwargs: Any) -> int:
        with aside.cursor() as cursor:
            cursor.execute("SELECT done_count, (SELECT count(*) FROM bundle_app_bundle) FROM bundle_app_fileimport")
            seen.append(cursor.fetchone())
        return int(recorded(*args, **kwargs))

    monkeypatch.setattr(Decision.objects, "record", record)
    try:
        assert tasks.import_file(run.pk) == "applied"
    finally:
        aside.close()

    assert seen == [(65, 0)]
    assert Bundle.objects.count() == 66


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_a_worker_leaves_alone_what_another_one_is_at(boss: User, goods: list[Any]) -> None:
    run = kept(boss, *rows_of(goods[:2]))
    aside = connection.copy()
    try:
        aside.set_autocommit(False)
        with aside.cursor() as cursor:
            cursor.execute("SELECT 1 FROM bundle_app_fileimportcontent FOR UPDATE")
        assert runs.proceed(run.pk) == "uploaded"
        aside.rollback()
    finally:
        aside.close()
    assert runs.proceed(run.pk) == "checked"


WORKER = textwrap.dedent(
    """
    import os, sys, time
    import django
    django.setup()
    from django.conf import settings
    from django.db import connection
    connection.settings_dict["NAME"] = sys.argv[2]
    from bundle_app.models import Decision
    from bundle_app.transfer import runs
    from tests.bundle_app.tutorial_shop import TUTORIAL

    settings.BUNDLE_APP = {**TUTORIAL, "ADAPTER": "bundle_app.shop.FieldMapAdapter"}

    def record(*args, **kwargs):  # All rows are written by now, and nothing is committed.
        print("written", flush=True)
        time.sleep(60)

    Decision.objects.record = record
    runs.proceed(int(sys.argv[1]), tells_progress=True)
    """
)


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_a_worker_that_is_killed_before_the_end_leaves_nothing_and_the_next_one_does_all(
    boss: User, goods: list[Any]
) -> None:
    run = kept(boss, *rows_of(goods))
    runs.proceed(run.pk)
    FileImport.objects.update(status="confirmed")
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(run.pk), connection.settings_dict["NAME"]],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "written\n"
    assert runs.proceed(run.pk) == "confirmed"  # The other one is at it.
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert not Bundle.objects.exists()

    deadline = time.monotonic() + 30
    while runs.proceed(run.pk) == "confirmed":  # Until the server notices that the connection is gone.
        FileImport.objects.update(attempts=0)
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert FileImport.objects.get().status == "applied"
    assert Bundle.objects.count() == Decision.objects.count() == 66


def test_an_import_within_a_transaction_of_the_shop_is_one_with_it(boss: User, goods: list[Any]) -> None:
    with transaction.atomic():
        confirmed(hand_in(boss, ["products"], *rows_of(goods[:2])))
        transaction.set_rollback(True)

    assert not Bundle.objects.exists()
