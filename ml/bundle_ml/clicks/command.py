"""`python -m bundle_ml clicks`: every figure on learning from clicks, on a truth, over several seeds.

Seeds are measured one by one or, with `--jobs`, several at once. What is measured of one is kept (`kept`): a run that
was stopped and is begun again goes on with the next seed.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import platform
import queue
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundle_ml.benchmark.peers import PYTHON
from bundle_ml.clicks import experiments
from bundle_ml.clicks.experiments import Figures, Sizes
from bundle_ml.clicks.kept import Kept, code_digest
from bundle_ml.clicks.peers import NAMES
from bundle_ml.clicks.report import as_markdown, write_report
from bundle_ml.clicks.truth import BundleTruth, Truth
from bundle_ml.clicks.visits import Compositions
from bundle_ml.errors import SettingsError

SHIPPED = "bundle_ml.clicks.visits:Visits.generate"
Tell = Callable[[str], None]
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What is measured of every seed; plain enough to be handed to another process."""

    truth: str
    sizes: Sizes
    peers: tuple[str, ...] = ()
    python: Path = PYTHON

    def protocol(self) -> dict[str, Any]:
        find_truth(self.truth)
        code = code_digest(self.truth.partition(":")[0])
        return {"truth": self.truth, **asdict(self.sizes), "peers": list(self.peers), "code": code}

    def of(self, seed: int, tell: Tell) -> dict[str, Any]:
        compositions = Compositions.generate if self.truth == SHIPPED else None
        make = find_truth(self.truth)
        return measure_seed(
            make, compositions, seed=seed, sizes=self.sizes, peers=self.peers, python=self.python, tell=tell
        )


def main(options: argparse.Namespace) -> str:
    """What the command does; returns the table."""
    measuring = Measuring(
        truth=options.truth,
        sizes=Sizes.to_learn_from(options.impressions),
        peers=_peers(options.peers),
        python=options.peers_python or PYTHON,
    )
    seeds = range(options.seeds)
    kept = Kept.beside(options.json, measuring.protocol())
    found = {seed: figures for seed in seeds if (figures := kept.get(seed)) is not None}
    left = [seed for seed in seeds if seed not in found]
    bar_format = "{l_bar}{bar}| {n_fmt}/{total_fmt} {elapsed} {postfix}"
    with tqdm(total=len(seeds), initial=len(found), desc="seeds", bar_format=bar_format, file=sys.stderr) as bar:
        for seed, figures in _measured(measuring, left, jobs=options.jobs, tell=bar.set_postfix_str):
            kept.put(seed, figures)
            found[seed] = figures
            bar.update()
    protocol = dict(kept.protocol) | {
        "seeds": list(seeds),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    results = gathered(protocol, [found[seed] for seed in seeds])
    write_report(results, options.json)
    kept.sweep(seeds)
    return as_markdown(results)


def _measured(
    measuring: Measuring, seeds: Sequence[int], *, jobs: int, tell: Tell
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield seeds and their figures as they are done, so many at once, each in a process of its own."""
    if jobs < 2:
        for seed in seeds:
            yield seed, measuring.of(seed, partial(_tell_of, seed, tell))
        return
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(jobs, context) as pool:
        messages = manager.Queue()
        waiting = {pool.submit(_in_process, measuring, seed, messages): seed for seed in seeds}
        while waiting:
            done, _ = wait(waiting, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            with suppress(queue.Empty):
                while True:
                    tell(messages.get_nowait())
            for future in done:
                yield waiting.pop(future), future.result()


def _in_process(measuring: Measuring, seed: int, messages: queue.Queue[str]) -> dict[str, Any]:
    return measuring.of(seed, partial(_tell_of, seed, messages.put))


def _tell_of(seed: int, tell: Tell, message: str) -> None:
    tell(f"seed {seed}: {message}")


def measure_seed(
    make: Callable[[int], Truth],
    compositions: Callable[[int], BundleTruth] | None,
    *,
    seed: int,
    sizes: Sizes,
    peers: Sequence[str] = (),
    python: Path = PYTHON,
    tell: Tell = lambda _message: None,
) -> dict[str, Any]:
    """Measure all figures of one seed, on a truth made for it."""
    truth = make(seed)
    learned, curves = experiments.learning(truth, seed=seed, sizes=sizes, peers=peers, python=python, tell=tell)
    figures: dict[str, Any] = {"learning": learned, "curves": curves}
    figures["coverage"] = experiments.coverage(truth, seed=seed, sizes=sizes, tell=tell)
    figures["ranking"] = experiments.rank_correlation(truth, seed=seed, sizes=sizes, tell=tell)
    figures["gate"] = experiments.gate_errors(truth, seed=seed, sizes=sizes, tell=tell)
    figures["fraud"] = experiments.fraud(truth, seed=seed, sizes=sizes, tell=tell)
    if compositions:
        figures["composing"] = experiments.composing(compositions(seed), seed=seed, sizes=sizes, tell=tell)
    prior = getattr(truth, "prior_correlation", None)
    return figures | ({"prior_correlation": prior()} if prior else {})


def gathered(protocol: Mapping[str, Any], by_seed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results as they are written."""
    return {"protocol": dict(protocol), "seeds": list(by_seed), "figures": summary(by_seed)}


def summary(by_seed: Sequence[Mapping[str, Any]]) -> dict[str, Figures]:
    """What the table shows: each figure's mean over seeds, with the 95 % interval of that mean."""
    of_seeds = [_plain_figures(figures) for figures in by_seed]
    return {name: mean_with_interval([figures[name] for figures in of_seeds]) for name in of_seeds[0]}


def _plain_figures(figures: Mapping[str, Any]) -> dict[str, float]:
    """All figures of a seed, by one name each, and their ratios."""
    learning, after = figures["learning"], "ctr_after_without_exploration"
    ours = learning["bandit"]
    plain = {f"ctr_{name}": policy[after] for name, policy in learning.items()}
    plain |= {f"bandit_to_{name}": ours[after] / policy[after] for name, policy in learning.items()}
    plain["exploring_to_static"] = ours["ctr_after"] / learning["static"][after]
    plain["exploration_cost_ratio"] = ours["exploration_cost_ratio"]
    for group in ("coverage", "ranking", "gate", "fraud"):
        plain |= _flat(group, figures[group])
    if "composing" in figures:
        composing = figures["composing"]
        plain |= {f"composer_{name}_to_supervised": each / composing["supervised"] for name, each in composing.items()}
    if "prior_correlation" in figures:
        plain["prior_correlation"] = figures["prior_correlation"]
    return plain


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, float]:
    """
    >>> _flat("coverage", {"ips": {"bias": 0.5}, "n": 2.0})
    {'coverage_ips_bias': 0.5, 'coverage_n': 2.0}
    """
    flat: dict[str, float] = {}
    for name, value in values.items():
        flat |= _flat(f"{prefix}_{name}", value) if isinstance(value, Mapping) else {f"{prefix}_{name}": value}
    return flat


def mean_with_interval(values: Sequence[float]) -> Figures:
    """The mean over seeds, and its 95 % interval by Student's t.

    >>> mean_with_interval([1.0, 1.0])
    {'mean': 1.0, 'low': 1.0, 'high': 1.0, 'least': 1.0, 'most': 1.0}
    """
    from scipy.stats import t

    mean, count = float(np.mean(values)), len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    half = float(t.ppf(0.975, max(count - 1, 1))) * error
    return {"mean": mean, "low": mean - half, "high": mean + half, "least": min(values), "most": max(values)}


def find_truth(path: str) -> Callable[[int], Truth]:
    """Import `module:Class`, or `module:Class.method`, which takes a seed.

    Raises:
        SettingsError: there is no such thing.
    """
    module_name, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"Found no truth at {path}: {error}. Expected module:Class, called with a seed, as {SHIPPED} is."
        ) from error
    if not callable(found):
        raise SettingsError(f"{path} is {type(found).__name__}; expected something to call with a seed.")
    return found  # type: ignore[no-any-return]


def _peers(names: str) -> tuple[str, ...]:
    if names in {"all", "none"}:
        return NAMES if names == "all" else ()
    chosen = tuple(names.split(","))
    unknown = sorted(set(chosen) - set(NAMES))
    if unknown:
        raise SettingsError(f"Found the peers {', '.join(unknown)}; expected all, none, or some of {', '.join(NAMES)}.")
    return chosen
