"""Sending the tasks of files that were handed in. Needs none of the libraries that read them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from bundle_app import broker
from bundle_app.exceptions import BrokerUnreachable
from bundle_app.models import FileImport

TASK = "bundle_app.import_file"
SILENT_SECONDS = 60
"""An import that waits for longer without a sign of life has lost its message or its worker."""


def send(import_id: int) -> None:
    """Send the task. A broker that cannot be reached raises BrokerUnreachable; the sweep sends it again later."""
    advice = _(
        "The task could not be sent to the message broker: %(error)s. Nothing was imported yet; the file is "
        "kept and tried again when the broker answers."
    )
    broker.send(TASK, import_id, otherwise=advice)


def resume(*, at: datetime | None = None) -> int:
    """Send again what waits without a sign of life. One that is at work all the same ignores the second message."""
    now = at or timezone.now()
    silent = FileImport.objects.filter(
        status__in=FileImport.AT_WORK, touched_at__lt=now - timedelta(seconds=SILENT_SECONDS)
    )
    resumed = 0
    for import_id in list(silent.order_by("pk").values_list("pk", flat=True)):
        FileImport.objects.filter(pk=import_id).update(touched_at=now)
        try:
            send(import_id)
        except BrokerUnreachable:
            return resumed
        resumed += 1
    return resumed
