"""Our own models of a visit: by the basket alone, by the past alone, by both.

    python -m bundle_ml.benchmark.own_visit SPLIT OUT [--config settings.json]

Of the basket the statistics are blended, without the Transformer. 'training' is all that a model takes.
"""

from __future__ import annotations

from pathlib import Path

from bundle_ml.benchmark.own import PREFIX, STATISTICS_BLEND, Desk, Stopwatch, run_own, say
from bundle_ml.benchmark.visit import VisitGiven, read_given
from bundle_ml.fitting import choose, fit_statistics
from bundle_ml.personal import OfPast
from bundle_ml.personal_learning import PERSONAL
from bundle_ml.personalising import (
    BASKET,
    CASES,
    PAST,
    choose_personal,
    fit_past_blend,
    fit_personal_rungs,
    fit_visit_blend,
    next_basket_cases,
    visit_cases,
)
from bundle_ml.rungs import CO_PURCHASE, EASE, POPULARITY
from bundle_ml.settings import Settings
from bundle_ml.weighing import fit_blend

STATISTICS = (POPULARITY, CO_PURCHASE, EASE)
BOTH = "basket_and_past"
MODELS = (STATISTICS_BLEND, PERSONAL, BOTH)
SHIPPED, WITHOUT_PAST = PREFIX + BOTH, PREFIX + STATISTICS_BLEND


def answer_all(given: VisitGiven, out: Path, settings: Settings) -> None:
    """Choose and weigh on the validation baskets, fit again with them, hand in."""
    desk, watch, past = Desk(given, out), Stopwatch(), given.past
    validation = past.validation
    assert validation.shoppers is not None  # noqa: S101
    histories = past.histories(past.train, validation.shoppers)
    visits = visit_cases(histories, validation, seed=settings.seed)

    say(f"{STATISTICS_BLEND}: fitting")
    statistics = choose(past.train, visits, STATISTICS, settings)
    of_basket = fit_blend(fit_statistics(past.train, (), STATISTICS, statistics, settings), visits)
    final_of_basket = of_basket.with_rungs(fit_statistics(past.before_test, (), STATISTICS, statistics, settings))
    basket_seconds = watch.lap()
    desk.hand_in(
        STATISTICS_BLEND,
        final_of_basket,
        tuning=0.0,
        training=basket_seconds,
        settings={"weights": of_basket.weights},
    )

    watch.lap()
    say(f"{PERSONAL}: fitting")
    cases = next_basket_cases(histories, validation, seed=settings.seed, limit=CASES)
    choices = choose_personal(past.train, cases, settings)
    of_past = fit_past_blend(fit_personal_rungs(past.train, choices, settings), cases)
    final_of_past = of_past.with_rungs(fit_personal_rungs(past.before_test, choices, settings))
    past_seconds = watch.lap()
    desk.hand_in(
        PERSONAL, OfPast(final_of_past), tuning=0.0, training=past_seconds, settings={"weights": of_past.weights}
    )

    watch.lap()
    say(f"{BOTH}: fitting")
    both = fit_visit_blend(of_basket, of_past, visits)
    desk.hand_in(
        BOTH,
        both.with_rungs({BASKET: final_of_basket, PAST: OfPast(final_of_past)}),
        tuning=0.0,
        training=basket_seconds + past_seconds + watch.lap(),
        settings={"weights": both.weights},
    )


if __name__ == "__main__":
    run_own("bundle_ml.benchmark.own_visit", read_given, answer_all)
