from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bundle_ml.baskets import UNKNOWN_TIME, Baskets
from bundle_ml.blend import between_knots
from bundle_ml.cases import Contexts
from bundle_ml.errors import DataError
from bundle_ml.histories import Fading, Histories, Visits, histories_of, past_of
from bundle_ml.views import Views
from tests.ml.worlds import baskets_of

ROWS = [[0], [1, 2], [3], [0, 1], [4]]
SHOPPERS = [0, 2, -1, 0, 0]
BASKETS = baskets_of(ROWS, item_count=5, days_apart=10, shoppers=SHOPPERS)
HISTORIES = histories_of(BASKETS)


def _past(histories: Histories) -> list[list[list[int]]]:
    pasts = pairwise(histories.past_offsets.tolist())
    return [[sorted(histories.baskets[row].tolist()) for row in range(*past)] for past in pasts]


def test_each_shopper_has_the_own_baskets_oldest_first_and_nobodys_are_left_out() -> None:
    assert _past(HISTORIES) == [[[0], [0, 1], [4]], [], [[1, 2]]]
    assert HISTORIES.sizes.tolist() == [3, 0, 1]


def test_of_a_long_history_the_latest_baskets_are_kept() -> None:
    assert _past(histories_of(BASKETS, latest=2)) == [[[0, 1], [4]], [], [[1, 2]]]


def test_a_profile_is_the_average_of_the_baskets_the_latest_counting_most() -> None:
    profiles = HISTORIES.profiles(Fading(rate=0.5)).toarray()

    weights = np.asarray([0.25, 0.5, 1]) / 1.75
    np.testing.assert_allclose(profiles[0], [weights[0] + weights[1], weights[1], 0, 0, weights[2]], rtol=1e-6)
    assert profiles[1:].tolist() == [[0, 0, 0, 0, 0], [0, 1, 1, 0, 0]]


def test_a_half_life_counts_from_the_shoppers_last_basket() -> None:
    profiles = HISTORIES.profiles(Fading(half_life_days=10)).toarray()  # bought on days 0, 30 and 40

    weights = np.asarray([1 / 16, 1 / 2, 1]) / (1 / 16 + 1 / 2 + 1)
    np.testing.assert_allclose(profiles[0], [weights[0] + weights[1], weights[1], 0, 0, weights[2]], rtol=1e-6)


def test_without_times_the_number_of_baskets_alone_counts() -> None:
    no_times = np.full(len(BASKETS), UNKNOWN_TIME)
    timeless = Baskets(BASKETS.keys, BASKETS.offsets, BASKETS.items, BASKETS.quantities, no_times, BASKETS.shoppers)

    one = histories_of(timeless).profiles(Fading(rate=0.5, half_life_days=1)).toarray()

    np.testing.assert_allclose(one, HISTORIES.profiles(Fading(rate=0.5)).toarray())


def test_a_transition_is_the_profile_until_then_and_the_basket() -> None:
    before, after = HISTORIES.transitions(Fading(rate=0.5))

    assert [sorted(after[row].tolist()) for row in range(len(after))] == [[0, 1], [4]]
    expected = np.asarray([[1, 0, 0, 0, 0], [1, 2 / 3, 0, 0, 0]])
    np.testing.assert_allclose(before.toarray(), expected, rtol=1e-6)


def test_histories_are_contexts_in_which_nothing_is_shown() -> None:
    scores = np.ones((3, 5), np.float32)

    assert np.isfinite(HISTORIES.exclude_from(scores)).all(), "what was bought before may be bought again"
    assert len(HISTORIES) == 3
    np.testing.assert_allclose(between_knots(HISTORIES)[2], [1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(between_knots(HISTORIES)[0, :3].sum(), 1, rtol=1e-6)


@pytest.mark.parametrize("visits", [False, True])
def test_rows_can_be_taken_cut_and_joined(visits: bool) -> None:
    shown = Contexts.of([[0], [], [1, 2]])
    whole: Histories | Visits = Visits.made_of(shown, HISTORIES) if visits else HISTORIES

    taken = whole.take(np.asarray([2, 0]))
    joined = type(whole).joined([whole.between(0, 2), whole.between(2, 3)])
    batches = [batch for _, batch in whole.in_batches(2)]

    assert _past(past_of(taken)) == [[[1, 2]], [[0], [0, 1], [4]]]
    assert _past(past_of(joined)) == _past(HISTORIES)
    assert [_past(past_of(batch)) for batch in batches] == [_past(HISTORIES)[:2], _past(HISTORIES)[2:]]
    if visits:
        assert [taken[row].tolist() for row in range(2)] == [[1, 2], [0]]
        assert joined.items.tolist() == shown.items.tolist()


def test_what_was_looked_at_goes_with_its_shopper() -> None:
    looked_at = Views.of(
        np.asarray([0, 2], np.int32), np.asarray([4, 3], np.int32), np.asarray([1, 2]), shopper_count=3
    )
    whole = replace(HISTORIES, looked_at=looked_at)

    taken = whole.take(np.asarray([2, 0]))
    joined = past_of(Histories.joined([whole.between(0, 2), whole.between(2, 3)]))

    assert taken.looked_at is not None
    assert (taken.looked_at.rows.tolist(), taken.looked_at.items.tolist()) == ([0, 1], [3, 4])
    assert joined.looked_at is not None
    assert (joined.looked_at.rows.tolist(), joined.looked_at.items.tolist()) == ([0, 2], [4, 3])
    assert past_of(Histories.joined([whole, HISTORIES])).looked_at is None, "of some it is not known"


def test_baskets_that_know_no_shoppers_say_what_to_export() -> None:
    with pytest.raises(DataError, match=r"Found no column shopper_key in the order lines; expected a pseudonym"):
        histories_of(baskets_of(ROWS, item_count=5))


def test_sets_of_items_have_no_past() -> None:
    with pytest.raises(TypeError, match=r"Found Contexts; expected Histories or Visits"):
        past_of(Contexts.of([[1]]))
