"""Who is asking: the shop's own session, with the CSRF check that an anonymous cart needs as well."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class CsrfSessionAuthentication(SessionAuthentication):
    """DRF checks the CSRF token of logged-in shoppers only; a cart in an anonymous session deserves no less."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        self.enforce_csrf(request)
        return super().authenticate(request)
