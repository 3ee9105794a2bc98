"""SQLite is enough for trying out: the same commands, without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
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
    log = tmp_path / "log.jsonl"
    times = [(datetime.now(UTC) - timedelta(minutes=minutes)).isoformat() for minutes in range(5)]
    rows = [{"time": at, "kind": "click", "bundle": 1, "subject": "7"} for at in times]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert manage("bundles_import_events", str(log)) == "5 events imported, 0 were there already.\n"
    assert manage("bundles_import_events", str(log)) == "0 events imported, 5 were there already.\n"
    assert manage("bundles_aggregate").endswith("experiments counted, 0 old rows deleted.\n")
    assert manage("bundles_forget", "7") == "5 events deleted.\n"
