from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.baskets import UNKNOWN_TIME, Baskets, baskets_from_pairs
from bundle_ml.clicks.needs import shop_of_orders
from bundle_ml.clicks.visits import Visits
from bundle_ml.errors import DataError

GROUPS, ITEMS_EACH, ORDERS = 4, 8, 1200


def _orders(*, size: int = 3) -> Baskets:
    """Each order holds items of one of four groups; the first items of a group sell most."""
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, ITEMS_EACH + 1)
    rows = [
        order % GROUPS * ITEMS_EACH + random.choice(ITEMS_EACH, size, replace=False, p=weights / weights.sum())
        for order in range(ORDERS)
    ]
    keys = tuple(f"i{number:02}" for number in range(GROUPS * ITEMS_EACH))
    orders, items = np.repeat(np.arange(ORDERS), size).astype(np.int32), np.concatenate(rows).astype(np.int32)
    times = np.full(ORDERS, UNKNOWN_TIME)
    baskets, _ = baskets_from_pairs(keys, orders, items, np.ones(len(items), np.float32), ordered_at=times)
    return baskets


def test_what_is_bought_together_serves_one_need() -> None:
    shop = shop_of_orders(_orders(), seed=0, need_count=GROUPS)

    needs = shop.profiles_VL.argmax(axis=1).reshape(GROUPS, ITEMS_EACH)

    assert (needs == needs[:, :1]).all()
    assert sorted(needs[:, 0].tolist()) == list(range(GROUPS))
    assert shop.profiles_VL.max(axis=1).min() > 0.8
    assert (np.diff(shop.popularity_V.reshape(GROUPS, ITEMS_EACH)[:, [0, 3, 7]], axis=1) < 0).all()


def test_a_fitted_shop_is_visited_like_any_other() -> None:
    visits = Visits.to(shop_of_orders(_orders(), seed=0), seed=0, anchor_count=5, shopper_count=50)

    pages = visits.draw(100, day=0, random=np.random.default_rng(0))

    assert visits.expected(pages).shape == (100, 12)


def test_orders_that_tell_nothing_say_so() -> None:
    with pytest.raises(DataError, match="In 1200 baskets no two items meet more often than by chance"):
        shop_of_orders(_orders(size=1), seed=0)
