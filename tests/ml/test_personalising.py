from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import Baskets
from bundle_ml.ease import fit_ease
from bundle_ml.fitting import average_ndcg
from bundle_ml.histories import Fading, Histories, Visits, histories_of
from bundle_ml.personalising import (
    PAST,
    QUESTION,
    choose_personal,
    fit_past_blend,
    fit_personal_rungs,
    fit_visit_blend,
    last_baskets,
    next_basket_cases,
    visit_cases,
)
from bundle_ml.settings import Settings
from tests.ml.worlds import REGULAR_ITEMS, baskets_of, regulars

SHOPPER_COUNT = 240
SETTINGS = Settings(threads=1)


@pytest.fixture(scope="module")
def split() -> tuple[Baskets, Baskets, Histories]:
    """All but the last basket of each shopper, the last ones, and the pasts."""
    shoppers, rows = regulars(SHOPPER_COUNT)
    baskets = baskets_of(rows, REGULAR_ITEMS, shoppers=shoppers)
    before, nexts = last_baskets(baskets, shoppers=np.arange(SHOPPER_COUNT))
    return before, nexts, histories_of(before)


def test_the_last_basket_of_each_shopper_asked_about_is_cut_off() -> None:
    baskets = baskets_of([[0], [1], [2], [3], [4]], 5, shoppers=[0, 1, 0, -1, 1])

    others, last = last_baskets(baskets, shoppers=np.asarray([1]))

    assert others.items.tolist() == [0, 1, 2, 3]
    assert last.items.tolist() == [4]


def test_a_case_hides_an_item_of_the_shoppers_next_basket(split: tuple[Baskets, Baskets, Histories]) -> None:
    _, nexts, histories = split

    cases = next_basket_cases(histories, nexts, seed=0, limit=200)

    assert len(cases) == 200
    assert isinstance(cases.contexts, Histories)
    assert all(cases.targets[row] in cases.rests[row] for row in range(200))
    assert cases.targets.tolist() != next_basket_cases(histories, nexts, seed=1, limit=200).targets.tolist()


def test_an_item_of_a_large_basket_is_drawn_less_often() -> None:
    """Of a basket of one the item may earn all, of ten things each a tenth or so: 1 against 10 / 4.54."""
    rows = [[0]] * 400 + [list(range(1, 11))] * 400
    nexts = baskets_of(rows, 11, shoppers=range(800))

    drawn = next_basket_cases(histories_of(nexts), nexts, seed=0, limit=600).targets

    assert (drawn == 0).sum() == pytest.approx(600 / (1 + 10 / 4.54), rel=0.25)


def test_a_blend_of_pasts_beats_its_parts(split: tuple[Baskets, Baskets, Histories]) -> None:
    before, nexts, histories = split
    cases = next_basket_cases(histories, nexts, seed=0, limit=500)

    choices = choose_personal(before, cases, SETTINGS)
    rungs = fit_personal_rungs(before, choices, SETTINGS)
    blend = fit_past_blend(rungs, cases)

    measured = {name: average_ndcg(rung, {QUESTION: cases}) for name, rung in rungs.items()}
    assert len(blend.parts) >= 2
    assert average_ndcg(blend, {QUESTION: cases}) > max(measured.values())


def test_in_a_visit_the_past_adds_to_what_is_shown(split: tuple[Baskets, Baskets, Histories]) -> None:
    before, nexts, histories = split
    of_basket = fit_ease(before, l2=10.0, neighbour_count=50, max_items=100)
    visits = visit_cases(histories, nexts, seed=0)
    cases = next_basket_cases(histories, nexts, seed=0, limit=500)
    choices = choose_personal(before, cases, SETTINGS)
    of_past = fit_past_blend(fit_personal_rungs(before, choices, SETTINGS), cases)

    both = fit_visit_blend(of_basket, of_past, visits)

    assert PAST in both.parts
    assert average_ndcg(both, visits) > 1.05 * average_ndcg(of_basket, visits)


def test_a_visit_is_asked_of_the_shopper_whose_basket_it_is(split: tuple[Baskets, Baskets, Histories]) -> None:
    _, nexts, histories = split

    for size, cases in visit_cases(histories, nexts, seed=0, draws=2).items():
        visits = cases.contexts
        assert isinstance(visits, Visits)
        assert len(visits.histories) == len(cases), size
        frequency = visits.histories.profiles(Fading()).toarray()
        groups = frequency[:, :30].reshape(len(cases), 6, 5).sum(axis=2).argmax(axis=1)
        favourites = np.flatnonzero(cases.targets < 30)
        assert (cases.targets[favourites] // 5 == groups[favourites]).all()
