"""Our own models of the next basket, as one process among the others.

    python -m bundle_ml.benchmark.own_next_basket SPLIT OUT [--config settings.json]

All parts are chosen and fitted together, so each one's 'tuning' and 'training' are those of all; of the blend
'training' is all that it takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bundle_ml.benchmark.next_basket import NextBasketGiven, read_given
from bundle_ml.benchmark.own import PREFIX, Desk, Stopwatch, run_own, say
from bundle_ml.personal import ALIKE, FREQUENCY, NEAR, NEXT_BASKET
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

PERSONAL = "personal_blend"
RUNGS = (POPULARITY, FREQUENCY, ALIKE, NEAR, NEXT_BASKET)
MODELS = (*RUNGS, PERSONAL)
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
    blend = fit_past_blend(fit_personal_rungs(given.train, choices, settings), cases)
    weighing = watch.lap()
    say("fitting again on all baskets before the test")
    final = fit_personal_rungs(given.before_test, choices, settings)
    training = watch.lap()
    for name in RUNGS:
        desk.hand_in(name, final[name], tuning=tuning, training=training, settings=_chosen(choices))
    desk.hand_in(
        PERSONAL,
        blend.with_rungs(final),
        tuning=0.0,
        training=tuning + weighing + training,
        settings=_chosen(choices) | {"weights": blend.weights},
    )


def _chosen(choices: PersonalChoices) -> dict[str, Any]:
    return {
        "own": [choices.own.rate, choices.own.half_life_days],
        "alike": [choices.alike.rate, choices.alike.half_life_days],
        "neighbour_count": choices.neighbour_count,
        "near": [choices.near.rate, choices.near.half_life_days],
        "half_life_days": choices.half_life_days,
    }


if __name__ == "__main__":
    run_own("bundle_ml.benchmark.own_next_basket", read_given, answer_all)
