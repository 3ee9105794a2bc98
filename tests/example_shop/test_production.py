"""The settings of a public server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GIVEN = {
    "SECRET_KEY": "a-long-key-of-many-different-letters-0123456789-abcdefghijklmnop",
    "ALLOWED_HOSTS": "shop.example.org",
    "DATABASE_URL": "postgres://shop@db/shop",
    "CELERY_BROKER_URL": "redis://broker/0",
}


def check(tmp_path: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {*GIVEN, "DJANGO_SETTINGS_MODULE"}}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        [*command, "--settings", "example_shop.production"],
        env={**kept, **given, "DEMO_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_public_server_passes_the_deployment_check(tmp_path: Path) -> None:
    result = check(tmp_path, GIVEN)
    assert result.returncode == 0, result.stderr


def test_a_setting_that_is_not_given_stops_the_start(tmp_path: Path) -> None:
    result = check(tmp_path, {**GIVEN, "CELERY_BROKER_URL": ""})
    assert result.returncode != 0
    assert "The environment lacks CELERY_BROKER_URL" in result.stderr
