"""Settings of a shop whose own tables, sessions among them, stand in another database than those of bundles.

SHOP_DATABASE_URL names the shop's, DATABASE_URL the other. Connections are kept open and never looked at before use,
and each page is a transaction in the shop's: an outage is hardest on these.
"""

from __future__ import annotations

import os
from typing import Any

import dj_database_url

from tests.settings import *  # noqa: F403
from tests.settings import BUNDLE_APP, CELERY_BROKER_URL, DATABASES

SHOPS_OWN = {"shop", "orders", "sessions"}


class Router:
    """The shop's own apps have their database, all others the default one."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "shop" if model._meta.app_label in SHOPS_OWN else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == ("shop" if app_label in SHOPS_OWN else "default")


DATABASES["shop"] = dj_database_url.parse(os.environ["SHOP_DATABASE_URL"])
for _database in DATABASES.values():
    _database["CONN_MAX_AGE"], _database["CONN_HEALTH_CHECKS"] = None, False
DATABASES["shop"]["ATOMIC_REQUESTS"] = True
DATABASE_ROUTERS = [Router()]

BUNDLE_APP = {
    **BUNDLE_APP,
    "ADAPTER": "tests.bundle_app.tutorial_shop.SessionCartAdapter",
    "MAP": {"preset": "tutorial", "line": {"impression": "impression", "discount": "discount"}},
    "IMPORT_IN_BACKGROUND_BYTES": 1,
    "LEASE_SECONDS": 3,
}
if CELERY_BROKER_URL.startswith("redis"):  # After so long it hands out again what was not acknowledged.
    CELERY_BROKER_TRANSPORT_OPTIONS = dict[str, Any](visibility_timeout=10)
ROOT_URLCONF = "tests.reliability.shop_pages"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
