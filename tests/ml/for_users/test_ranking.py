from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.errors import DataError
from bundle_ml.for_users.histories import Histories
from bundle_ml.for_users.ranking import IN_BUNDLES, Ranking, fit_ranking, fit_without_each
from tests.ml.for_users.worlds import BUNDLES_EACH, club_of_user, clubs, ones


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    histories, held_out, _ = clubs()
    return fit_ranking(histories, held_out)


def test_the_club_s_other_bundles_come_first(ranking: Ranking) -> None:
    """Four of eight are known, so that the first four must be the others."""
    users = np.arange(ranking.histories.user_count)

    lists = ranking.top(users, 4)

    assert (lists // BUNDLES_EACH == club_of_user()[:, None]).all()


def test_lists_are_told_without_what_the_user_has_and_end_with_minus_one(ranking: Ranking) -> None:
    count = ranking.histories.bundle_count

    (listed,) = ranking.top(np.array([5]), count + 3)

    known = ranking.histories.bundles_UB[[5]].indices
    assert sorted(listed[: count - 4]) == sorted(set(range(count)) - set(known.tolist()))
    assert (listed[count - 4 :] == -1).all()


def test_contributions_add_up_to_the_score(ranking: Ranking) -> None:
    users = np.array([0, 50])

    parts = ranking.contributions(users)

    assert set(parts) == {name for name, weight in ranking.weights.items() if weight}
    assert sum(parts.values()) == pytest.approx(ranking.scores(users), abs=1e-5)


def test_a_single_part_ranks_by_its_own_scores(ranking: Ranking) -> None:
    alone = ranking.only("in_hand")

    raw = ranking.parts["in_hand"].scores(np.array([9]))[0]

    assert np.corrcoef(alone.scores(np.array([9]))[0], raw)[0, 1] == pytest.approx(1, abs=1e-5)


def test_the_same_histories_give_the_same_ranking(ranking: Ranking) -> None:
    histories, held_out, _ = clubs()

    again = fit_ranking(histories, held_out)

    assert again.weights == ranking.weights
    assert (again.top(np.arange(120), 10) == ranking.top(np.arange(120), 10)).all()


def test_later_histories_are_ranked_by_the_weights_chosen_before(ranking: Ranking) -> None:
    histories, held_out, _ = clubs()
    later = Histories(
        bundles_UB=(histories.bundles_UB + held_out).tocsr(),
        items_UI=histories.items_UI,
        contents_BI=histories.contents_BI,
    )

    refitted = ranking.refitted(later)

    assert refitted.weights == ranking.weights
    lists = refitted.top(np.arange(120), 3)
    assert (lists // BUNDLES_EACH == club_of_user()[:, None]).all()
    assert not any(set(later.bundles_UB[[user]].indices) & set(lists[user]) for user in range(120))


def test_what_is_left_without_a_part_is_weighed_anew(ranking: Ranking) -> None:
    histories, held_out, _ = clubs()

    without = dict(fit_without_each(ranking, held_out))

    assert set(without) == {*ranking.parts, *([IN_BUNDLES] if ranking.settings[IN_BUNDLES] else [])}
    for name in ranking.parts:
        assert set(without[name].weights) == set(ranking.parts) - {name}
        assert sum(without[name].weights.values()) == pytest.approx(1)
    in_bundles = Ranking(
        histories, ranking.parts, ranking.spreads, ranking.weights, {**ranking.settings, IN_BUNDLES: 1.0}
    )
    *_, (name, last) = fit_without_each(in_bundles, held_out)
    assert (name, last.settings[IN_BUNDLES], set(last.parts)) == (IN_BUNDLES, 0, set(ranking.parts))


def test_without_items_of_users_bundles_alone_suffice() -> None:
    histories, held_out, _ = clubs(with_items=False)

    ranking = fit_ranking(histories, held_out)

    assert (ranking.top(np.arange(120), 4) // BUNDLES_EACH == club_of_user()[:, None]).all()


def test_what_cannot_be_tuned_on_says_so() -> None:
    histories, held_out, _ = clubs()

    with pytest.raises(DataError, match=r"The held-out bundles have the shape \(3, 3\); expected \(120, 32\)"):
        fit_ranking(histories, ones(np.eye(3)))
    with pytest.raises(DataError, match="No bundle is held out; expected some to choose weights by"):
        fit_ranking(histories, ones(np.zeros((120, 32))))
    with pytest.raises(DataError, match="480 of 480 held-out bundles are in the histories; expected none"):
        fit_ranking(histories, histories.bundles_UB)
    assert held_out.nnz == 120
