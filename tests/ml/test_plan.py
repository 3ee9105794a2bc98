from __future__ import annotations

from bundle_ml.plan import MAX_EPOCHS, plan
from bundle_ml.settings import Settings
from tests.ml.worlds import baskets_of

SMALL = baskets_of([[0, 1, 2]] * 50, item_count=3)


def test_a_greater_budget_buys_width_then_epochs() -> None:
    plans = [plan(SMALL, Settings(training_teraflops=budget)) for budget in (1e-5, 1e-3, 10.0)]

    assert [each.width for each in plans] == sorted(each.width for each in plans)
    assert plans[0].width < plans[2].width == 256
    assert plans[2].epochs == MAX_EPOCHS


def test_what_is_set_by_hand_is_kept() -> None:
    chosen = plan(SMALL, Settings(width=64, epochs=2))

    assert (chosen.width, chosen.epochs) == (64, 2)


def test_even_with_hardly_any_budget_there_is_one_epoch() -> None:
    assert plan(SMALL, Settings(training_teraflops=1e-12)).epochs == 1


def test_above_the_limit_a_draw_competes_and_a_place_costs_no_more() -> None:
    wide = baskets_of([[item, item + 1] for item in range(0, 19_998, 2)], item_count=20_000)
    all_items, drawn = (
        plan(wide, Settings(full_softmax_max_items=limit, training_teraflops=0.5)) for limit in (20_000, 19_999)
    )

    assert (all_items.competitors, drawn.competitors) == (None, Settings().drawn_competitors)
    assert drawn.epochs * drawn.width > all_items.epochs * all_items.width


def test_a_large_catalogue_makes_smaller_batches() -> None:
    wide = baskets_of([[item, item + 1] for item in range(0, 19_998, 2)], item_count=20_000)

    all_compete = Settings(full_softmax_max_items=20_000)
    assert plan(wide, all_compete).batch_baskets < plan(SMALL, all_compete).batch_baskets
