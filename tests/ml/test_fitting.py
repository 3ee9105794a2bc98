from __future__ import annotations

from dataclasses import replace

import numpy as np

from bundle_ml.baskets import UNKNOWN_TIME
from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.fitting import average_ndcg, choose, ease, fit_statistics
from bundle_ml.ladder import LADDER
from bundle_ml.rungs import COSINE, EASE_FOR_FEW, fit_co_purchase, fit_popularity
from bundle_ml.settings import Settings
from tests.ml.worlds import baskets_of

SETTINGS = Settings(popularity_half_life_days=(1.0, 10_000.0))


def test_a_shop_whose_fashion_changes_gets_a_short_memory() -> None:
    random = np.random.default_rng(0)
    rows = [random.choice(np.arange(day // 10 * 5, day // 10 * 5 + 5), 2, replace=False).tolist() for day in range(99)]
    baskets = baskets_of(rows, item_count=50)
    validation = cases_by_context_size(baskets.between(93, 99), seed=0, limit=50)

    chosen = choose(baskets.between(0, 93), validation, LADDER, SETTINGS)

    assert chosen.half_life_days == 1.0


def test_a_shop_whose_pairs_change_gets_a_short_memory_of_pairs() -> None:
    random = np.random.default_rng(0)
    firsts = random.integers(0, 10, 400).tolist()
    rows = [[first, 10 + (first + (number >= 300)) % 10] for number, first in enumerate(firsts)]
    baskets = baskets_of(rows, item_count=20)
    validation = cases_by_context_size(baskets.between(340, 400), seed=0, limit=60)

    def chosen(*candidates: float) -> float:
        settings = replace(SETTINGS, ease_half_life_days=candidates)
        return choose(baskets.between(0, 340), validation, LADDER, settings).ease_half_life_days

    assert chosen(10.0, 100_000.0) == chosen(100_000.0, 10.0) == 10.0


def test_without_times_no_memory_is_chosen() -> None:
    timeless = baskets_of([[0, 1], [1, 2]] * 20, item_count=3)
    timeless = replace(timeless, ordered_at=np.full(len(timeless), UNKNOWN_TIME))
    validation = cases_by_context_size(timeless, seed=0, limit=40)

    assert choose(timeless, validation, LADDER, Settings()).ease_half_life_days == 365.0


def test_without_held_out_baskets_the_middle_candidates_are_taken() -> None:
    nothing = baskets_of([], item_count=2)

    chosen = choose(nothing, cases_by_context_size(nothing, seed=0, limit=1), LADDER, Settings())

    assert (chosen.half_life_days, chosen.ease_l2, chosen.ease_half_life_days) == (60.0, 100.0, 365.0)
    assert average_ndcg(fit_popularity(nothing, half_life_days=1), {}) == 0.0


def test_only_allowed_rungs_are_fitted_simplest_first() -> None:
    baskets = baskets_of([[0, 1], [1, 2]] * 5, item_count=3)
    chosen = choose(baskets, {}, LADDER, Settings())

    all_of_them = fit_statistics(baskets, (0, 0, 1), LADDER, chosen, Settings())
    few = fit_statistics(baskets, (0, 0, 1), ("popularity",), chosen, Settings())

    co_purchases, linear_models = ["co_purchase", "co_purchase_cosine"], ["ease", "ease_for_few"]
    assert list(all_of_them) == ["popularity", "category", *co_purchases, *linear_models]
    assert list(few) == ["popularity"]


def test_the_variants_for_the_blend_are_fitted_by_settings_of_their_own() -> None:
    baskets = baskets_of([[0, 1, 2], [0, 1], [1, 2], [0, 2, 3]] * 5, item_count=4)
    settings = Settings(cosine_length_exponent=0.25, ease_for_few_dropout=0.9)
    chosen = choose(baskets, {}, LADDER, settings)

    rungs = fit_statistics(baskets, (0, 0, 1, 1), LADDER, chosen, settings)

    contexts = Contexts.of([[0], [1, 2]])
    cosine = fit_co_purchase(baskets, exponent=1.0, length_exponent=0.25, neighbour_count=400)
    for_few = ease(baskets, chosen, replace(settings, ease_dropout=0.9))
    np.testing.assert_array_equal(rungs[COSINE].scores(contexts), cosine.scores(contexts))
    np.testing.assert_array_equal(rungs[EASE_FOR_FEW].scores(contexts), for_few.scores(contexts))
