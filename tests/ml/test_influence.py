"""What the parts of a bundle bring to each other, on worlds where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import FloatArray
from bundle_ml.blend import KNOTS, Blend
from bundle_ml.cases import Contexts
from bundle_ml.ease import fit_ease
from bundle_ml.influence import BUNDLES_AT_ONCE, influences
from bundle_ml.rungs import Popularity, Rung, fit_co_purchase, fit_popularity
from bundle_ml.tally import Tally
from tests.ml.worlds import baskets_of

TEA, POT, SUGAR = 0, 1, 2


def _alone(rung: Rung) -> Blend:
    ones = [1.0] * len(KNOTS)
    return Blend({"the only one": rung}, {"the only one": ones}, {"the only one": ones})


def test_what_sells_with_another_only_by_way_of_a_third_brings_next_to_nothing() -> None:
    """Of 100 buyers of tea 80 take sugar and 80 a pot, independently; whoever buys a pot alone takes no more sugar than
    anyone. So pots and sugar are in one order five times as often as chance, and yet a pot tells nothing once tea is known.
    """
    tea_buyers = [[TEA, POT, SUGAR, 3]] * 64 + [[TEA, POT, 3]] * 16 + [[TEA, SUGAR, 3]] * 16 + [[TEA, 3]] * 4
    others = [[POT, 4]] * 28 + [[SUGAR, 4]] * 28 + [[POT, SUGAR]] * 2 + [[4, 5], [3, 5], [3, 4]] * 300
    baskets = baskets_of([*tea_buyers, *others], item_count=12)
    orders = baskets.order_counts()
    together = fit_co_purchase(baskets, exponent=0.0, neighbour_count=12).together_VV[POT, SUGAR]
    assert together > 5 * orders[POT] * orders[SUGAR] / len(baskets)

    rung = fit_ease(baskets, l2=1.0, neighbour_count=12, max_items=12)
    (found,) = influences(_alone(rung), [(TEA, POT, SUGAR)])

    assert found[TEA, SUGAR] > 4 * abs(found[POT, SUGAR])
    assert found[TEA, POT] > 4 * abs(found[SUGAR, POT])


def test_in_a_mean_each_item_brings_its_summand_and_all_add_up_to_the_score() -> None:
    """Sugar scores 8 for tea, 2 for a pot and -4 for salt, and so (8 + 2 - 4) / 3 for all of them."""
    sugar, tea, pot, salt = range(4)
    weights = np.zeros((5, 5), np.float32)
    weights[[tea, pot, salt], sugar] = 8, 2, -4
    weights[:, 4] = -weights[:, sugar]  # so that the average item scores nothing, and centring changes nothing

    (found,) = influences(_alone(_Given(weights)), [(sugar, tea, pot, salt)])

    brought = [found[each, sugar] for each in (tea, pot, salt)]
    assert brought == pytest.approx([8 / 3, 2 / 3, -4 / 3], abs=1e-5)
    assert sum(brought) == pytest.approx((8 + 2 - 4) / 3, abs=1e-5)
    assert all(value == pytest.approx(0, abs=1e-5) for (_one, other), value in found.items() if other != sugar)


def test_leaving_the_weaker_item_out_is_not_taken_for_a_reason_against_it() -> None:
    """Without the pot sugar would score higher, as a mean does; the pot speaks for sugar all the same."""
    weights = np.zeros((4, 4), np.float32)
    weights[[TEA, POT], SUGAR] = 8, 2
    blend = _alone(_Given(weights))
    with_pot, without_pot = blend.scores(Contexts.of([[TEA, POT], [TEA]]), np.asarray([SUGAR], np.int32))[:, 0]

    (found,) = influences(blend, [(SUGAR, TEA, POT)])

    assert without_pot > with_pot
    assert 0 < found[POT, SUGAR] < found[TEA, SUGAR]


def test_what_is_popular_owes_it_to_all_alike() -> None:
    baskets = baskets_of([[0, 1], [0, 2], [0]] * 5, item_count=3)

    (found,) = influences(_alone(fit_popularity(baskets, half_life_days=10.0)), [(0, 1, 2)])

    assert found[1, 0] == found[2, 0] > 0 > found[0, 1] == found[2, 1]


def test_of_a_pair_nothing_would_be_left() -> None:
    assert list(influences(_alone(Popularity(np.zeros(3, np.float32))), [(0, 1)])) == [{}]


def test_bundles_are_answered_alike_together_and_alone_whatever_their_order() -> None:
    random = np.random.default_rng(5)
    rung = _Given(random.normal(size=(30, 30)).astype(np.float32))
    bundles = [tuple(random.permutation(30)[: 2 + number % 4].tolist()) for number in range(2 * BUNDLES_AT_ONCE + 3)]

    together = list(influences(_alone(rung), bundles))

    assert len(together) == len(bundles)
    for bundle, found in zip(bundles, together, strict=True):
        (alone,) = influences(_alone(rung), [bundle[::-1]])
        assert found == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(("size", "context_count"), [(2, 0), (3, 6), (4, 10), (5, 15)])
def test_a_bundle_costs_few_contexts_and_the_same_one_nothing_more(size: int, context_count: int) -> None:
    rung = _Given(np.zeros((6, 6), np.float32))

    list(influences(_alone(rung), [tuple(range(size)), tuple(range(size))[::-1]]))

    assert rung.asked == [context_count]


class _Given(Rung):
    """A mean of given rows, which counts what it was asked."""

    def __init__(self, weights_VV: FloatArray) -> None:
        self.weights_VV = weights_VV
        self.asked: list[int] = []

    @property
    def item_count(self) -> int:
        return len(self.weights_VV)

    def scores(self, contexts: Contexts) -> FloatArray:
        rows = [self.weights_VV[contexts[row]].mean(axis=0) for row in range(len(contexts))]
        return np.asarray(rows, np.float32).reshape(len(contexts), self.item_count)

    def add_to(self, tally: Tally, contexts: Contexts, factor_B: FloatArray) -> None:
        self.asked.append(len(contexts))
        super().add_to(tally, contexts, factor_B)
