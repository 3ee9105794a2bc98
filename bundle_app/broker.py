"""Handing a task to the message broker, which may be away."""

from __future__ import annotations

from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from bundle_app import conf
from bundle_app.exceptions import BrokerUnreachable

TRY_ONCE_MORE = {"max_retries": 1, "interval_start": 0}
"""A connection that the process kept may be one of before the broker's restart, so one failure tells nothing. Celery's
own `retry=False` is no quicker: it leaves the tries to the transport, which takes seconds for them."""


def send(task: str, *arguments: Any, otherwise: str) -> None:
    """Hand a task to the broker.

    Raises:
        BrokerUnreachable: it is away. The message is `otherwise`, with the broker's own words as %(error)s.
    """
    try:
        current_app.send_task(
            task, args=list(arguments), queue=conf.load().queue, retry=True, retry_policy=TRY_ONCE_MORE
        )
    except (OperationalError, OSError) as error:
        raise BrokerUnreachable(otherwise % {"error": error}) from error
