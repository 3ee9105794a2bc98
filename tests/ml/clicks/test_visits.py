from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.clicks.latent_needs import Behaviour, LatentNeeds
from bundle_ml.clicks.truth import EMPTY, Numbers, Pages
from bundle_ml.clicks.visits import Compositions, Visits

PLACES = np.arange(3)


@pytest.fixture(scope="module")
def visits() -> Visits:
    return Visits.generate(0, anchor_count=8, shopper_count=400)


def _draw(visits: Visits, count: int = 4000, *, day: int = 0) -> Pages:
    return visits.draw(count, day=day, random=np.random.default_rng(1))


def _first_three(pages: Pages) -> Numbers:
    return np.tile(PLACES, (len(pages), 1))


def test_the_same_seed_is_the_same_shop_and_another_is_another() -> None:
    one, again, other = (Visits.generate(seed, anchor_count=4, shopper_count=50) for seed in (3, 3, 4))

    assert (one.click_RL == again.click_RL).all()
    assert (one.prior_R == again.prior_R).all()
    assert (one.click_RL != other.click_RL).any()


def test_candidates_are_different_bundles_without_their_anchor_best_score_first(visits: Visits) -> None:
    for anchor, bundles_CM in zip(visits.anchors_A.tolist(), visits.bundles_ACM.tolist(), strict=True):
        sets = [frozenset(item for item in bundle if item != EMPTY) for bundle in bundles_CM]
        assert len(set(sets)) == len(sets)
        assert all(anchor not in bundle for bundle in sets)
    assert (np.diff(visits.prior_R.reshape(len(visits.anchors_A), -1), axis=1) <= 0).all()


def test_the_average_over_what_cannot_be_seen_is_the_average_of_many_visits(visits: Visits) -> None:
    pages = _draw(visits, 60_000)
    people = pages.take(np.flatnonzero(~pages.is_bot_N))

    for column in (0, 5, 11):
        chances_N = visits.chances(people, np.full((len(people), 1), column))[:, 0]
        assert chances_N.mean() == pytest.approx(visits.expected(people)[:, column].mean(), rel=0.02)


def test_the_supervised_score_knows_something_and_not_all() -> None:
    correlations = [Visits.generate(seed, shopper_count=10).prior_correlation() for seed in range(4)]

    assert 0.1 < float(np.mean(correlations)) < 0.6


def test_lower_places_are_clicked_less(visits: Visits) -> None:
    pages = _draw(visits)
    same = np.zeros((len(pages), 3), np.int64)

    people = visits.chances(pages, same)[~pages.is_bot_N]

    assert people[:, 1] == pytest.approx(people[:, 0] * 0.7)
    assert people[:, 2] == pytest.approx(people[:, 0] * 0.5)


def test_what_was_seen_is_clicked_less_by_who_saw_it_until_the_shop_is_made_anew(visits: Visits) -> None:
    world, pages = visits.anew(), _draw(visits, 50)
    shown = _first_three(pages)
    before = world.chances(pages, shown)

    world.answer(pages, shown, np.random.default_rng(0))

    people = ~pages.is_bot_N
    assert (world.chances(pages, shown)[people] < before[people]).all()
    assert (world.anew().chances(pages, shown) == before).all()


def test_bots_click_their_target_and_nothing_else(visits: Visits) -> None:
    targets = np.arange(8) * 12 + 4
    attacked = visits.attacked(0.5, targets)
    pages = _draw(attacked)
    shown = np.tile([4, 0, 1], (len(pages), 1))

    answers = attacked.answer(pages, shown, np.random.default_rng(0))

    assert 0.45 < pages.is_bot_N.mean() < 0.55
    assert answers.clicks_NK[pages.is_bot_N].all(axis=0).tolist() == [True, False, False]
    assert not answers.clicks_NK[pages.is_bot_N, 1:].any()
    assert not answers.is_buyer_N[pages.is_bot_N].any()
    assert not answers.adds_NK[pages.is_bot_N].any()


def test_nothing_is_bought_that_was_not_clicked_and_nothing_clicked_that_is_not_there(visits: Visits) -> None:
    pages = _draw(visits)
    shown = np.tile([0, EMPTY, 1], (len(pages), 1))

    answers = visits.anew().answer(pages, shown, np.random.default_rng(0))

    assert answers.purchases_NK.any()
    assert (answers.purchases_NK <= answers.adds_NK).all()
    assert (answers.adds_NK <= answers.clicks_NK).all()
    assert not answers.clicks_NK[:, 1].any()


def test_substitutes_in_a_bundle_put_people_off() -> None:
    shop = LatentNeeds.generate(seed=0, behaviour=Behaviour(appeal_spread=0.0))
    same = np.repeat(shop.profiles_VL[:1], shop.item_count, axis=0)
    alike = LatentNeeds.around(same, shop.popularity_V, shop.kinds_V, seed=0, behaviour=shop.behaviour)

    odds_BL = alike.log_odds(np.array([0, 0]), np.array([[1, EMPTY], [3, EMPTY]]))  # items 0, 1 and 2 are of one kind

    assert odds_BL[0] == pytest.approx(odds_BL[1] - 0.8)


def test_appeal_is_spread_as_it_says() -> None:
    shop = LatentNeeds.generate(seed=1, item_count=300)
    random = np.random.default_rng(0)
    bundles = random.integers(300, size=(20_000, 3))

    appeal = shop._appeal(bundles[[len(set(each)) == 3 for each in bundles.tolist()]])

    assert appeal.mean() == pytest.approx(0, abs=0.1)
    assert appeal.std() == pytest.approx(1, abs=0.15)


def test_a_mask_forbids_the_anchor_what_is_in_what_replaces_it_and_what_is_out_of_stock() -> None:
    truth = Compositions.generate(0, anchor_count=8)
    truth.in_stock_V[:] = True
    truth.in_stock_V[40] = False

    (allowed_V,) = truth.may_follow(np.array([[0, 10, EMPTY]]))

    assert np.flatnonzero(~allowed_V).tolist() == [0, 1, 2, 9, 10, 11, 40]  # kinds are of three items
