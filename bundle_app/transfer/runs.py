"""From a file that was handed in to decisions: check it, show what it would do, and on confirmation do all of it.

Safe under `kill -9` and under a message that comes twice: the bytes of a file are a row, which is locked for as long
as a worker is at it; what a file does, and that it was done, is one transaction. What is done must be what was shown:
where the trial and the real run tell different reports, nothing is done and the new report is shown.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from bundle_app import conf, outages
from bundle_app.exceptions import BundleError
from bundle_app.models import FileImport, FileImportContent
from bundle_app.transfer import queue, reading
from bundle_app.transfer.bundles import BundleResource
from bundle_app.transfer.rows import FormResource
from bundle_app.transfer.rules import RuleResource

logger = logging.getLogger(__name__)

RESOURCES: dict[str, type[FormResource]] = {"bundle": BundleResource, "rule": RuleResource}
MOST_ATTEMPTS = 5
SECONDS_BETWEEN_SIGNS = 0.5
Status = FileImport.Status


def hand_in(*, kind: str, name: str, content: bytes, user: Any) -> FileImport:
    """Keep a file and check it: at once if it is small, by the worker if it is large.

    Raises:
        FileRefused: by its name or size it is nothing that can be imported.
        BrokerUnreachable: it is kept, and will be checked once the broker answers.
    """
    reading.check_size(name, len(content))
    with transaction.atomic():
        run = FileImport.objects.create(
            subject_kind=kind,
            file_name=name[-200:],
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            user=user,
            language=translation.get_language() or "en",
        )
        FileImportContent.objects.create(file_import=run, content=content)
    _go_on(run)
    return run


def confirm(run: FileImport, *, user: Any) -> bool:
    """Let a checked file be applied. False where it is not waiting for this person's word (any more)."""
    confirmed = FileImport.objects.filter(pk=run.pk, status=Status.CHECKED, user=user).update(
        status=Status.CONFIRMED, done_count=0, attempts=0, touched_at=timezone.now()
    )
    if confirmed:
        _go_on(run)
    return bool(confirmed)


def _go_on(run: FileImport) -> None:
    if run.size_bytes > conf.load().import_in_background_bytes:
        queue.send(run.pk)
    else:
        proceed(run.pk)


def proceed(import_id: int, *, tells_progress: bool = False) -> str:
    """Check or apply, whichever is next. Does nothing where that is done, or is being done. Returns the status.

    A worker tells progress. Where the database breaks off under it, nothing is decided: it is given the task again.
    """
    FileImport.objects.filter(pk=import_id, status__in=FileImport.AT_WORK).update(
        attempts=F("attempts") + 1, touched_at=timezone.now()
    )
    try:
        with transaction.atomic():
            held = _held(import_id)
            if held is not None:
                _work(held, tells_progress=tells_progress)
    except Exception as error:
        if tells_progress and outages.is_away(error):
            raise
        logger.exception("Import %d broke off.", import_id)
        FileImport.objects.filter(pk=import_id, status__in=FileImport.AT_WORK).update(
            status=Status.FAILED,
            error=_("An unexpected error; the server's log tells more."),
            touched_at=timezone.now(),
        )
    return str(FileImport.objects.values_list("status", flat=True).get(pk=import_id))


def _held(import_id: int) -> FileImportContent | None:
    """The file, locked; None where another worker has it, or it is done with."""
    skips = connection.features.has_select_for_update_skip_locked
    contents = FileImportContent.objects.select_for_update(skip_locked=skips).filter(file_import=import_id)
    held = contents.first()
    if held is None or not held.file_import.is_at_work:
        return None
    return held


def _work(held: FileImportContent, *, tells_progress: bool) -> None:
    run = held.file_import
    with translation.override(run.language):
        if run.attempts > MOST_ATTEMPTS:
            run.status = Status.FAILED
            run.error = _("The worker died at it %(count)d times. Split the file.") % {"count": MOST_ATTEMPTS}
        elif run.user is None or not run.user.is_active:
            run.status, run.error = Status.FAILED, _("The account that handed the file in is gone.")
        else:
            try:
                _read_and_run(run, bytes(held.content), tells_progress=tells_progress)
            except BundleError as error:
                run.status, run.error = Status.REFUSED, str(error)
    run.touched_at = timezone.now()
    run.save()
    if run.status in {Status.APPLIED, Status.REFUSED, Status.FAILED}:
        held.delete()


def _read_and_run(run: FileImport, content: bytes, *, tells_progress: bool) -> None:
    resource = RESOURCES[run.subject_kind]
    sheet = reading.read(run.file_name, content, known=resource.known_columns(), needed=resource.NEEDED)
    run.encoding, run.row_count = sheet.encoding, len(sheet.numbers)
    with _progress(run, tells=tells_progress) as on_row:
        at_hand = resource(user=run.user, reason=str(run), on_row=on_row)
        is_trial = run.status == Status.UPLOADED
        with transaction.atomic():
            report = at_hand.run(sheet, is_trial=is_trial)
            is_as_shown = is_trial or report == run.report
            if not is_as_shown:
                transaction.set_rollback(True)
    run.done_count, run.error = run.row_count, ""
    if any(row["outcome"] == "error" for row in report):
        run.status = Status.REFUSED
    elif is_trial or not is_as_shown:
        run.status = Status.CHECKED
        if not is_as_shown:
            run.error = _("The shop has changed since the preview, so nothing was imported. Look at it once more.")
    else:
        run.status = Status.APPLIED
    run.report = report


@contextmanager
def _progress(run: FileImport, *, tells: bool) -> Iterator[Callable[[int], None]]:
    """Tell how far a file is while its transaction is open: by a connection of its own, or not at all."""
    if not tells or connection.vendor != "postgresql":
        yield lambda _count: None
        return
    aside = connection.copy()
    told_at = 0.0

    def tell(count: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < SECONDS_BETWEEN_SIGNS:
            return
        told_at = time.monotonic()
        with aside.cursor() as cursor:
            cursor.execute(
                "UPDATE bundle_app_fileimport SET done_count = %s, row_count = %s, touched_at = %s WHERE id = %s",
                [count - 1, run.row_count, timezone.now(), run.pk],
            )

    try:
        yield tell
    finally:
        aside.close()
