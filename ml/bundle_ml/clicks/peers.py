"""Other packages' bandits on the same pages: each a process that is told of a day and answers, by files.

Scripts live in `ml/benchmarks/peers/for_clicks` of the source tree and run in the peers' environment.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bundle_ml.benchmark.peers import FOLDER, PYTHON
from bundle_ml.clicks.truth import Answers, Numbers, Pages, Reals, Truth
from bundle_ml.errors import BundleMLError, SettingsError

SCRIPTS = FOLDER / "for_clicks"
NAMES = ("linucb", "thompson", "epsilon_greedy")


class PeerError(BundleMLError, RuntimeError):
    """A peer's process ended early; its last words are in the message."""


@dataclass(slots=True)
class Peer:
    """A `trial.PagePolicy` of another package; a context manager, since it holds a process."""

    name: str
    truth: Truth
    promised_RH: Reals
    """The value of each arm that ours starts from."""
    seed: int
    python: Path = PYTHON
    _process: subprocess.Popen[str] | None = None
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def __enter__(self) -> Peer:
        script = SCRIPTS / f"{self.name}.py"
        if not (self.python.is_file() and script.is_file()):
            raise SettingsError(
                f"Found no {script if self.python.is_file() else self.python}; expected the source tree and the "
                "peers' environment. Build it with: make .venv-peers/.done, or leave the peers out: --peers none."
            )
        self._process = subprocess.Popen(
            [str(self.python), str(script)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begin = self._write(
            "begin",
            anchor_of_R=self.truth.anchor_of_R,
            promised_RH=self.promised_RH,
            slot_count=np.asarray(self.truth.slot_count),
            seed=np.asarray(self.seed),
        )
        self._ask({"begin": begin})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        out = str(Path(self._folder.name) / "columns.npy")
        self._ask({"show": self._write("show", arms_NC=pages.arms_NC, contexts_N=pages.contexts_N), "out": out})
        columns_NK: Numbers = np.load(out)
        return columns_NK, columns_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None:
        arrays = {"arms_NC": pages.arms_NC, "contexts_N": pages.contexts_N, "columns_NK": columns_NK}
        self._ask({"learn": self._write("learn", **arrays, clicks_NK=answers.clicks_NK)})

    def _write(self, name: str, **arrays: Any) -> str:
        path = str(Path(self._folder.name) / f"{name}.npz")
        np.savez(path, **arrays)
        return path

    def _ask(self, message: dict[str, str]) -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None or process.stderr is None:
            raise PeerError(f"{self.name} was asked before it began; expected `with Peer(…) as peer`.")
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words say why
        if process.stdout.readline().strip() != "done":
            words = process.stderr.read().strip().splitlines()
            raise PeerError(f"{self.name} ended while answering: {words[-1] if words else 'it said nothing'}")
