"""One demonstration for all tests of this folder: trained by `python -m example_shop.demo`, then served by it.

It is the command behind `make demo`, run as a user would run it, in a folder of its own, with its own PostgreSQL and a
real Celery worker.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_TRAIN = 900
SECONDS_TO_START = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(demo_dir: Path, **changes: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "ORDERS", "PORT"}
    }
    steady = {"PYTHONUNBUFFERED": "1", "EXPLORATION_RATIO": "0"}  # what a page shows is what a test says
    return {**inherited, **steady, "DEMO_DIR": str(demo_dir), **changes}


def demo_command(demo_dir: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration to its end."""
    return subprocess.run(
        [sys.executable, "-m", "example_shop.demo"],
        cwd=ROOT,
        env=environment(demo_dir, **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_TO_TRAIN,
    )


@dataclass(frozen=True, kw_only=True)
class Demo:
    folder: Path
    url: str
    summary: dict[str, Any]
    log: Path

    def ask(self, code: str) -> Any:
        """Run Python inside the shop's Django and return what it prints as JSON."""
        wrapped = (
            "import json, os; from pathlib import Path; from example_shop.postgres import embedded_postgres_url; "
            "os.environ['DATABASE_URL'] = embedded_postgres_url(Path(os.environ['DEMO_DIR']) / 'postgres'); "
            f"import django; django.setup()\n{code}"
        )
        result = subprocess.run(
            [sys.executable, "-c", wrapped],
            cwd=ROOT,
            env=environment(self.folder, DJANGO_SETTINGS_MODULE="example_shop.settings"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])


def new_folder() -> Path:
    """A folder for a PostgreSQL. Not pytest's: each new run of pytest closes that to other users, the server's among
    them, under a server that another run has started there."""
    return Path(tempfile.mkdtemp(prefix="demo-", dir=os.environ["BUNDLE_TEST_SCRATCH"]))


@pytest.fixture
def folder() -> Path:
    return new_folder()


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    folder = new_folder()
    trained = demo_command(folder, DEMO_EXIT_AFTER_TRAINING="1")
    assert trained.returncode == 0, trained.stdout[-3000:] + trained.stderr[-3000:]
    port = free_port()
    process, log = start(folder, port)
    yield Demo(
        folder=folder,
        url=f"http://localhost:{port}",
        summary=json.loads(trained.stdout.splitlines()[-1]),
        log=log,
    )
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)


def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the demonstration again and wait until its shop answers. Returns it with the file of what it says."""
    path = folder / f"demo-{port}.log"  # One start, one file: several serve the same folder.
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "example_shop.demo"],
            cwd=ROOT,
            env=environment(folder, PORT=str(port)),
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(f"http://localhost:{port}/", timeout=5).close()
        except OSError:
            assert process.poll() is None, path.read_text()
            assert time.monotonic() < deadline, path.read_text()
            time.sleep(0.2)
        else:
            return process, path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium, driven by Debian's chromedriver."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium with chromedriver here: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,1600",
        "--lang=en",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    session.implicitly_wait(0)
    yield session
    session.quit()
