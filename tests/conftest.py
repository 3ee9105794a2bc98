"""Fixtures that tests in several folders share. The suite runs on a real PostgreSQL; see `tests/settings.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, settings

# `make test-money` asks for the second one by name.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("hundred_thousand", settings.get_profile("default"), max_examples=100_000, database=None)
settings.load_profile("default")

DATA_DIR = Path(os.environ.get("BUNDLE_DATA_DIR") or Path(__file__).resolve().parents[2] / "shared" / "data")


@pytest.fixture(autouse=True)
def _speaks_english() -> Iterator[None]:
    """A request leaves its language active in its thread, and tests share one."""
    yield
    translation.deactivate()


@pytest.fixture
def tutorial_shop(settings: Any, tmp_path: Path) -> Any:
    """BUNDLE_APP pointed at the tutorial shop, with a work directory and a model storage of its own."""
    settings.BUNDLE_APP = {
        "ADAPTER": "bundle_app.shop.FieldMapAdapter",
        "MAP": {"preset": "tutorial"},
        "WORK_DIR": tmp_path / "work",
        "LEASE_SECONDS": 3,
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "bundle_app": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "artefacts"},
        },
    }
    return settings


@pytest.fixture
def public_data() -> Path:
    """The folder of public data sets."""
    if not DATA_DIR.is_dir():
        pytest.skip(f"no public data at {DATA_DIR}: set BUNDLE_DATA_DIR")
    return DATA_DIR


@pytest.fixture
def unreachable_broker() -> Iterator[None]:
    """A current Celery app whose broker nobody listens for."""
    from celery import Celery
    from celery.app import app_or_default

    before = app_or_default()
    Celery("unreachable", broker="amqp://127.0.0.1:1//", set_as_current=True)
    yield
    before.set_current()
