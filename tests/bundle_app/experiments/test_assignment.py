"""Who is in which arm: always the same, by the weights, and independently of other experiments."""

from __future__ import annotations

from collections import Counter

import pytest

from bundle_app.experiments.assignment import assigned, place

VISITORS = [f"visitor {number}" for number in range(20_000)]


def test_the_same_visitor_is_always_in_the_same_arm() -> None:
    assert [assigned("salt", who, [1, 1]) for who in VISITORS[:50]] == [
        assigned("salt", who, [1, 1]) for who in VISITORS[:50]
    ]


def test_places_fill_the_range_evenly() -> None:
    tenths = Counter(int(place("salt", who) * 10) for who in VISITORS)
    assert sorted(tenths) == list(range(10))
    assert all(abs(count - 2_000) < 200 for count in tenths.values())


def test_arms_are_filled_by_their_weights() -> None:
    found = Counter(assigned("salt", who, [3, 1, 1]) for who in VISITORS)
    assert [round(found[arm] / len(VISITORS), 2) for arm in range(3)] == pytest.approx([0.6, 0.2, 0.2], abs=0.011)


def test_the_arm_in_one_experiment_tells_nothing_of_the_arm_in_another() -> None:
    both = Counter((assigned("one", who, [1, 1]), assigned("two", who, [1, 1])) for who in VISITORS)
    assert all(abs(count - 5_000) < 250 for count in both.values())
    assert len(both) == 4


def test_a_share_of_the_visitors_takes_part() -> None:
    taking_part = [who for who in VISITORS if assigned("salt", who, [1, 1], traffic_percent=20) is not None]
    assert len(taking_part) / len(VISITORS) == pytest.approx(0.2, abs=0.01)


def test_letting_in_more_visitors_moves_nobody_to_another_arm() -> None:
    before = {who: assigned("salt", who, [1, 1], traffic_percent=20) for who in VISITORS}
    after = {who: assigned("salt", who, [1, 1], traffic_percent=60) for who in VISITORS}
    assert all(after[who] == arm for who, arm in before.items() if arm is not None)
    assert Counter(after.values())[None] < Counter(before.values())[None]


def test_who_takes_part_is_no_arm_s_choice() -> None:
    found = Counter(assigned("salt", who, [1, 1], traffic_percent=30) for who in VISITORS)
    assert found[0] / (found[0] + found[1]) == pytest.approx(0.5, abs=0.02)


def test_nobody_without_a_name_takes_part() -> None:
    assert assigned("salt", "", [1, 1]) is None


def test_without_weights_there_is_no_arm() -> None:
    with pytest.raises(ValueError, match="The weights are \\[\\]; expected whole numbers of at least 1."):
        assigned("salt", "anna", [])
