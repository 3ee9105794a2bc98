"""The rules of generation, each on a world where it alone decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.blend import single
from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.catalogue import CatalogueItem
from bundle_ml.generation import Affinity, Composer, Draft
from bundle_ml.rungs import fit_co_purchase
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.substitutes import Substitutes
from bundle_ml.templates import Templates
from tests.ml.worlds import baskets_of

OTHERS = [[6, 7], [8, 9], [7, 8], [6, 9], [6], [7], [8], [9]] * 10
"""The rest of the shop, so that being bought together is not the rule."""


def _composer(
    rows: Sequence[Sequence[int]],
    *,
    titles: Sequence[str] | None = None,
    unsellable: Sequence[int] = (),
    **settings: object,
) -> Composer:
    chosen = replace(Settings(), **settings)  # type: ignore[arg-type]
    baskets = baskets_of([*rows, *OTHERS], item_count=10)
    names = list(titles or []) + [f"{number}" for number in range(len(titles or []), 10)]
    shelf = Shelf.of(
        baskets.keys,
        [
            CatalogueItem(key=key, title=names[number], sellable=number not in unsellable)
            for number, key in enumerate(baskets.keys)
        ],
    )
    rung = fit_co_purchase(baskets, exponent=0.7, neighbour_count=10)
    cases = cases_by_context_size(baskets, seed=0, limit=100)
    substitutes = Substitutes.of(shelf, baskets, np.zeros((10, 2), np.float32), chosen)
    blend = single({"co_purchase": rung}, "co_purchase", Contexts.joined(each.contexts for each in cases.values()))
    return Composer(
        blend, Affinity.of(baskets, rung, exponent=0.7), substitutes, Templates.of(baskets, shelf), shelf, chosen
    )


def _bundles(composer: Composer, anchor: int = 0) -> list[set[int]]:
    ((_, drafts),) = composer.compose_all([anchor])
    return [set(draft.items) for draft in drafts]


def test_a_bundle_grows_to_all_that_is_bought_together_and_stops_there() -> None:
    assert _bundles(_composer([[0, 1, 2]] * 20))[0] == {0, 1, 2}


def test_a_pair_stays_a_pair() -> None:
    assert _bundles(_composer([[0, 1]] * 20)) == [{0, 1}]


def test_a_weak_companion_of_a_strong_pair_is_left_out() -> None:
    rows = [[0, 1]] * 30 + [[0, 1, 2]] * 10 + [[2, 5]] * 50 + OTHERS * 40

    assert _bundles(_composer(rows))[0] == {0, 1}
    assert _bundles(_composer(rows, stop_ratio=0.05))[0] == {0, 1, 2}


def test_two_things_that_are_never_bought_together_do_not_share_a_bundle() -> None:
    bundles = _bundles(_composer([[0, 1], [0, 2]] * 20))

    assert {frozenset(bundle) for bundle in bundles} == {frozenset({0, 1}), frozenset({0, 2})}


def test_two_colours_do_not_share_a_bundle_though_a_few_buy_both() -> None:
    rows = [[0, 1], [0, 2]] * 80 + [[0, 1, 2]] * 4
    titles = ["Laptop", "Mouse Red", "Mouse Blue"]

    assert all(not {1, 2} <= bundle for bundle in _bundles(_composer(rows, titles=titles)))


def test_no_bundle_is_larger_than_allowed() -> None:
    rows = [[0, 1, 2, 3, 4, 5]] * 20 + OTHERS * 5

    assert len(_bundles(_composer(rows))[0]) == 5
    assert len(_bundles(_composer(rows, max_bundle_size=3))[0]) == 3


def test_what_cannot_be_sold_is_in_no_bundle() -> None:
    assert _bundles(_composer([[0, 1, 2]] * 20, unsellable=[1]))[0] == {0, 2}


def test_a_coincidence_is_no_reason() -> None:
    assert _bundles(_composer([[0, 6]] * 2 + [[0]] * 200)) == []


def test_bundles_of_one_anchor_differ() -> None:
    rows = [[0, 1, 2], [0, 3, 4], [0, 1, 4], [0, 2, 3]] * 20 + OTHERS * 5

    bundles = _bundles(_composer(rows, candidates_per_anchor=4))

    assert len(bundles) == 4
    for number, one in enumerate(bundles):
        for other in bundles[:number]:
            assert len((one & other) - {0}) / len((one | other) - {0}) <= 0.4


def test_bundles_come_best_first() -> None:
    ((_, drafts),) = _composer([[0, 1, 2]] * 30 + [[0, 3, 4]] * 10 + [[0, 5]] * 10 + OTHERS * 9).compose_all([0])

    values = [draft.value for draft in drafts]
    assert values == sorted(values, reverse=True)
    assert set(drafts[0].items) == {0, 1, 2}


def test_a_draft_holds_its_own_few_numbers_and_not_the_scores_of_all_anchors() -> None:
    composer = _composer([[0, 1, 2]] * 30)

    ((_, drafts),) = composer.compose_all([0])

    assert all(draft.by_part_P is not None and draft.by_part_P.base is None for draft in drafts)


def test_anchors_side_by_side_get_what_each_gets_alone() -> None:
    composer = _composer([[0, 1, 2], [3, 4], [4, 5]] * 20)

    together = {anchor: [draft.items for draft in drafts] for anchor, drafts in composer.compose_all(list(range(10)))}

    for anchor in range(10):
        ((_, alone),) = composer.compose_all([anchor])
        assert [draft.items for draft in alone] == together[anchor]


def test_chance_and_overlap_agree_with_their_formulas() -> None:
    baskets = baskets_of([[0, 1], [0, 1, 2], [2, 3], [0]], item_count=4)

    affinity = Affinity.of(baskets, fit_co_purchase(baskets, exponent=0.7, neighbour_count=4), exponent=0.7)

    others = np.asarray([1, 3], np.int32)
    lift = (1 / 1 + 1 / 2) * 7 / (2 * 2)  # weighted baskets together · all items / orders of either
    assert affinity.expected(0, others).tolist() == pytest.approx([2 / lift, 0])
    assert affinity.overlap(0, others).tolist() == pytest.approx([2 / (2 + 5), 0])
    assert affinity.clearly_above_chance(0, others, lift=0.1).tolist() == [True, False]


def test_a_few_wholesale_baskets_do_not_take_a_bestseller_its_partner() -> None:
    everything = [list(range(10))] * 6
    rows = [[0, 1]] * 40 + [[0]] * 20 + [[0, number] for number in range(2, 10)] * 2

    assert {0, 1} <= _bundles(_composer([*rows, *everything]))[0]


def test_an_incomplete_pair_counts_half() -> None:
    assert Draft((0, 1), (4.0,), None, complete=False).value == 2.0


SPLIT = [[0, 1, 2]] * 20 + [[0, 3]] * 40 + [[1, 4]] * 40 + OTHERS * 9
"""Alone, 0 goes with 3 and 1 with 4; whoever takes both takes 2."""


def test_a_context_is_completed_by_what_goes_with_all_of_it() -> None:
    composer = _composer(SPLIT)

    ((start, drafts),) = composer.compose_from([(0, 1)])

    assert start == (0, 1)
    assert [draft.items for draft in drafts] == [(0, 1, 2)]
    assert drafts[0].added == (2,)
    assert {0, 3} in _bundles(composer)


def test_a_context_that_nothing_completes_starts_no_bundle() -> None:
    ((_, drafts),) = _composer([[0, 1]] * 20 + SPLIT[20:]).compose_from([(0, 1)])

    assert drafts == []


def test_what_replaces_a_part_of_the_context_does_not_complete_it() -> None:
    titles = ["Large Round Ceramic Coffee Mug Red", "Saucer", "Large Round Ceramic Coffee Mug Blue"]

    ((_, drafts),) = _composer([*SPLIT, *[[2]] * 20], titles=titles).compose_from([(0, 1)])

    assert drafts == []
