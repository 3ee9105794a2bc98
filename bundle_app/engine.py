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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    "Cell",
    "Impression",
    "LearnedPolicy",
    "Manifest",
    "Place",
    "Progress",
    "arrange",
    "candidates",
    "check_settings",
    "half_width",
    "judge_policy",
    "learn_policy",
    "missing_libraries",
    "train",
    "verified_manifest",
    "watch_policy",
]

LEAST_EFFECTIVE_COUNT = 200.0
"""Impressions that a log must weigh for a new policy before the gate looks at its lead."""
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
    clicks: Path | None = None,
    warm_start: Path | None = None,
    on_progress: Callable[[Progress], None],
) -> None:
    """Train on exported files and write an artefact to `out`. An exception from `on_progress` ends the child.

    With `warm_start`, an earlier artefact, training goes on from there. `views` are what shoppers looked at, `clicks`
    what became of bundles that they were shown.

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
    if clicks:
        command += ["--clicks", str(clicks)]
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


@dataclass(frozen=True, slots=True)
class Place:
    """What stands in one place of a page: the number of a candidate, and the probability with which it came there."""

    candidate: int
    propensity: float


def arrange(
    means: Sequence[float],
    deviations: Sequence[float],
    *,
    place_count: int,
    exploration_ratio: float,
    floor_ratio: float,
    seed: int | None = None,
) -> list[Place]:
    """Fill a page's places with candidates by what they are worth, on some pages with a drawn one: see `bandit.plan`.

    A few operations on small arrays, with numpy and without torch: this is what a web process does.
    """
    import numpy as np

    from bundle_ml.clicks import bandit

    settings = bandit.BanditSettings(exploration_ratio=exploration_ratio, floor_ratio=floor_ratio)
    values = bandit.Values(np.asarray([means], np.float64), np.asarray([deviations], np.float64))
    plan = bandit.plan(values, np.ones((1, len(means)), np.bool_), place_count, settings)
    columns = plan.draw(np.random.default_rng(seed))[0].tolist()
    chances = plan.propensities()[0]
    return [Place(column, float(chances[column, place])) for place, column in enumerate(columns) if column >= 0]


@dataclass(frozen=True, slots=True)
class Cell:
    """Sums over the showings of one arm in one place, counted from 0: of all, of known buyers, and others' sales."""

    arm: int
    place: int
    shown: int
    reward: float
    buyers_shown: int
    buyers_reward: float
    others_sales: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Impression:
    """One showing of an arm, on a page of so many places; impressions of one unit do not err apart."""

    arm: int
    place: int
    place_count: int
    reward: float
    propensity: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedPolicy:
    """`bundle_ml.clicks.nightly.Policy` as plain numbers, by arm; `known` are those shown, or others of their core."""

    beliefs: dict[str, Any]
    qualities: list[float]
    evidence: list[float]
    known: list[int]
    impression_count: int


def learn_policy(
    anchors: Sequence[int],
    features: Sequence[Sequence[float]],
    cores: Sequence[int],
    cells: Sequence[Cell],
    *,
    exploration_ratio: float,
    floor_ratio: float,
) -> LearnedPolicy | None:
    """Fit a policy to a night's sums; None where nothing was rewarded. Arms of one core are alike, these by number."""
    import numpy as np

    from bundle_ml.clicks import bandit, nightly
    from bundle_ml.clicks.counts import Counts

    counts = Counts.none(len(anchors), 1, nightly.PLACE_COUNT)
    for cell in cells:
        where = cell.arm, 0, min(cell.place, nightly.PLACE_COUNT - 1)
        counts.shown_RHK[where] += cell.shown
        counts.reward_RHK[where] += cell.reward
        counts.buyers_shown_RHK[where] += cell.buyers_shown
        counts.buyers_reward_RHK[where] += cell.buyers_reward
        counts.others_sales_RHK[where] += cell.others_sales
    settings = bandit.BanditSettings(exploration_ratio=exploration_ratio, floor_ratio=floor_ratio)
    arms, core_of = nightly.Arms(np.asarray(anchors), np.asarray(features)), np.asarray(cores)
    policy = nightly.learn(arms, core_of, counts, settings)
    if policy is None:
        return None
    shown = np.flatnonzero(counts.shown_RHK.sum(axis=(1, 2)))
    return LearnedPolicy(
        beliefs=policy.beliefs.to_json(),
        qualities=policy.quality_R.tolist(),
        evidence=policy.evidence_R.tolist(),
        known=np.flatnonzero(np.isin(core_of, core_of[shown])).tolist(),
        impression_count=int(counts.shown_RHK.sum()),
    )


def judge_policy(
    anchors: Sequence[int],
    features: Sequence[Sequence[float]],
    impressions: Sequence[Impression],
    *,
    candidate: LearnedPolicy,
    incumbent: LearnedPolicy | None,
    exploration_ratio: float,
    floor_ratio: float,
) -> tuple[dict[str, Any], dict[str, float]]:
    """The gate's decision, `{"code": …, "numbers": {…}}`, and what is promised of the candidate: mean, low, high."""
    import numpy as np

    from bundle_ml.clicks import bandit, gate, nightly

    _, units = np.unique([each.unit for each in impressions], return_inverse=True)
    log = nightly.Log(
        np.asarray([each.arm for each in impressions]),
        np.asarray([each.place for each in impressions]),
        np.asarray([each.place_count for each in impressions]),
        np.asarray([each.reward for each in impressions], np.float64),
        np.asarray([each.propensity for each in impressions], np.float64),
        units,
    )
    decision, promised = nightly.judge(
        nightly.Arms(np.asarray(anchors), np.asarray(features)),
        log,
        _policy(candidate),
        None if incumbent is None else _policy(incumbent),
        settings=bandit.BanditSettings(exploration_ratio=exploration_ratio, floor_ratio=floor_ratio),
        gate_settings=gate.GateSettings(least_effective_count=LEAST_EFFECTIVE_COUNT),
    )
    told = {"mean": promised.mean, "low": promised.low, "high": promised.high}
    return {"code": str(decision.code), "numbers": decision.numbers}, told


def watch_policy(
    reward_sum: float, reward_square_sum: float, count: int, *, promised: Mapping[str, float]
) -> dict[str, Any]:
    """Whether a live policy still earns what it promised: the gate's decision, as in `judge_policy`."""
    from bundle_ml.clicks import gate

    decision = gate.watch(reward_sum, reward_square_sum, count, gate.Promise(**promised), gate.GateSettings())
    return {"code": str(decision.code), "numbers": decision.numbers}


def half_width(deviation: float, count: float, *, narrowest_at: float, error_ratio: float) -> float:
    """Of an interval around a mean that holds at every look: see `bundle_ml.clicks.always_valid`."""
    from bundle_ml.clicks import always_valid

    return always_valid.half_width(deviation, count, narrowest_at=narrowest_at, error_ratio=error_ratio)


def _policy(learned: LearnedPolicy) -> Any:
    import numpy as np

    from bundle_ml.clicks import bandit, nightly

    beliefs = bandit.Beliefs.from_json(learned.beliefs)
    return nightly.Policy(beliefs, np.asarray(learned.qualities), np.asarray(learned.evidence))


@contextmanager
def _rejecting() -> Iterator[None]:
    from bundle_ml.errors import BundleMLError

    try:
        yield
    except (BundleMLError, OSError) as error:
        raise ArtefactRejected(
            _("%(error)s Nothing was published; what was live stays live.") % {"error": error}
        ) from error
