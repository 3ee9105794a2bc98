from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.for_sessions.finding import CHOICES, INSIDE, OVERLAP, Choice, Finder, Rated, fit_finder
from bundle_ml.for_sessions.sessions import Session
from tests.ml.for_sessions.worlds import goods, sessions

WHOLE = Choice(by=OVERLAP, least=0.5, most_alike=0.2, count=2)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return fit_finder(goods(), sessions(120))


def test_the_planted_bundles_are_found_in_sessions_never_seen(finder: Finder) -> None:
    new = sessions(40, seed=1)

    found = [set(finder.rate(Session(session.items)).choose(WHOLE)) == set(session.bundles) for session in new]

    assert np.mean(found) > 0.9


def test_a_gift_that_belongs_to_nothing_is_in_no_bundle(finder: Finder) -> None:
    for session in sessions(20, seed=2):
        (gift,) = set(session.items) - frozenset().union(*session.bundles)
        assert all(gift not in bundle for bundle in finder.rate(Session(session.items)).choose(WHOLE))


def test_the_bundles_of_a_session_that_is_asked_about_are_not_looked_at(finder: Finder) -> None:
    session = sessions(1, seed=3)[0]
    misleading = replace(session, bundles=(frozenset(session.items),))

    assert finder.rate(session).choose(WHOLE) == finder.rate(misleading).choose(WHOLE)


def test_the_order_of_items_does_not_matter(finder: Finder) -> None:
    session = sessions(1, seed=4)[0]

    assert set(finder.rate(Session(session.items)).choose(WHOLE)) == set(
        finder.rate(Session(session.items[::-1])).choose(WHOLE)
    )


def test_of_a_large_session_the_items_that_belong_together_most_are_looked_at(finder: Finder) -> None:
    camping, others = tuple(range(8)), (15, 16, 30, 31, 45, 46)

    rated = finder.rate(Session(others[:3] + camping + others[3:]))

    assert len(rated.subsets) == 2**10 - 10 - 1
    assert set(camping) <= frozenset().union(*rated.subsets)


@pytest.mark.parametrize("items", [(), (3,)])
def test_fewer_than_two_items_hold_no_bundle(finder: Finder, items: tuple[int, ...]) -> None:
    rated = finder.rate(Session(items))

    assert all(rated.choose(choice) == () for choice in CHOICES)


def test_a_choice_names_the_best_in_any_case_and_others_while_they_are_worth_it_and_differ() -> None:
    subsets = tuple(map(frozenset, ([1, 2], [1, 2, 3], [4, 5], [6, 7])))
    rated = Rated.of(subsets, {INSIDE: np.asarray([0.4, 0.9, 0.5, 0.2])})

    def chosen(**changed: float) -> list[set[int]]:
        choice = replace(Choice(by=INSIDE, least=0.3, most_alike=0.0, count=9), **changed)  # type: ignore[arg-type]
        return [set(each) for each in rated.choose(choice)]

    assert chosen() == [{1, 2, 3}, {4, 5}]
    assert chosen(most_alike=0.7) == [{1, 2, 3}, {4, 5}, {1, 2}]
    assert chosen(count=1) == [{1, 2, 3}]
    assert chosen(least=0.95) == [{1, 2, 3}]
    assert chosen(least=0.0) == [{1, 2, 3}, {4, 5}, {6, 7}]
