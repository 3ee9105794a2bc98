"""SQLite is enough for trying out: the same commands, without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.process


def test_a_shop_on_sqlite_is_filled_trained_and_examined(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "CELERY_BROKER_URL"}
    }
    environment |= {"DEMO_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "example_shop.settings"}

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    manage("migrate", "--verbosity", "0")
    manage("seed_shop", "--orders", "400")
    assert "is live with" in manage("bundles_train")
    assert "✓ model files" in manage("bundles_doctor")
