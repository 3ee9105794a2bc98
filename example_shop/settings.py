"""Settings of the example shop: everything that differs between machines comes from the environment.

Without any environment it runs on SQLite and a broker of plain files, all below `DEMO_DIR`. `make demo` sets
DATABASE_URL to the PostgreSQL that it starts. `production.py` beside this is what a public server would use.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = Path(os.environ.get("DEMO_DIR", BASE_DIR / ".demo")).resolve()
DEMO_DIR.mkdir(parents=True, exist_ok=True)


def _kept_secret_key(path: Path) -> str:
    """The key in a file that only its owner can read; made on first use, so that sessions outlive a restart."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    key = get_random_secret_key()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
    return key


SECRET_KEY = os.environ.get("SECRET_KEY") or _kept_secret_key(DEMO_DIR / "secret_key")
DEBUG = os.environ.get("DEBUG", "") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "import_export",
    "bundle_app",
    "example_shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "example_shop.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example_shop.urls"
WSGI_APPLICATION = "example_shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "example_shop" / "templates_before"],  # What is to stand before the admin's own.
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example_shop.context_processors.shop",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{DEMO_DIR / 'shop.sqlite3'}", conn_max_age=60, conn_health_checks=True
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "example_shop" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")

STATIC_URL = "/static/"
STATIC_ROOT = DEMO_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns of a missing one, also where it serves from the apps' own folders
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "bundle_app": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DEMO_DIR / "artefacts"},
    },
}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

SHOP_NAME = os.environ.get("SHOP_NAME", "Larkfield")
SHOP_CURRENCY = os.environ.get("SHOP_CURRENCY", "EUR")

BUNDLE_APP = {
    "ADAPTER": "example_shop.bundles.ExampleShopAdapter",
    "MAP": {"preset": "example_shop"},
    "CURRENCY": SHOP_CURRENCY,
    "WORK_DIR": DEMO_DIR / "work",
    "DISCOUNT_PERCENT": {"pair": 5, "set": 10},
    "EVENT_THROTTLE": os.environ.get("EVENT_THROTTLE", "120/min"),
    "EXPLORATION_RATIO": float(os.environ.get("EXPLORATION_RATIO", "0.05")),
}
REST_FRAMEWORK: dict[str, object] = {}
if find_spec("drf_spectacular"):
    INSTALLED_APPS.append("drf_spectacular")
    REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"] = "drf_spectacular.openapi.AutoSchema"

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    for _folder in ("messages", "control"):
        (DEMO_DIR / "broker" / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": DEMO_DIR / "broker" / "messages",
        "data_folder_out": DEMO_DIR / "broker" / "messages",
        "control_folder": DEMO_DIR / "broker" / "control",
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ROUTES = {"bundle_app.*": {"queue": "bundles"}}
CELERY_BEAT_SCHEDULE = {
    "train on the orders of yesterday": {"task": "bundle_app.train", "schedule": crontab(hour=3, minute=30)},
    "credit sales to what was shown": {"task": "bundle_app.attribute", "schedule": crontab(minute=10)},
    "count the figures of the days": {"task": "bundle_app.aggregate", "schedule": crontab(hour=2, minute=20)},
    "learn from clicks": {"task": "bundle_app.learn_from_clicks", "schedule": crontab(hour=5, minute=0)},
    "put right what was left behind": {"task": "bundle_app.sweep", "schedule": crontab(minute="*/15")},
}
CELERY_TIMEZONE = TIME_ZONE
