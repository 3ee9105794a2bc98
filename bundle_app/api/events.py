"""Where the beacon reports to: POST events/, at most 100 reports a batch.

    {"events": [{"token": "…", "kind": "impression", "ago_seconds": 1.5}, …]}
    → 200 {"accepted": 1, "replayed": 0, "late": 0, "forged": 0, "foreign": 0, "malformed": 0}

A plain view, since it is asked more often than all others together. No CSRF token is asked for: the token of a showing
is one. An answer of 200 says that everything countable is written; after any other nothing is, and 429 and 5xx say that
the same batch may be sent again.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from bundle_app import conf
from bundle_app.api.throttles import VisitorThrottle
from bundle_app.events import subjects
from bundle_app.events.days import day_of
from bundle_app.events.intake import Outcome, Visitor, reports_of, take_in
from bundle_app.exceptions import BatchRefused
from bundle_app.outages import DATABASE_AWAY, MISTAKES, RETRY_AFTER_SECONDS

MOST_BYTES = 128 * 1024


class EventThrottle(VisitorThrottle):
    scope = "bundle_app_events"

    def get_rate(self) -> str:
        return conf.load().event_throttle


@csrf_exempt
@transaction.non_atomic_requests
def events(request: HttpRequest) -> JsonResponse:
    """Count what became of showings; say how many reports were counted, and why others were not."""
    if request.method != "POST":
        return _problem("Events are reported by POST.", "method_not_allowed", status=405, Allow="POST")
    if len(request.body) > MOST_BYTES:
        return _problem(f"A batch has at most {MOST_BYTES} bytes.", "too_large", status=413)
    try:
        return _answer(request)
    except BatchRefused as error:
        return _problem(str(error), "invalid", status=400)
    except MISTAKES:
        raise
    except DATABASE_AWAY:
        seconds = str(RETRY_AFTER_SECONDS)
        detail = "The database cannot be reached. Nothing was counted; send the same batch again."
        return _problem(detail, "try_again", status=503, **{"Retry-After": seconds})


def _answer(request: HttpRequest) -> JsonResponse:
    throttle: Any = EventThrottle()  # made for DRF's requests, and asks no more of one than Django's has
    if not throttle.allow_request(request, None):
        wait_seconds = str(int(throttle.wait() or 0) + 1)
        return _problem("Too many batches.", "throttled", status=429, **{"Retry-After": wait_seconds})
    reports = reports_of(request.body)
    now = timezone.now()
    known_as = subjects.known_as(request)
    subject = known_as[0] if known_as else subjects.passer_by(throttle.get_ident(request), day_of(now))
    counts = take_in(reports, visitor=Visitor(subject=subject, known_as=known_as), now=now)
    return _response({outcome: counts[outcome] for outcome in Outcome.values})


def _problem(detail: str, code: str, *, status: int, **headers: str) -> JsonResponse:
    return _response({"detail": detail, "code": code}, status=status, headers=headers)


def _response(body: dict[str, Any], **options: Any) -> JsonResponse:
    response = JsonResponse(body, **options)
    response.headers["Cache-Control"] = "no-store"
    return response
