from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.bootstrap import interval
from bundle_ml.catalogue import CatalogueItem
from bundle_ml.ladder import LADDER
from bundle_ml.learning import Learned, learn
from bundle_ml.progress import Reporter
from bundle_ml.shelf import Shelf
from bundle_ml.stored import to_tensors
from tests.ml.conftest import QUICK
from tests.ml.worlds import baskets_of

CO_PURCHASES, LINEAR_MODELS = ["co_purchase", "co_purchase_cosine"], ["ease", "ease_for_few"]


@pytest.mark.parametrize(
    ("basket_count", "rungs"),
    [
        (5, ["popularity"]),
        (30, ["popularity", *CO_PURCHASES]),
        (240, ["popularity", *CO_PURCHASES, *LINEAR_MODELS]),
        (600, ["popularity", *CO_PURCHASES, *LINEAR_MODELS, "transformer"]),
    ],
)
def test_a_shop_fits_what_it_has_orders_for(basket_count: int, rungs: list[str]) -> None:
    baskets = baskets_of([[0, 1], [2, 3], [4, 5]] * (basket_count // 3 + 1), item_count=30)
    shelf = Shelf.of(baskets.keys, [CatalogueItem(key=key, title=key) for key in baskets.keys])

    learned = learn(baskets, shelf, settings=QUICK, work=None, reporter=Reporter())

    assert list(learned.fitted.rungs) == rungs
    assert {row.model for row in learned.evaluation.rows} <= {*LADDER, "transformer"}, "variants are parts, no rungs"
    assert (learned.fitted.blend is not None) == (rungs[-1] == "transformer")
    assert learned.history or rungs[-1] != "transformer"


def test_the_chosen_rung_is_beaten_by_no_simpler_one_outside_noise() -> None:
    rows = [[0, 1 + number * 7919 % 29] for number in range(900)]
    baskets = baskets_of(rows, item_count=30)

    learned = learn(
        baskets, Shelf.of(baskets.keys, []), settings=replace(QUICK, seed=3), work=None, reporter=Reporter()
    )

    chosen, draws = learned.decision.rung, learned.evaluation.draws
    simpler = LADDER[: LADDER.index(chosen)]
    assert all(interval(draws[name] - draws[chosen])[0] <= 0 for name in simpler if name in draws)
    assert learned.decision.reason.startswith("NDCG@10 ")
    assert 0 <= learned.calibration["expected_error"] < 0.5


ITEMS = 120
"""Enough that a partner found by luck is hardly among the first ten."""


def _pairs(count: int, *, partner: int, seed: int = 0) -> list[list[int]]:
    """Baskets of item 2k and the item `partner` places on, in shuffled order."""
    firsts = [2 * (number % (ITEMS // 2)) for number in range(count)]
    np.random.default_rng(seed).shuffle(firsts)
    return [sorted({first, (first + partner) % ITEMS}) for first in firsts]


def _learned(rows: list[list[int]]) -> Learned:
    baskets = baskets_of(rows, item_count=ITEMS)
    return learn(baskets, Shelf.of(baskets.keys, []), settings=QUICK, work=None, reporter=Reporter())


def test_what_is_bought_together_in_the_test_slice_alone_is_known_to_no_rung() -> None:
    learned = _learned(_pairs(1800, partner=1) + _pairs(200, partner=3))

    assert learned.evaluation.basket_count == 200
    for row in learned.evaluation.rows:
        assert row.ndcg_at_10 < 0.25, (row.model, row.context)


def test_what_is_bought_together_before_the_test_slice_is_known_to_all_that_learn_from_baskets() -> None:
    learned = _learned(_pairs(2000, partner=1))

    for row in learned.evaluation.rows:
        if row.model != "popularity":
            assert row.ndcg_at_10 > 0.9, (row.model, row.context)


def test_nothing_is_chosen_by_the_test_slice() -> None:
    before = _pairs(1800, partner=1)
    one, other = _learned(before + _pairs(200, partner=3)), _learned(before + _pairs(200, partner=5, seed=1))

    assert one.history == other.history
    assert one.fitted.blend is not None
    assert other.fitted.blend is not None
    assert one.fitted.blend.weights == other.fitted.blend.weights
    assert one.fitted.blend.scales == other.fitted.blend.scales


def test_a_network_that_diverges_is_neither_published_nor_praised() -> None:
    baskets = baskets_of(_pairs(2000, partner=1), item_count=ITEMS)
    settings = replace(QUICK, learning_rate=1e30)

    learned = learn(baskets, Shelf.of(baskets.keys, []), settings=settings, work=None, reporter=Reporter())

    assert all(np.isfinite(entry["loss"]) for entry in learned.history)
    assert all(0 <= row.ndcg_at_10 <= 1 for row in learned.evaluation.rows)
    for value in to_tensors(learned.fitted)[0].values():
        assert value.dtype.kind != "f" or np.isfinite(value).all()
