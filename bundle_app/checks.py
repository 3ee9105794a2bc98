"""System checks: what can be known to be wrong before anything runs.

Databases are not asked; that is `manage.py bundles_doctor`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.db import DEFAULT_DB_ALIAS, router

from bundle_app import conf, engine
from bundle_app.exceptions import BundleError, EngineError, MappingError
from bundle_app.shop.adapter import get_adapter
from bundle_app.shop.field_map import FieldMapAdapter

E001_SETTING = "bundle_app.E001"
E002_ADAPTER = "bundle_app.E002"
E003_MAP = "bundle_app.E003"
E004_REST_FRAMEWORK = "bundle_app.E004"
E005_TRAIN = "bundle_app.E005"
E006_DATABASE = "bundle_app.E006"
E007_PROMETHEUS = "bundle_app.E007"
W001_STORAGE = "bundle_app.W001"
W003_NO_ANONYMITY = "bundle_app.W003"
W004_TELLING_ACTIVATION = "bundle_app.W004"


NO_CART = checks.Warning(
    "The shop's cart is not connected: widgets show bundles without a button.",
    hint="Set MAP['cart'] to the dotted path of a function add(request, lines, bundle), or override add_to_cart in an "
    "adapter of your own. See docs/shop-adapter.md.",
    id="bundle_app.W002",
)


@register("bundle_app")
def check_settings(**_: Any) -> list[CheckMessage]:
    """BUNDLE_APP parses, its adapter loads and its map fits the shop's models."""
    try:
        conf.load()
    except BundleError as error:
        return [Error(str(error), id=E001_SETTING)]
    try:
        adapter = get_adapter()
    except BundleError as error:
        return [Error(str(error), id=E002_ADAPTER)]
    try:
        problems = adapter.problems() if isinstance(adapter, FieldMapAdapter) else []
        has_cart = adapter.has_cart
    except MappingError as error:
        problems, has_cart = [str(error)], True
    found: list[CheckMessage] = [Error(problem, hint="Correct BUNDLE_APP['MAP'].", id=E003_MAP) for problem in problems]
    return found if has_cart else [*found, NO_CART]


@register("bundle_app")
def check_training_settings(**_: Any) -> list[CheckMessage]:
    """What BUNDLE_APP["TRAIN"] hands to bundle_ml is understood there."""
    try:
        engine.check_settings(conf.load().train)
    except EngineError as error:
        return [Error(str(error), hint="Correct BUNDLE_APP['TRAIN'].", id=E005_TRAIN)]
    except BundleError:
        return []
    return []


@register("bundle_app")
def check_database(**_: Any) -> list[CheckMessage]:
    """Publishing locks rows in one transaction, on the default database."""
    alias = router.db_for_write(apps.get_model("bundle_app", "Bundle"))
    if alias == DEFAULT_DB_ALIAS:
        return []
    return [
        Error(
            f"The database router sends bundle_app's tables to {alias!r}; they must be on {DEFAULT_DB_ALIAS!r}.",
            hint="The shop's orders and products may be on any database.",
            id=E006_DATABASE,
        )
    ]


@register("bundle_app")
def check_rest_framework(**_: Any) -> list[CheckMessage]:
    if apps.is_installed("rest_framework"):
        return []
    return [
        Error(
            "bundle_app serves REST by Django REST framework, which is not installed as an app.",
            hint="Add 'rest_framework' to INSTALLED_APPS.",
            id=E004_REST_FRAMEWORK,
        )
    ]


@register("bundle_app")
def check_prometheus(**_: Any) -> list[CheckMessage]:
    try:
        is_wanted = bool(conf.load().metrics_token)
    except BundleError:
        return []
    if not is_wanted or find_spec("prometheus_client"):
        return []
    return [
        Error(
            "BUNDLE_APP['METRICS_TOKEN'] is set, but prometheus_client is not installed.",
            hint="pip install 'django-product-bundles[prometheus]', or take the setting out.",
            id=E007_PROMETHEUS,
        )
    ]


@register("bundle_app")
def check_k_anonymity(**_: Any) -> list[CheckMessage]:
    """The threshold of counts hides what it is there to hide."""
    try:
        settings = conf.load()
    except BundleError:
        return []
    found: list[CheckMessage] = []
    if settings.k_anonymity == 1:
        found.append(
            checks.Warning(
                "BUNDLE_APP['K_ANONYMITY'] is 1: shoppers are told of bundles that one single order holds.",
                hint="Set it to 5, the default, or more.",
                id=W003_NO_ANONYMITY,
            )
        )
    least = settings.auto_activate.min_support if settings.auto_activate else 0
    if 0 < least < settings.k_anonymity:
        found.append(
            checks.Warning(
                f"BUNDLE_APP['AUTO_ACTIVATE']['min_support'] is {least}, below K_ANONYMITY, {settings.k_anonymity}: "
                "that a bundle goes live by itself tells more of its orders than is told in words.",
                hint="Raise min_support to K_ANONYMITY, or leave it out.",
                id=W004_TELLING_ACTIVATION,
            )
        )
    return found


@register("bundle_app")
def check_storage(**_: Any) -> list[CheckMessage]:
    """Models are kept where they survive a restart."""
    try:
        settings = conf.load()
    except BundleError:
        return []
    if settings.storage in django_settings.STORAGES:
        return []
    return [
        checks.Warning(
            f"STORAGES has no {settings.storage!r}: trained models are kept in {settings.work_dir / 'artefacts'}.",
            hint="Bundles are served all the same, but a publication that was broken off needs the files. Add to "
            f"STORAGES: {settings.storage!r}: {{'BACKEND': 'django.core.files.storage.FileSystemStorage', "
            "'OPTIONS': {'location': '/var/lib/myshop/models'}}",
            id=W001_STORAGE,
        )
    ]
