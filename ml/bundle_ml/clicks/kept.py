"""Figures of seeds that are measured already, so that a run that was stopped goes on where it was.

They lie beside the results, a file a seed, and are swept away when the results are written. Only what was measured
alike is taken: by the same protocol and by the same code, to the letter.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle_ml.durable import replace_file


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one protocol, which says all that a seed's figures depend on."""

    folder: Path
    protocol: Mapping[str, Any]

    @classmethod
    def beside(cls, results: Path, protocol: Mapping[str, Any]) -> Kept:
        return cls(results.with_name(f"{results.stem}_seeds"), json.loads(json.dumps(protocol)))

    def get(self, seed: int) -> dict[str, Any] | None:
        """What was measured; None where nothing was, or otherwise."""
        try:
            found = json.loads(self._path(seed).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return found["figures"] if found["protocol"] == self.protocol else None

    def put(self, seed: int, figures: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"protocol": self.protocol, "figures": figures})
        replace_file(self._path(seed), content.encode())

    def sweep(self, seeds: Iterable[int]) -> None:
        """Remove what was kept of these seeds, and the folder unless something else lies in it."""
        for seed in seeds:
            self._path(seed).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, seed: int) -> Path:
        return self.folder / f"{seed}.json"


def code_digest(module_name: str) -> str:
    """A digest of this package's source, and of the module from which the truth comes."""
    paths = set(Path(__file__).parent.glob("*.py"))
    if source := getattr(importlib.import_module(module_name), "__file__", None):
        paths.add(Path(source))
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()
