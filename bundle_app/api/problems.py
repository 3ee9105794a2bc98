"""The one shape of errors: {"detail": a sentence, "code": a word}."""

from __future__ import annotations

import logging
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.status import HTTP_400_BAD_REQUEST, HTTP_409_CONFLICT, HTTP_503_SERVICE_UNAVAILABLE
from rest_framework.views import exception_handler

from bundle_app import outages

logger = logging.getLogger(__name__)


class InvalidQuery(APIException):
    status_code = HTTP_400_BAD_REQUEST
    default_code = "invalid"


class CannotAdd(APIException):
    status_code = HTTP_409_CONFLICT
    default_code = "cannot_add"


class TryAgain(APIException):
    """DRF tells `wait`, in seconds, as Retry-After."""

    status_code = HTTP_503_SERVICE_UNAVAILABLE
    default_code = "try_again"
    default_detail = "The database does not answer. Try again."
    wait = outages.RETRY_AFTER_SECONDS


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer in this app's shape, its status and headers kept; None for what is no API error."""
    if outages.is_away(error):
        logger.error("A request was answered with 503. The database does not answer: %s", outages.in_a_line(error))
        error = TryAgain()
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data.get("detail") if isinstance(response.data, dict) else None
    if detail is None:  # a serializer's errors, field by field
        response.data = {"detail": "The request's fields are not valid.", "code": "invalid", "fields": response.data}
    else:
        response.data = {"detail": str(detail), "code": getattr(detail, "code", "error")}
    return response
