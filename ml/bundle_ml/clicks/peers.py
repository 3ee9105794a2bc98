"""Other packages' bandits on the same pages: each a process that is told of a day and answers, by files.

Scripts live in `ml/benchmarks/peers/for_clicks` of the source tree and run in the peers' environment.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from bundle_ml.benchmark.peers import FOLDER, PYTHON
from bundle_ml.clicks.truth import Answers, Numbers, Pages, Reals, Truth
from bundle_ml.errors import BundleMLError, SettingsError

SCRIPTS = FOLDER / "for_clicks"
NAMES = ("linucb", "thompson", "epsilon_greedy")


class PeerError(BundleMLError, RuntimeError):
    """A peer's process ended early; its last words are in the message."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A `trial.PagePolicy` of another package, in a process that has begun."""

    name: str
    process: subprocess.Popen[bytes]
    folder: Path

    def show(self, pages: Pages, random: np.random.Generator) -> tuple[Numbers, Numbers]:
        out = str(self.folder / "columns.npy")
        self.tell("show", {"out": out}, arms_NC=pages.arms_NC, contexts_N=pages.contexts_N)
        columns_NK: Numbers = np.load(out)
        return columns_NK, columns_NK

    def learn(self, pages: Pages, columns_NK: Numbers, answers: Answers) -> None:
        pages_as = {"arms_NC": pages.arms_NC, "contexts_N": pages.contexts_N}
        self.tell("learn", {}, **pages_as, columns_NK=columns_NK, clicks_NK=answers.clicks_NK)

    def tell(self, what: str, more: dict[str, str], **arrays: Any) -> None:
        """Hand arrays over in a file and wait until it is done with them.

        Raises:
            PeerError: it ended instead.
        """
        path = self.folder / f"{what}.npz"
        np.savez(path, **arrays)
        to_peer, from_peer, errors = (cast(IO[bytes], each) for each in self._pipes)
        with suppress(BrokenPipeError):  # its last words say why
            to_peer.write(json.dumps({what: str(path)} | more).encode() + b"\n")
        if from_peer.readline().strip() != b"done":
            words = errors.read().decode(errors="replace").strip().splitlines()
            raise PeerError(f"{self.name} ended while answering: {words[-1] if words else 'it said nothing'}")

    @property
    def _pipes(self) -> tuple[IO[bytes] | None, ...]:
        return self.process.stdin, self.process.stdout, self.process.stderr


@contextmanager
def begun(name: str, truth: Truth, promised_RH: Reals, *, seed: int, python: Path = PYTHON) -> Iterator[Peer]:
    """Start a peer; `promised_RH` is the value of each arm that ours starts from.

    Raises:
        SettingsError: there is no such script, or no environment for it.
        PeerError: it ended early.
    """
    script = SCRIPTS / f"{name}.py"
    if not (python.is_file() and script.is_file()):
        raise SettingsError(
            f"Found no {script if python.is_file() else python}; expected the source tree and the peers' environment. "
            "Build it with: make .venv-peers/.done, or leave the peers out: --peers none."
        )
    pipe = subprocess.PIPE
    command = [str(python), str(script)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process,
    ):
        try:
            peer = Peer(name, process, Path(folder))
            numbers = {"slot_count": np.asarray(truth.slot_count), "seed": np.asarray(seed)}
            peer.tell("begin", {}, anchor_of_R=truth.anchor_of_R, promised_RH=promised_RH, **numbers)
            yield peer
        finally:
            process.kill()
