"""A complete small shop that uses `bundle_app`: catalogue, cart, checkout and a content section, in two languages.

It is not in the wheel. It shows how a shop looks that installed the app, and it is what `make demo` serves. It has no
payment, no delivery and no customer accounts beyond a log-in: those would teach nothing about bundles.
"""

from __future__ import annotations

from example_shop.celery import app as celery_app

__all__ = ["celery_app"]
