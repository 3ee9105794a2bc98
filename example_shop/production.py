"""Settings for a public server: `manage.py check --deploy --settings example_shop.production` finds nothing to say.

The environment must give SECRET_KEY, ALLOWED_HOSTS, DATABASE_URL and CELERY_BROKER_URL; a missing one stops the start.
"""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from example_shop.settings import *  # noqa: F403  (settings modules are made to be extended so)
from example_shop.settings import STORAGES

_missing = [
    name for name in ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL") if not os.environ.get(name)
]
if _missing:
    raise ImproperlyConfigured(
        f"The environment lacks {', '.join(_missing)}; a public server must be given each of them."
    )

DEBUG = False
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
X_FRAME_OPTIONS = "DENY"
WHITENOISE_USE_FINDERS = False
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
