"""The command line, with real processes and real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.__main__ import main, read_settings
from bundle_ml.artefact import read_manifest
from bundle_ml.errors import SettingsError
from tests.ml.conftest import QUICK, TrainedShop
from tests.ml.worlds import write_lines

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bundle_ml", *map(str, arguments)]


def _train_command(shop: TrainedShop, directory: Path, *more: object) -> list[str]:
    config = directory / "config.json"
    config.write_text(json.dumps(QUICK.to_json()))
    files = (
        "--lines",
        shop.lines,
        "--items",
        shop.items,
        "--out",
        directory / "artefact",
        "--work",
        directory / "work",
    )
    return _command("train", *files, "--config", config, "--progress", "json", *more)


def _start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def _wait_for_checkpoint(process: subprocess.Popen[str], work: Path, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not (work / "checkpoint.safetensors").exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.01)


@pytest.mark.process
def test_a_run_that_was_killed_and_resumed_equals_one_that_was_not(trained_shop: TrainedShop, tmp_path: Path) -> None:
    process = _start(_train_command(trained_shop, tmp_path))
    _wait_for_checkpoint(process, tmp_path / "work")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.communicate()
    assert not (tmp_path / "artefact").exists()

    resumed = subprocess.run(
        _train_command(trained_shop, tmp_path), capture_output=True, text=True, check=True, env=ENVIRONMENT
    )

    events: list[dict[str, Any]] = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert events[-1] == {"result": {"artefact": str(tmp_path / "artefact")}}
    training = [event["progress"] for event in events[:-1] if event["stage"] == "train"]
    assert training[1] > training[0], "the run began anew instead of going on"
    # Weights, statistics, blend and bundles: every file is the same, byte for byte.
    assert read_manifest(tmp_path / "artefact").files == trained_shop.manifest.files


@pytest.mark.process
def test_a_child_goes_when_its_parent_is_gone(trained_shop: TrainedShop, tmp_path: Path) -> None:
    process = _start(_train_command(trained_shop, tmp_path, "--exit-with-parent"))
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()

    process.stdin.close()

    assert process.wait(timeout=20) == 1
    process.stdin = None
    process.communicate()
    assert not (tmp_path / "artefact").exists()


@pytest.mark.process
def test_an_error_that_a_person_can_mend_ends_with_code_2_and_one_line(tmp_path: Path) -> None:
    command = _command("train", "--lines", tmp_path / "no.csv", "--out", tmp_path / "out", "--progress", "json")

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: Found no file")
    assert not (tmp_path / "out").exists()


@pytest.mark.process
@pytest.mark.parametrize("package", ["torch", "scipy", "pyarrow"])
def test_without_the_packages_of_training_there_is_advice(tmp_path: Path, package: str) -> None:
    script = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from bundle_ml.__main__ import main\n"
        "sys.exit(main(['train', '--lines', 'x.csv', '--out', 'y', '--progress', 'none']))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=ENVIRONMENT)

    assert done.returncode == 2
    advice = f"error: Training needs {package}: pip install 'django-product-bundles[train]'"
    assert done.stderr.splitlines()[-1] == advice


def test_an_artefact_is_inspected(trained_shop: TrainedShop, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--artefact", str(trained_shop.artefact)]) == 0
    assert main(["inspect", "--artefact", str(trained_shop.artefact), "--item", "L0"]) == 0

    shown = capsys.readouterr().out
    assert "every file verified" in shown
    assert "bundles of L0" in shown


def test_an_artefact_is_not_evaluated_on_what_it_learned(
    trained_shop: TrainedShop, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--artefact", str(trained_shop.artefact), "--lines", str(trained_shop.lines)]

    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: lines.csv holds no basket")


@pytest.mark.parametrize(("progress", "told"), [("none", True), ("bar", True), ("json", False)])
def test_a_person_is_told_what_became_of_the_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], progress: str, told: bool
) -> None:
    lines = write_lines(tmp_path / "lines.csv", [(1, "mug", 1, "9.00", "", "t"), (1, "", 1, "9.00", "", "t")])

    assert main(["train", "--lines", str(lines), "--out", str(tmp_path / "out"), "--progress", progress]) == 0

    assert ("2 lines read, 1 kept; dropped: 1 null_item" in capsys.readouterr().err) is told


def test_no_config_is_the_defaults_and_a_bad_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    assert read_settings(None).seed == 0
    path.write_text("{")
    with pytest.raises(SettingsError, match=r"config\.json is not JSON"):
        read_settings(path)
    path.write_text("[]")
    with pytest.raises(SettingsError, match="holds list; expected a JSON object"):
        read_settings(path)
