"""drf-spectacular, where it is installed; where it is not, the same names do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework.settings import api_settings
from rest_framework.views import APIView

try:
    from drf_spectacular import extensions, openapi, utils

    IS_INSTALLED = True
except ImportError:
    IS_INSTALLED = False

View = TypeVar("View", bound=Callable[..., Any])

OFFER = {
    "id": 17,
    "title": "Aurora 14 laptop + Wireless mouse",
    "kind": "pair",
    "why": "Bought together in 132 orders",
    "currency": "EUR",
    "full_price": "1328.90",
    "discount": "66.45",
    "total": "1262.45",
    "price_form": "percent",
    "note": "5 % off",
    "combinable": False,
    "valid_until": "2026-12-24T23:00:00Z",
    "impression": "",
    "words": {
        "unit_prices": ["€1,299.00", "€29.90"],
        "full_price": "€1,328.90",
        "total": "€1,262.45",
        "saving": "You save €66.45",
    },
    "parts": [
        {
            "key": "LAP-14-16",
            "item_key": "LAP-14",
            "title": "Aurora 14 laptop, 16 GB",
            "url": "/p/aurora-14/",
            "image_url": "/media/aurora-14.webp",
            "quantity": 1,
            "unit_price": "1299.00",
            "line_total": "1299.00",
            "discount": "64.95",
            "in_cart": False,
            "variants": [
                {
                    "key": "LAP-14-16",
                    "title": "16 GB",
                    "unit_price": "1299.00",
                    "available": True,
                    "chosen": True,
                },
                {
                    "key": "LAP-14-32",
                    "title": "32 GB",
                    "unit_price": "1499.00",
                    "available": True,
                    "chosen": False,
                },
            ],
        },
        {
            "key": "MOU-1",
            "item_key": "MOU-1",
            "title": "Wireless mouse",
            "url": "/p/wireless-mouse/",
            "image_url": "",
            "quantity": 1,
            "unit_price": "29.90",
            "line_total": "29.90",
            "discount": "1.50",
            "in_cart": False,
            "variants": [],
        },
    ],
}
COUNTS = {
    "impressions": 12480,
    "clicks": 611,
    "adds": 214,
    "dismissals": 35,
    "surplus": 4,
    "purchases": "96.500000",
    "orders": 1874,
    "explored_impressions": 302,
    "ctr": {"value": 0.04896, "low": 0.04531, "high": 0.05289},
    "add_rate": {"value": 0.01715, "low": 0.01502, "high": 0.01957},
    "conversion": {"value": 0.00773, "low": 0.00634, "high": 0.00942},
    "attach_rate": {"value": 0.05149, "low": 0.0424, "high": 0.06242},
    "amounts": {"EUR": {"revenue": "8412.3000", "margin": "2931.1000", "discount": "402.2500"}},
}
FIGURES = {"key": "17", "name": "Aurora 14 laptop + Wireless mouse", "now": COUNTS, "before": COUNTS}
REPORTS = {
    "events": [
        {"token": "AgAAAGnIkV4RAAAAAQ…", "kind": "impression", "ago_seconds": 41.7},
        {"token": "AgAAAGnIkV4RAAAAAQ…", "kind": "click", "ago_seconds": 1.5},
    ]
}
INTAKE = {"accepted": 1, "replayed": 1, "late": 0, "forged": 0, "foreign": 0, "malformed": 0}
NO_BATCH = {"detail": "The batch holds 240 events; expected at most 100. Split it.", "code": "invalid"}
TOO_LARGE = {"detail": "A batch has at most 131072 bytes.", "code": "too_large"}
TOO_MANY_BATCHES = {"detail": "Too many batches.", "code": "throttled"}
NOTHING_COUNTED = {
    "detail": "The database cannot be reached. Nothing was counted; send the same batch again.",
    "code": "try_again",
}
NO_GROUPING = {
    "detail": "'by': Select a valid choice. shopper is not one of the available choices.",
    "code": "invalid",
}
NOT_ALLOWED = {"detail": "You do not have permission to perform this action.", "code": "permission_denied"}
NOT_ON_OFFER = {"detail": "This set is not on offer any more.", "code": "not_found"}
NOT_OFFERED = {"detail": "That choice is not offered any more. Please choose once more.", "code": "invalid"}
SOLD_OUT = {"detail": "Sold out: Wireless mouse. Nothing was added to your cart.", "code": "cannot_add"}
THROTTLED = {"detail": "Request was throttled. Expected available in 37 seconds.", "code": "throttled"}
TRY_AGAIN = {"detail": "The database does not answer. Try again.", "code": "try_again"}
INVALID = {"detail": "There are 80 items; expected at most 50.", "code": "invalid"}
NO_TOKEN = {"detail": "CSRF Failed: CSRF token missing.", "code": "permission_denied"}


def described(**schema: Any) -> Callable[[View], View]:
    """`extend_schema` of drf-spectacular; it leaves a method as it is where that is not installed."""
    return utils.extend_schema(**schema) if IS_INSTALLED else lambda method: method


def view_schema() -> Any:
    """drf-spectacular's inspector, even in a host whose DEFAULT_SCHEMA_CLASS is another: no warning comes from here."""
    host_class: Any = api_settings.DEFAULT_SCHEMA_CLASS  # DRF has imported the path by now
    return openapi.AutoSchema() if IS_INSTALLED and not issubclass(host_class, openapi.AutoSchema) else host_class()


def query(name: str, about: str, *, many: bool = False, kind: type = str) -> Any:
    """A query parameter; `many` may be given more than once."""
    return utils.OpenApiParameter(name, kind, description=about, many=many) if IS_INSTALLED else None


def csrf_header() -> Any:
    about = "The CSRF token, as Django's cookie holds it."
    return (
        utils.OpenApiParameter("X-CSRFToken", str, utils.OpenApiParameter.HEADER, required=True, description=about)
        if IS_INSTALLED
        else None
    )


def example(name: str, value: Any, *, status: int = 200) -> Any:
    """An answer as it looks: examples of failures are those with their status."""
    return (
        utils.OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
        if IS_INSTALLED
        else None
    )


def example_request(name: str, value: Any) -> Any:
    return utils.OpenApiExample(name, value=value, request_only=True) if IS_INSTALLED else None


def as_described_by(cls: type[APIView]) -> Callable[[View], View]:
    """A view that is none of DRF's is described as if it were this one: by these two attributes they are known."""

    def marked(view: View) -> View:
        vars(view).update(cls=cls, initkwargs={})
        return view

    return marked


if IS_INSTALLED:

    class CsrfSessionScheme(extensions.OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
        """Tells drf-spectacular what `CsrfSessionAuthentication` is; defining the class registers it."""

        target_class = "bundle_app.api.authentication.CsrfSessionAuthentication"
        name = "cookieAuth"

        def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
            from django.conf import settings

            return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
