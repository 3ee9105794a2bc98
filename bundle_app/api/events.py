"""Where the beacon reports to: POST events/, at most 100 reports a batch.

    {"events": [{"token": "…", "kind": "impression", "ago_seconds": 1.5}, …]}
    → 200 {"accepted": 1, "replayed": 0, "late": 0, "forged": 0, "foreign": 0, "malformed": 0}

A plain view, since it is asked more often than all others together; `EventIntake` is the same as one of DRF's, by which
OpenAPI knows it. No CSRF token is asked for: the token of a showing is one. An answer of 200 says that everything
countable is written; after any other nothing is, and 429 and 5xx say that the same batch may be sent again.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from bundle_app import conf
from bundle_app.api import openapi
from bundle_app.api.serializers import BundleProblemSerializer
from bundle_app.api.throttles import VisitorThrottle
from bundle_app.api.views import BundleView
from bundle_app.events import subjects
from bundle_app.events.days import day_of
from bundle_app.events.intake import KINDS, MOST_EVENTS, Outcome, Visitor, reports_of, take_in
from bundle_app.exceptions import BatchRefused
from bundle_app.outages import DATABASE_AWAY, MISTAKES, RETRY_AFTER_SECONDS

MOST_BYTES = 128 * 1024


class EventThrottle(VisitorThrottle):
    scope = "bundle_app_events"

    def get_rate(self) -> str:
        return conf.load().event_throttle


class EventAddressThrottle(VisitorThrottle):
    """One rate for all who come from an address, with accounts and without. The cache holds a pseudonym of it."""

    scope = "bundle_app_events_address"

    def get_rate(self) -> str | None:  # type: ignore[override]  # DRF lets everybody through without a rate
        return conf.load().event_address_throttle or None

    def visitor(self, request: Request) -> str:
        return self.get_ident(request)


class BundleEventSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="The showing's, as the offer's `impression` holds it.")
    kind = serializers.CharField(help_text=f"What became of it: {', '.join(KINDS)}.")
    ago_seconds = serializers.FloatField(min_value=0, help_text="How long ago, by the visitor's clock.")


class BundleEventsSerializer(serializers.Serializer[Any]):
    events = BundleEventSerializer(many=True, help_text=f"At most {MOST_EVENTS}.")


class BundleIntakeSerializer(serializers.Serializer[Any]):
    """How many reports were counted, and why others were not."""

    accepted = serializers.IntegerField(help_text="Counted.")
    replayed = serializers.IntegerField(help_text="Counted before.")
    late = serializers.IntegerField(help_text="Of a showing too long ago.")
    forged = serializers.IntegerField(help_text="With a token that this shop did not sign.")
    foreign = serializers.IntegerField(help_text="Of another visitor's showing.")
    malformed = serializers.IntegerField(help_text="Not to be read.")


class EventIntake(BundleView):
    authentication_classes = []
    throttle_classes = []  # the plain view has its own
    parser_classes = [JSONParser]
    serializer_class = BundleEventsSerializer

    @openapi.described(
        operation_id="product_bundles_events",
        tags=["product bundles"],
        summary="Report what became of showings",
        request=BundleEventsSerializer,
        responses={
            200: BundleIntakeSerializer,
            400: BundleProblemSerializer,
            413: BundleProblemSerializer,
            429: BundleProblemSerializer,
            503: BundleProblemSerializer,
        },
        examples=[
            openapi.example_request("Seen and clicked", openapi.REPORTS),
            openapi.example("One was sent again", openapi.INTAKE),
            openapi.example("No batch", openapi.NO_BATCH, status=400),
            openapi.example("Too large", openapi.TOO_LARGE, status=413),
            openapi.example("Too many batches", openapi.TOO_MANY_BATCHES, status=429),
            openapi.example("Try again", openapi.NOTHING_COUNTED, status=503),
        ],
    )
    def post(self, request: Request) -> Any:
        """After 200 everything that can be counted is written; after any other answer nothing is.

        The same batch may be sent again after 429 and 5xx, when `Retry-After` is over: each report counts once.
        """
        return events(request._request)


@openapi.as_described_by(EventIntake)
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
    # They are made for DRF's requests, and ask no more of one than Django's has.
    throttles: list[Any] = [EventThrottle(), EventAddressThrottle()]
    for throttle in throttles:
        if not throttle.allow_request(request, None):
            wait_seconds = str(int(throttle.wait() or 0) + 1)
            return _problem("Too many batches.", "throttled", status=429, **{"Retry-After": wait_seconds})
    reports = reports_of(request.body)
    now = timezone.now()
    known_as = subjects.known_as(request)
    subject = known_as[0] if known_as else subjects.passer_by(throttles[0].get_ident(request), day_of(now))
    counts = take_in(reports, visitor=Visitor(subject=subject, known_as=known_as), now=now)
    return _response({outcome: counts[outcome] for outcome in Outcome.values})


def _problem(detail: str, code: str, *, status: int, **headers: str) -> JsonResponse:
    return _response({"detail": detail, "code": code}, status=status, headers=headers)


def _response(body: dict[str, Any], **options: Any) -> JsonResponse:
    response = JsonResponse(body, **options)
    response.headers["Cache-Control"] = "no-store"
    return response
