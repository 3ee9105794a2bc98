"""Settings of the test suite: the example shop's own, plus the tutorial shop beside it, on a real PostgreSQL.

DATABASE_URL names the server; without it one is started out of a wheel, and ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from example_shop.postgres import embedded_postgres_url

if "BUNDLE_TEST_SCRATCH" not in os.environ:
    os.environ["BUNDLE_TEST_SCRATCH"] = tempfile.mkdtemp(prefix="bundle-tests-")
    # Registered before the server's own end, and so run after it. Worker processes inherit the folder and leave it.
    atexit.register(shutil.rmtree, os.environ["BUNDLE_TEST_SCRATCH"], ignore_errors=True)
SCRATCH = Path(os.environ["BUNDLE_TEST_SCRATCH"])
if "DATABASE_URL" not in os.environ:  # Workers inherit it: one that is killed holds no handle on the server.
    os.environ["DATABASE_URL"] = embedded_postgres_url(SCRATCH / "postgres")
os.environ["DEMO_DIR"] = str(SCRATCH)

from example_shop.settings import *  # noqa: E402, F403
from example_shop.settings import BUNDLE_APP, CELERY_BROKER_URL, DATABASES, INSTALLED_APPS, STORAGES  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tutorial.shop", "tests.tutorial.orders"]
DATABASES["default"]["CONN_MAX_AGE"] = 0
STORAGES = {**STORAGES, "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
BUNDLE_APP = {**BUNDLE_APP, "WORK_DIR": SCRATCH / "work", "API_THROTTLE": "100000/min", "EVENT_THROTTLE": "100000/min"}
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if "CELERY_BROKER_URL" not in os.environ:
    CELERY_BROKER_URL = "memory://"
