"""Our ranking, and each of its parts alone, as one process among the others.

    python -m bundle_ml.benchmark.for_users.own SPLIT OUT [--ablation]

Beyond the protocol one more list is handed in, of a model that knows what a shop would know: fitted on train and tune,
with tune's bundles not shown. It stands in the table for those who compare with published figures that were come by in
that way, and in no comparison here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.answers import Costs, decline, write_answers
from bundle_ml.benchmark.for_users.protocol import LISTED, Given, read_given
from bundle_ml.benchmark.own import PREFIX, Stopwatch, say
from bundle_ml.benchmark.protocol import LIST_LENGTH
from bundle_ml.for_users.parts import ALIKE, IN_HAND, POPULARITY, TAKEN_WITH
from bundle_ml.for_users.ranking import IN_BUNDLES, Ranking, fit_ranking, fit_without_each
from bundle_ml.pipeline import available_cores, peak_memory_bytes, use_threads, versions

PARTS = (POPULARITY, TAKEN_WITH, ALIKE, IN_HAND)
RANKING, WITH_TUNE = "for_users", "for_users_knowing_tune"
MODELS = (*PARTS, RANKING, WITH_TUNE)
ABLATED = {part: f"{RANKING}_without_{part}" for part in (*PARTS, IN_BUNDLES)}
"""Part of the ranking → the ranking by all others."""
SHIPPED = PREFIX + RANKING


def answer_all(given: Given, out: Path, *, ablation: bool = False) -> None:
    watch = Stopwatch()
    ranking = fit_ranking(given.histories, given.tune_UB, on_message=say)
    tuning = watch.lap()
    say("fitting with what was chosen")
    ranking = ranking.refitted(given.histories)
    training = watch.lap()
    chosen = {"weights": dict(ranking.weights), **ranking.settings}
    for name in PARTS:
        _hand_in(name, ranking.only(name), given, out, tuning=0.0, training=0.0, settings={})
    _hand_in(RANKING, ranking, given, out, tuning=tuning, training=training, settings=chosen)
    watch.lap()
    later = replace(given.histories, bundles_UB=(given.histories.bundles_UB + given.tune_UB).tocsr())
    knowing = ranking.refitted(later)
    _hand_in(WITH_TUNE, knowing, given, out, tuning=tuning, training=watch.lap(), settings=chosen)
    if ablation:
        _answer_without_each(ranking, given, out)


def _answer_without_each(ranking: Ranking, given: Given, out: Path) -> None:
    watch = Stopwatch()
    for part, without in fit_without_each(ranking, given.tune_UB):
        chosen = {"weights": dict(without.weights), **without.settings}
        _hand_in(ABLATED[part], without, given, out, tuning=0.0, training=watch.lap(), settings=chosen)
        watch.lap()
    if not ranking.settings[IN_BUNDLES]:
        decline(out / (PREFIX + ABLATED[IN_BUNDLES]), "what is in a user's bundles counts for nothing here")


def _hand_in(
    name: str,
    ranking: Ranking,
    given: Given,
    out: Path,
    *,
    tuning: float,
    training: float,
    settings: Mapping[str, Any],
) -> None:
    say(f"{name}: answering")
    started = time.process_time()
    lists = {LISTED: ranking.top(given.asked_U, LIST_LENGTH)}
    seconds = {"tuning": tuning, "training": training, "scoring": time.process_time() - started}
    costs = Costs(seconds=seconds, peak_memory_bytes=peak_memory_bytes(), settings=settings, versions=versions())
    write_answers(out / (PREFIX + name), lists, costs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bundle_ml.benchmark.for_users.own")
    parser.add_argument("split", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ablation", action="store_true")
    options = parser.parse_args()
    use_threads(available_cores())
    answer_all(read_given(options.split), options.out, ablation=options.ablation)


if __name__ == "__main__":
    main()
