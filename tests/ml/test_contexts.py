"""From which pairs of items bundles are composed."""

from __future__ import annotations

from bundle_ml.contexts import CONTEXTS_PER_ITEM, common_contexts
from tests.ml.test_generation import _composer as composer

ALONE = [[0], [1]] * 30
ROWS = [[0, 1]] * 30 + [[0, 2]] * 25 + [[3, 4]] * 19


def test_the_most_frequent_pairs_come_first_and_rare_ones_not_at_all() -> None:
    assert common_contexts(composer(ROWS, context_min_orders=20))[:2] == [(0, 1), (0, 2)]
    assert (3, 4) not in common_contexts(composer(ROWS, context_min_orders=20))
    assert (3, 4) in common_contexts(composer(ROWS, context_min_orders=19))


def test_there_are_no_more_than_were_asked_for() -> None:
    assert common_contexts(composer(ROWS, context_min_orders=1, context_count=1)) == [(0, 1)]
    assert common_contexts(composer(ROWS, context_min_orders=1, context_count=0)) == []


def test_substitutes_are_no_context_though_they_are_bought_together() -> None:
    titles = ["Large Round Ceramic Coffee Mug Red", "Large Round Ceramic Coffee Mug Blue", "Saucer"]

    assert (0, 1) in common_contexts(composer([*ROWS, *ALONE], context_min_orders=20))
    assert (0, 1) not in common_contexts(composer([*ROWS, *ALONE], titles=titles, context_min_orders=20))


def test_what_cannot_be_sold_is_in_no_context() -> None:
    assert common_contexts(composer(ROWS, unsellable=[1], context_min_orders=20)) == [(0, 2)]


def test_a_bestseller_does_not_take_all_places() -> None:
    assert CONTEXTS_PER_ITEM < 100
    rows = [[0, other] for other in range(1, 6)] * 30

    chosen = common_contexts(composer(rows, context_min_orders=20))

    assert len([pair for pair in chosen if 0 in pair]) == 5
