from __future__ import annotations

from math import log

import numpy as np
import pytest

from bundle_ml.for_sessions.pairs import SHRINKAGE_PAIRS, Experience, fit_pairs, shared_depth
from bundle_ml.for_sessions.sessions import Goods, Session
from tests.ml.for_sessions.worlds import goods, sessions

KINDS = (("tea",), ("tea",), ("cup",))
ALL_TEA = Session((0, 1, 2), (frozenset({0, 1}),))


def test_experience_counts_pairs_of_kinds_and_how_often_they_share_a_bundle() -> None:
    experience = Experience.of([ALL_TEA, ALL_TEA], KINDS)

    usual = (2 + 1) / (6 + 2)
    tea_and_tea = (2 + SHRINKAGE_PAIRS * usual) / (2 + SHRINKAGE_PAIRS)
    assert experience.log_odds(0, 1) == pytest.approx(log(tea_and_tea / (1 - tea_and_tea)))
    assert experience.log_odds(1, 2) == experience.log_odds(2, 0) < experience.log_odds(0, 1)


def test_no_session_teaches_by_its_own_answer() -> None:
    experience = Experience.of([ALL_TEA], KINDS)

    assert experience.without(ALL_TEA).log_odds(0, 1) == pytest.approx(log(experience.usual / (1 - experience.usual)))


def test_items_of_one_need_are_likelier_to_share_a_bundle_than_others() -> None:
    pairs = fit_pairs(goods(), sessions(80))

    one_need, two_needs, with_gift = pairs.log_odds(Session((0, 1, 20)))[[0, 1, 2]]
    assert one_need > 2 > -2 > max(two_needs, with_gift)


def test_a_session_that_was_learned_from_is_judged_nearly_as_if_it_had_not_been() -> None:
    taught = sessions(80)
    pairs = fit_pairs(goods(), taught)

    as_if_new, as_known = pairs.log_odds_as_if_new(taught[0]), pairs.log_odds(taught[0])

    assert not np.allclose(as_if_new, as_known)
    assert np.corrcoef(as_if_new, as_known)[0, 1] > 0.9


def test_items_without_title_and_category_can_be_judged() -> None:
    bare = Goods(("", "", "", ""), ((), (), (("Food",),), (("Food",), ("Gifts", "Tea"))))
    known = [Session((0, 1, 2, 3), (frozenset({2, 3}),)), Session((0, 2, 3), (frozenset({2, 3}),))]

    log_odds = fit_pairs(bare, known).log_odds(Session((0, 1, 2, 3)))

    assert np.isfinite(log_odds).all()
    assert log_odds.argmax() == 5


@pytest.mark.parametrize(
    ("one", "other", "depth"),
    [
        ([("A", "B")], [("A", "B")], 2),
        ([("A", "B")], [("A", "B", "C")], 2),
        ([("A", "B")], [("A", "X", "B")], 1),
        ([("A",)], [("B",)], 0),
        ([], [("B",)], 0),
    ],
)
def test_depth_is_what_paths_have_in_common_from_the_top(
    one: list[tuple[str, ...]], other: list[tuple[str, ...]], depth: int
) -> None:
    assert shared_depth(one, other) == shared_depth(other, one) == depth
