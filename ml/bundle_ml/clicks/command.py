"""`python -m bundle_ml clicks`: every figure on learning from clicks, on a truth, over several seeds."""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundle_ml.benchmark.peers import PYTHON
from bundle_ml.clicks import experiments
from bundle_ml.clicks.experiments import Figures, Sizes
from bundle_ml.clicks.peers import NAMES
from bundle_ml.clicks.report import as_markdown, write_report
from bundle_ml.clicks.truth import BundleTruth, Truth
from bundle_ml.clicks.visits import Compositions
from bundle_ml.errors import SettingsError

SHIPPED = "bundle_ml.clicks.visits:Visits.generate"
Tell = Callable[[int, str], None]


def main(options: argparse.Namespace) -> str:
    """What the command does; returns the table."""
    peers = _peers(options.peers)
    sizes = Sizes.to_learn_from(options.impressions)
    python = options.peers_python or PYTHON
    make = find_truth(options.truth)
    compositions = Compositions.generate if options.truth == SHIPPED else None
    with tqdm(
        total=options.seeds, bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} {elapsed} {postfix}", file=sys.stderr
    ) as bar:
        bar.set_description("seeds")

        def tell(seed: int, message: str) -> None:
            bar.set_postfix_str(message, refresh=False)
            bar.update(seed - bar.n)
            bar.refresh()

        results = measure(
            make, compositions, seeds=range(options.seeds), sizes=sizes, peers=peers, python=python, tell=tell
        )
        bar.update(options.seeds - bar.n)
    results["protocol"]["truth"] = options.truth
    write_report(results, options.json)
    return as_markdown(results)


def measure(
    make: Callable[[int], Truth],
    compositions: Callable[[int], BundleTruth] | None,
    *,
    seeds: Sequence[int],
    sizes: Sizes,
    peers: Sequence[str] = (),
    python: Path = PYTHON,
    tell: Tell = lambda _seed, _message: None,
) -> dict[str, Any]:
    """Measure all figures for each seed; a truth is made anew for each."""
    by_seed: list[dict[str, Any]] = []
    for seed in seeds:
        truth = make(seed)

        def say(message: str, seed: int = seed) -> None:
            tell(seed - seeds[0], message)

        learned, curves = experiments.learning(truth, seed=seed, sizes=sizes, peers=peers, python=python, tell=say)
        figures: dict[str, Any] = {"learning": learned, "curves": curves}
        figures["coverage"] = experiments.coverage(truth, seed=seed, sizes=sizes, tell=say)
        figures["ranking"] = experiments.rank_correlation(truth, seed=seed, sizes=sizes, tell=say)
        figures["gate"] = experiments.gate_errors(truth, seed=seed, sizes=sizes, tell=say)
        figures["fraud"] = experiments.fraud(truth, seed=seed, sizes=sizes, tell=say)
        if compositions:
            figures["composing"] = experiments.composing(compositions(seed), seed=seed, sizes=sizes, tell=say)
        prior = getattr(truth, "prior_correlation", None)
        by_seed.append(figures | ({"prior_correlation": prior()} if prior else {}))
    return {
        "protocol": asdict(sizes)
        | {"seeds": list(seeds), "machine": platform.machine(), "python": platform.python_version()},
        "seeds": by_seed,
        "figures": summary(by_seed),
    }


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
