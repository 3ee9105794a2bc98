"""Our own models of the next basket, as one process among the others.

    python -m bundle_ml.benchmark.own_next_basket SPLIT OUT [--config settings.json]

All parts of a blend are chosen and fitted together, so each one's 'tuning' and 'training' are those of all; of a blend
'training' is all that it takes. The blend with neighbours shows what it costs to remember no shopper.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bundle_ml.benchmark.neighbours import ALIKE, NEAR, NeighbourChoices, choose_neighbours, fit_neighbours
from bundle_ml.benchmark.next_basket import NextBasketGiven, read_given
from bundle_ml.benchmark.own import PREFIX, Desk, Stopwatch, run_own, say
from bundle_ml.personal import FREQUENCY, NEXT_BASKET
from bundle_ml.personal_learning import PERSONAL
from bundle_ml.personalising import (
    CASES,
    PersonalChoices,
    choose_personal,
    fit_past_blend,
    fit_personal_rungs,
    next_basket_cases,
)
from bundle_ml.rungs import POPULARITY
from bundle_ml.settings import Settings

RUNGS = (POPULARITY, FREQUENCY, NEXT_BASKET)
NEIGHBOURS = (ALIKE, NEAR)
WITH_NEIGHBOURS = "personal_blend_with_neighbours"
MODELS = (*RUNGS, PERSONAL, *NEIGHBOURS, WITH_NEIGHBOURS)
SHIPPED = PREFIX + PERSONAL


def answer_all(given: NextBasketGiven, out: Path, settings: Settings) -> None:
    """Choose and weigh on the validation baskets, fit again with them, hand in."""
    desk, watch = Desk(given, out), Stopwatch()
    assert given.validation.shoppers is not None  # noqa: S101
    pasts = given.histories(given.train, given.validation.shoppers)
    cases = next_basket_cases(pasts, given.validation, seed=settings.seed, limit=CASES)
    say("choosing how fast pasts fade")
    choices = choose_personal(given.train, cases, settings)
    tuning = watch.lap()
    say(f"{PERSONAL}: fitting")
    rungs = fit_personal_rungs(given.train, choices, settings)
    blend = fit_past_blend(rungs, cases)
    weighing = watch.lap()
    final = fit_personal_rungs(given.before_test, choices, settings)
    training = watch.lap()
    for name in RUNGS:
        desk.hand_in(name, final[name], tuning=tuning, training=training, settings=_told(choices))
    desk.hand_in(
        PERSONAL,
        blend.with_rungs(final),
        tuning=0.0,
        training=tuning + weighing + training,
        settings=_told(choices) | {"weights": blend.weights},
    )

    watch.lap()
    say(f"{WITH_NEIGHBOURS}: fitting")
    among = choose_neighbours(given.train, cases)
    more_tuning = watch.lap()
    with_neighbours = fit_past_blend({**rungs, **fit_neighbours(given.train, among)}, cases)
    more_weighing = watch.lap()
    neighbours = fit_neighbours(given.before_test, among)
    more_training = watch.lap()
    for name in NEIGHBOURS:
        desk.hand_in(name, neighbours[name], tuning=more_tuning, training=more_training, settings=_told(among))
    desk.hand_in(
        WITH_NEIGHBOURS,
        with_neighbours.with_rungs({**final, **neighbours}),
        tuning=0.0,
        training=tuning + training + more_tuning + more_weighing + more_training,
        settings=_told(choices) | _told(among) | {"weights": with_neighbours.weights},
    )


def _told(choices: PersonalChoices | NeighbourChoices) -> dict[str, Any]:
    """What was chosen, as a row of the report."""
    return asdict(choices)


if __name__ == "__main__":
    run_own("bundle_ml.benchmark.own_next_basket", read_given, answer_all)
