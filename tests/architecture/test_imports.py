"""The import directions of the design. `make check` runs them too; here a failure names the contract."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [ROOT / "bundle_app", ROOT / "ml" / "bundle_ml"]


def test_imports_run_downwards_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("module", ["pickle", "marshal", "shelve", "dill", "joblib"])
def test_nothing_that_is_shipped_can_unpickle(module: str) -> None:
    for path in (path for folder in SHIPPED for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert module not in {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != module, path
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("torch", "load"), path


def test_every_module_says_what_it_holds() -> None:
    for folder in [*SHIPPED, ROOT / "example_shop"]:
        for path in folder.rglob("*.py"):
            if "migrations" in path.parts or not path.read_text(encoding="utf-8").strip():
                continue
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"
