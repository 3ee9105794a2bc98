"""The one shape of errors: {"detail": a sentence, "code": a word}."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.status import HTTP_400_BAD_REQUEST, HTTP_409_CONFLICT
from rest_framework.views import exception_handler


class InvalidQuery(APIException):
    status_code = HTTP_400_BAD_REQUEST
    default_code = "invalid"


class CannotAdd(APIException):
    status_code = HTTP_409_CONFLICT
    default_code = "cannot_add"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer in this app's shape, its status and headers kept; None for what is no API error."""
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = response.data.get("detail") if isinstance(response.data, dict) else None
    if detail is None:  # a serializer's errors, field by field
        response.data = {"detail": "The request's fields are not valid.", "code": "invalid", "fields": response.data}
    else:
        response.data = {"detail": str(detail), "code": getattr(detail, "code", "error")}
    return response
