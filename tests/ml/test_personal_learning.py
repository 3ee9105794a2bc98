from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.baskets import Baskets, split_by_time
from bundle_ml.histories import histories_of
from bundle_ml.personal import FREQUENCY, NEXT_BASKET
from bundle_ml.personal_learning import LADDER, PERSONAL, come_back, learn_personal
from bundle_ml.rungs import POPULARITY
from bundle_ml.settings import Settings
from tests.ml.worlds import INK, PRINTERS, REGULAR_ITEMS, baskets_of, regulars

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
    assert set(rows) == set(LADDER) == {POPULARITY, FREQUENCY, NEXT_BASKET, PERSONAL}
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


def test_too_few_shoppers_who_come_back_leave_no_blend_and_a_reason(baskets: Baskets) -> None:
    split = split_by_time(baskets, validation_ratio=0.1, test_ratio=0.1)

    learned = learn_personal(baskets, split, settings=replace(SETTINGS, personal_min_shoppers=1000))

    assert learned.blend is None
    assert learned.report["needed"] == 1000
    assert "shoppers came back in the two held-out slices; expected 1000 in each" in learned.report["decision"]


def test_lines_that_name_no_shoppers_leave_no_blend_and_a_reason() -> None:
    nobody = baskets_of([[0, 1]] * 30, 2)

    learned = learn_personal(nobody, split_by_time(nobody, validation_ratio=0.1, test_ratio=0.1), settings=SETTINGS)

    assert (learned.blend, learned.report) == (None, {"decision": "the order lines have no column shopper_key"})


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
