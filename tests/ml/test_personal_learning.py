from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.baskets import MICROSECONDS_PER_DAY, Baskets, split_by_time
from bundle_ml.histories import histories_of
from bundle_ml.metrics import top_items
from bundle_ml.personal import FREQUENCY, NEXT_BASKET, VIEWS
from bundle_ml.personal_learning import LADDER, PERSONAL, LearnedPersonal, come_back, learn_personal
from bundle_ml.rungs import POPULARITY
from bundle_ml.settings import Settings
from bundle_ml.views import Views
from tests.ml.worlds import BROWSED_ITEMS, FINDS, INK, PRINTERS, REGULAR_ITEMS, baskets_of, browsers, regulars

SETTINGS = Settings(threads=1, personal_min_shoppers=50, bootstrap_samples=100)


@pytest.fixture(scope="module")
def baskets() -> Baskets:
    shoppers, rows = regulars(240, visits=10)
    return baskets_of(rows, REGULAR_ITEMS, shoppers=shoppers, days_apart=0.01)


def test_who_came_before_a_slice_and_in_it_is_asked_about_the_first_basket_there() -> None:
    before = baskets_of([[0], [1], [2]], 6, shoppers=[4, 2, 4])
    held_out = baskets_of([[3], [4], [5], [3], [4]], 6, shoppers=[-1, 2, 9, 4, 2])

    found = come_back(before, held_out)

    assert found.nexts.items.tolist() == [4, 3]
    assert [sorted(found.pasts.between(row, row + 1).baskets.items.tolist()) for row in range(2)] == [[1], [0, 2]]


def test_the_blend_is_measured_beside_its_parts_and_leads(baskets: Baskets) -> None:
    learned = learn_personal(baskets, split_by_time(baskets, validation_ratio=0.1, test_ratio=0.1), settings=SETTINGS)

    rows = {row["model"]: row for row in learned.report["rows"]}
    assert set(rows) == set(LADDER) - {VIEWS} == {POPULARITY, FREQUENCY, NEXT_BASKET, PERSONAL}
    assert rows[PERSONAL]["ndcg_at_10"] > 2 * rows[POPULARITY]["ndcg_at_10"]
    assert rows[PERSONAL]["ndcg_at_10"] >= 0.98 * max(row["ndcg_at_10"] for row in rows.values())
    assert all(
        row[f"{measure}_low"] <= row[measure] <= row[f"{measure}_high"]
        for row in rows.values()
        for measure in ("ndcg_at_10", "recall_at_10", "recall_at_20", "repeat_recall_at_10", "new_recall_at_10")
    )
    assert learned.report["shoppers"] == learned.report["came_back"]["test"] > 50
    assert learned.report["rung"] in LADDER


def test_what_is_stored_was_taught_by_the_last_slice_too(baskets: Baskets) -> None:
    """Only the last tenth of the orders holds the thing that is bought after the printers of a new make."""
    shoppers = baskets.shoppers
    assert shoppers is not None
    item = REGULAR_ITEMS
    last = [[item], [item + 1]] * 40
    late = baskets_of(
        [*(baskets[row].tolist() for row in range(len(baskets))), *last],
        REGULAR_ITEMS + 2,
        shoppers=[*shoppers.tolist(), *np.repeat(np.arange(240, 280), 2).tolist()],
        days_apart=0.01,
    )

    learned = learn_personal(late, split_by_time(late, validation_ratio=0.1, test_ratio=0.1), settings=SETTINGS)

    assert learned.blend is not None
    asked = histories_of(baskets_of([[item], [PRINTERS]], REGULAR_ITEMS + 2, shoppers=[0, 1]))
    scores = learned.blend.scores(asked)
    assert scores[0, item + 1] > scores[1, item + 1]
    assert scores[1, INK] > scores[0, INK]


@pytest.fixture(scope="module")
def browsed() -> tuple[Baskets, Views]:
    shoppers, rows, views = browsers(200, visits=8)
    baskets = baskets_of(rows, BROWSED_ITEMS, shoppers=shoppers, days_apart=0.05)  # a round takes ten days
    who, what, when = (np.asarray(column) for column in zip(*views, strict=True))
    moments = (when * 0.05 * MICROSECONDS_PER_DAY).astype(np.int64)
    return baskets, Views.of(who.astype(np.int32), what.astype(np.int32), moments, shopper_count=200)


class TestViews:
    """In the world of browsers a find is new each time: nothing but the views can tell which comes next."""

    def _learned(self, baskets: Baskets, views: Views | None) -> LearnedPersonal:
        split = split_by_time(baskets, validation_ratio=0.1, test_ratio=0.1)
        return learn_personal(baskets, split, settings=SETTINGS, views=views)

    def test_they_add_what_they_must(self, browsed: tuple[Baskets, Views]) -> None:
        baskets, views = browsed

        without, with_views = (
            {row["model"]: row for row in self._learned(baskets, each).report["rows"]}[PERSONAL]
            for each in (None, views)
        )

        assert with_views["ndcg_at_10"] > 1.25 * without["ndcg_at_10"]
        assert with_views["ndcg_at_10_low"] > without["ndcg_at_10_high"]
        # Three finds of four were looked at; among ten of forty finds chance would have the fourth.
        assert with_views["new_recall_at_10"] > 0.65 > 1.8 * without["new_recall_at_10"]

    def test_the_staple_and_what_was_looked_at_last_come_first(self, browsed: tuple[Baskets, Views]) -> None:
        baskets, views = browsed

        blend = self._learned(baskets, views).blend

        assert blend is not None
        assert VIEWS in blend.parts
        assert {FREQUENCY, NEXT_BASKET} & set(blend.parts)
        pasts = replace(histories_of(baskets), looked_at=views)
        first_three = top_items(blend.scores(pasts), 3)
        staples = FINDS + np.arange(200) % 10
        assert (first_three == staples[:, None]).any(axis=1).mean() > 0.9

    def test_views_of_nothing_that_is_bought_do_no_harm(self, browsed: tuple[Baskets, Views]) -> None:
        baskets, views = browsed
        random = np.random.default_rng(1)
        at_random = replace(views, items=random.integers(0, BROWSED_ITEMS, len(views.items)).astype(np.int32))

        without, with_views = (
            {row["model"]: row["ndcg_at_10"] for row in self._learned(baskets, each).report["rows"]}[PERSONAL]
            for each in (None, at_random)
        )

        assert with_views > 0.97 * without


def test_too_few_shoppers_who_come_back_leave_no_blend_and_a_reason(baskets: Baskets) -> None:
    split = split_by_time(baskets, validation_ratio=0.1, test_ratio=0.1)

    learned = learn_personal(baskets, split, settings=replace(SETTINGS, personal_min_shoppers=1000))

    assert learned.blend is None
    assert learned.report["needed"] == 1000
    assert "shoppers came back in the two held-out slices; expected 1000 in each" in learned.report["decision"]


def test_lines_that_name_no_shoppers_leave_no_blend_and_a_reason() -> None:
    nobody = baskets_of([[0, 1]] * 30, 2)

    learned = learn_personal(nobody, split_by_time(nobody, validation_ratio=0.1, test_ratio=0.1), settings=SETTINGS)

    assert learned.blend is None
    assert learned.report == {"decision": "the order lines name no shoppers (column shopper_key)"}


def test_where_what_comes_next_is_chance_a_simpler_model_is_served() -> None:
    """Everybody buys at random: a past says nothing, and the blend may not be served if it is worse than popularity."""
    random = np.random.default_rng(0)
    shares = np.arange(1, 41) / np.arange(1, 41).sum()
    rows = [random.choice(40, 3, replace=False, p=shares).tolist() for _ in range(1500)]
    chance = baskets_of(rows, 40, shoppers=random.integers(0, 150, 1500).tolist(), days_apart=0.1)

    report = learn_personal(
        chance, split_by_time(chance, validation_ratio=0.1, test_ratio=0.1), settings=SETTINGS
    ).report

    found = {row["model"]: row["ndcg_at_10"] for row in report["rows"]}
    assert found[report["rung"]] > 0.9 * max(found.values())
    assert found[FREQUENCY] < found[POPULARITY]
