"""The one door to bundle_ml.

Training runs in a child process, `python -m bundle_ml train`, and never in the worker itself: a prefork worker that
once imported torch keeps its memory for good, and CUDA cannot be initialised after a fork. What comes back is read
with the standard library, so this module, too, imports no torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from bundle_app.exceptions import ArtefactRejected, EngineError, EngineUnavailable

if TYPE_CHECKING:
    from bundle_ml.artefact import Candidate, Manifest

__all__ = [
    "Candidate",
    "Manifest",
    "Progress",
    "candidates",
    "check_settings",
    "missing_libraries",
    "train",
    "verified_manifest",
]

TRAINING_LIBRARIES = ("torch", "scipy", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the learning process stands; `progress` runs from 0 to 1 over all its stages."""

    stage: str
    progress: float
    message: str = ""
    epoch: int | None = None
    loss: float | None = None
    validation_ndcg: float | None = None


def missing_libraries() -> list[str]:
    """Which of the libraries that training needs are not installed here."""
    return [name for name in TRAINING_LIBRARIES if find_spec(name) is None]


def check_settings(settings: Mapping[str, Any]) -> None:
    """Find out before anything runs whether bundle_ml understands these settings.

    Raises:
        EngineError: names the setting, with the nearest known name.
    """
    from bundle_ml.errors import BundleMLError
    from bundle_ml.settings import Settings

    try:
        json.dumps(dict(settings))
        Settings.from_mapping(settings)
    except (BundleMLError, TypeError, ValueError) as error:
        raise EngineError(str(error)) from error


def train(
    *,
    lines: Path,
    items: Path,
    out: Path,
    work: Path,
    settings: Mapping[str, Any],
    views: Path | None = None,
    warm_start: Path | None = None,
    on_progress: Callable[[Progress], None],
) -> None:
    """Train on exported files and write an artefact to `out`. An exception from `on_progress` ends the child.

    With `warm_start`, an earlier artefact, training goes on from there. `views` are what shoppers looked at.

    Raises:
        EngineUnavailable: the training libraries are not installed.
        EngineError: the child failed; the message is its own last words.
    """
    if missing := missing_libraries():
        raise EngineUnavailable(
            _(
                "Training needs %(libraries)s, which are not installed here. "
                "Run on the worker: pip install 'django-product-bundles[train]'"
            )
            % {"libraries": ", ".join(missing)}
        )
    config = out.with_suffix(".config.json")
    config.write_text(json.dumps(dict(settings)))
    command = [sys.executable, "-m", "bundle_ml", "train", "--progress", "json", "--exit-with-parent"]
    command += ["--lines", str(lines), "--items", str(items), "--out", str(out), "--work", str(work)]
    command += ["--config", str(config)]
    if views:
        command += ["--views", str(views)]
    if warm_start:
        command += ["--warm-start", str(warm_start)]
    with tempfile.TemporaryFile("w+") as errors:
        # The child watches its standard input: when this process dies, even by SIGKILL, the pipe closes and it ends.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        with child:
            try:
                _follow(child.stdout, on_progress)
            except BaseException:
                child.kill()
                raise
        if child.returncode != 0:
            raise EngineError(_last_words(errors, child.returncode))


def _follow(output: IO[str] | None, on_progress: Callable[[Progress], None]) -> None:
    for line in output or ():
        report = json.loads(line)
        if "stage" in report:
            on_progress(Progress(**{key: value for key, value in report.items() if value is not None}))


def _last_words(errors: IO[str], returncode: int) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors if line.strip()]
    if returncode == 2 and lines:
        return lines[-1].removeprefix("error: ")
    if returncode < 0:
        return _(
            "The learning process was killed by signal %(signal)s. Signal 9 mostly means that memory ran out: "
            "give the worker more, or set BUNDLE_APP['HISTORY_DAYS'] to learn from fewer orders."
        ) % {"signal": -returncode}
    return _("The learning process ended with code %(code)s. Its last words: %(words)s") % {
        "code": returncode,
        "words": "\n".join(lines[-15:]) or "–",
    }


def verified_manifest(artefact: Path) -> Manifest:
    """The manifest of an artefact all of whose files are as they were written.

    Raises:
        ArtefactRejected: a file is missing, changed or foreign.
    """
    from bundle_ml.artefact import verify

    with _rejecting():
        return verify(artefact)


def candidates(artefact: Path) -> Iterator[Candidate]:
    """The bundles that were composed, grouped by anchor, best first.

    Raises:
        ArtefactRejected: a line is no candidate.
    """
    from bundle_ml.artefact import iter_candidates

    with _rejecting():
        yield from iter_candidates(artefact)


@contextmanager
def _rejecting() -> Iterator[None]:
    from bundle_ml.errors import BundleMLError

    try:
        yield
    except (BundleMLError, OSError) as error:
        raise ArtefactRejected(
            _("%(error)s Nothing was published; what was live stays live.") % {"error": error}
        ) from error
