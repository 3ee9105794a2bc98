"""How often a visitor may ask: BUNDLE_APP["API_THROTTLE"], whatever the host's DRF settings are."""

from __future__ import annotations

from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from bundle_app import conf


class VisitorThrottle(SimpleRateThrottle):
    """One rate per account, or per address for those without one. The cache holds a pseudonym of either.

    The address is the peer's. X-Forwarded-For, which a client can write, is believed only where the host says how many
    proxies stand before it, by DRF's NUM_PROXIES.
    """

    scope = "bundle_app"

    def get_rate(self) -> str:
        return conf.load().api_throttle

    def get_ident(self, request: Request) -> str:
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return str(super().get_ident(request))

    def visitor(self, request: Request) -> str:
        user = getattr(request, "user", None)
        return f"account:{user.pk}" if user is not None and user.is_authenticated else self.get_ident(request)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        pseudonym = salted_hmac("bundle_app.api.throttles", self.visitor(request), algorithm="sha256").hexdigest()
        return f"{self.scope}_throttle_{pseudonym}"
