"""A supermarket whose substitutes are known: of each kind of food there are two, and a shopper takes one of them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bundle_ml.baskets import Baskets
from bundle_ml.catalogue import CatalogueItem
from bundle_ml.likeness import USUAL, Likeness, fit_likeness, label_by_orders
from bundle_ml.proposals import context_vectors
from bundle_ml.shelf import Shelf
from tests.ml.worlds import baskets_of

MEALS, KINDS = 5, 12


def _supermarket(*, order_count: int = 12000) -> tuple[Baskets, Shelf]:
    """Items 2·k and 2·k + 1 are of kind k; twelve kinds make a meal, and an order is of one meal."""
    chance = random.Random(0)
    rows = []
    for _ in range(order_count):
        meal = chance.randrange(MEALS)
        kinds = chance.sample(range(meal * KINDS, (meal + 1) * KINDS), 4)
        rows.append([2 * kind + chance.randrange(2) for kind in kinds])
    baskets = baskets_of(rows, item_count=2 * MEALS * KINDS)
    items = [
        CatalogueItem(
            key=key,
            title=f"{('Farm', 'Hill')[number % 2]} {'abcdefghi'[number // 2 // KINDS]}food{number // 2}",
            category=f"kind {number // 2}",
        )
        for number, key in enumerate(baskets.keys)
    ]
    return baskets, Shelf.of(baskets.keys, items)


@pytest.fixture(scope="module")
def supermarket() -> tuple[Baskets, Shelf]:
    return _supermarket()


def test_orders_label_the_planted_substitutes_and_nothing_else(supermarket: tuple[Baskets, Shelf]) -> None:
    baskets, _ = supermarket

    labels = label_by_orders(context_vectors(baskets, seed=0), baskets)

    substitutes = {pair for pair, is_one in zip(labels.pairs, labels.are_substitutes, strict=True) if is_one}
    assert substitutes == {(2 * kind, 2 * kind + 1) for kind in range(MEALS * KINDS)}
    assert len(labels.pairs) > len(substitutes)


def test_a_shop_with_enough_pairs_learns_what_tells_them_apart(supermarket: tuple[Baskets, Shelf]) -> None:
    baskets, shelf = supermarket
    likeness = Likeness.of(shelf, baskets, context_vectors(baskets, seed=0))

    model, labels = fit_likeness(likeness, baskets)

    assert labels.suffice
    assert model is not USUAL
    replaced, matched = model.probabilities(likeness.features([(0, 1), (0, 2)]))
    assert replaced > 0.9
    assert matched < 0.1


def test_a_shop_with_too_few_pairs_takes_what_is_usual() -> None:
    baskets, shelf = _supermarket(order_count=50)

    model, labels = fit_likeness(Likeness.of(shelf, baskets, context_vectors(baskets, seed=0)), baskets)

    assert not labels.suffice
    assert model is USUAL


def test_the_same_shoppers_at_different_times_are_a_sign_and_in_one_order_are_none() -> None:
    rows = [[0], [1]] * 10 + [[2, 3]] * 10 + [[4], [5]]
    shoppers = [number // 2 for number in range(20)] + list(range(10)) + [10, 11]
    baskets = baskets_of(rows, item_count=6, shoppers=shoppers)
    likeness = Likeness.of(Shelf.of(baskets.keys, []), baskets, np.zeros((6, 2), np.float32))

    same_shoppers = likeness.features([(0, 1), (2, 3), (4, 5)])[:, 2]

    expected_by_chance = 10 * 10 / 12
    assert same_shoppers[0] == pytest.approx(np.log(11 / (expected_by_chance + 1)))
    assert same_shoppers[1] == pytest.approx(np.log(1 / (expected_by_chance + 1)))
    assert same_shoppers[2] == pytest.approx(np.log(1 / (1 / 12 + 1)))


def test_company_is_unknown_of_what_is_seldom_bought() -> None:
    baskets = baskets_of([[0], [1]] * 20 + [[2]], item_count=3)
    vectors_VD = np.asarray([[1, 0], [0.6, 0.8], [1, 0]], np.float32)

    likeness = Likeness.of(Shelf.of(baskets.keys, []), baskets, vectors_VD)

    assert likeness.company(0, 1) == pytest.approx(0.6)
    assert likeness.company(0, 2) is None
