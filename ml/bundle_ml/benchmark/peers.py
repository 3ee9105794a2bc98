"""Other packages' models: which there are, and how one is started.

A peer is a script in `ml/benchmarks/peers` that is called `NAME.py SPLIT OUT --budget-seconds N`, reads the split with
numpy and writes answers (see `answers`). Scripts are started by the interpreter of an environment of their own, which
`make benchmark` builds. What the scripts share has no main part and is no peer. Peers of another
task than the completion of baskets begin with its name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import bundle_ml
from bundle_ml.errors import SettingsError

SOURCES = Path(bundle_ml.__file__).resolve().parents[2]
"""The source tree, where the package was not installed from a wheel."""
FOLDER = SOURCES / "ml" / "benchmarks" / "peers"
PYTHON = SOURCES / ".venv-peers" / "bin" / "python"
MAIN = '__name__ == "__main__"'
OTHER_TASKS = ("next_basket_",)
ALL, NONE = "all", "none"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    script: Path
    python: Path

    def command(self, split: Path, out: Path, *, budget_seconds: float) -> list[str]:
        return [str(self.python), str(self.script), str(split), str(out), "--budget-seconds", str(budget_seconds)]

    def version(self) -> str:
        """A digest of the script and of those beside it, which it may share."""
        digest = hashlib.sha256(self.name.encode())
        for path in sorted(self.script.parent.glob("*.py")):
            if path == self.script or not _is_peer(path):
                digest.update(path.read_bytes())
        return digest.hexdigest()


def find_peers(wanted: str, *, folder: Path = FOLDER, python: Path = PYTHON, prefix: str = "") -> list[Peer]:
    """Return the peers named, separated by commas; 'all' and 'none' are what they say.

    `prefix` is that of the task's scripts, and no part of a peer's name.

    Raises:
        SettingsError: a peer is unknown, or there are no peers or no environment for them.
    """
    if wanted == NONE:
        return []
    if not folder.is_dir():
        raise SettingsError(
            f"Found no folder {str(folder)!r} of peers; expected the source tree, since a wheel holds none. Run from a "
            "checkout, or leave them out: --peers none."
        )
    scripts = {
        path.stem.removeprefix(prefix): path
        for path in sorted(folder.glob(f"{prefix}*.py"))
        if _is_peer(path) and (prefix or not path.stem.startswith(OTHER_TASKS))
    }
    names = list(scripts) if wanted == ALL else [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in names if name not in scripts]
    if unknown:
        raise SettingsError(f"Unknown peer {unknown[0]!r}; expected all, none, or some of {', '.join(scripts)}.")
    if not python.is_file():
        raise SettingsError(
            f"Found no {str(python)!r}; expected the peers' environment. Build it with make benchmark, or name an "
            "interpreter that has ml/benchmarks/requirements.txt with --peers-python, or use --peers none."
        )
    return [Peer(name, scripts[name], python) for name in names]


def _is_peer(script: Path) -> bool:
    return MAIN in script.read_text(encoding="utf-8")
