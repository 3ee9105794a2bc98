from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bundle_ml.catalogue import CatalogueItem
from bundle_ml.fallback import Fallback
from bundle_ml.rungs import fit_category, fit_popularity
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.substitutes import Substitutes
from tests.ml.worlds import baskets_of


def _fallback(items: Sequence[CatalogueItem], rows: Sequence[Sequence[int]] = ()) -> Fallback:
    shelf = Shelf.of([], items)
    baskets = baskets_of(rows, item_count=len(items))
    popularity = fit_popularity(baskets, half_life_days=1000)
    substitutes = Substitutes.of(shelf, baskets, np.zeros((len(items), 2), np.float32), Settings())
    category = fit_category(baskets, shelf.category_numbers, popularity)
    return Fallback.of(shelf, substitutes, category, popularity.log_share_V)


def _item(title: str, category: str | None = None, *, sellable: bool = True) -> CatalogueItem:
    return CatalogueItem(key=title, title=title, category=category, sellable=sellable)


def _titles(fallback: Fallback, anchor: int) -> list[tuple[str, str]]:
    return [(pair.rung, fallback.shelf.titles[pair.part]) for pair in fallback.pairs(anchor)]


def test_a_new_laptop_goes_with_what_other_laptops_are_bought_with() -> None:
    items = [
        _item("Featherlight", "laptops"),
        _item("Everyday", "laptops"),
        _item("Mouse", "mice"),
        _item("Rug", "home"),
    ]

    fallback = _fallback(items, [[1, 2]] * 10 + [[3]] * 30)

    assert _titles(fallback, 0)[0] == ("category", "Mouse")


def test_without_any_order_the_own_category_comes_first() -> None:
    fallback = _fallback([_item("Rug", "home"), _item("Mouse", "desk"), _item("Keyboard", "desk")])

    assert _titles(fallback, 1) == [("category", "Keyboard"), ("category", "Rug")]


def test_without_categories_the_best_seller_comes_first() -> None:
    fallback = _fallback([_item("Rug"), _item("Mug"), _item("Lamp")], [[2], [2], [1]])

    assert _titles(fallback, 0) == [("popularity", "Lamp"), ("popularity", "Mug")]


def test_scores_fall_and_stay_below_those_with_evidence() -> None:
    scores = [pair.score for pair in _fallback([_item(f"{name} thing") for name in "abcd"]).pairs(0)]

    assert scores == sorted(scores, reverse=True)
    assert max(scores) <= 0.2


def test_neither_what_cannot_be_sold_nor_a_substitute_is_offered() -> None:
    items = [_item("Mug Red"), _item("Mug Blue"), _item("Lamp", sellable=False), _item("Rug")]

    assert _titles(_fallback(items), 0) == [("popularity", "Rug")]


def test_a_substitute_is_better_than_an_empty_box() -> None:
    assert _titles(_fallback([_item("Mug Red"), _item("Mug Blue")]), 0) == [("popularity", "Mug Blue")]


def test_alone_on_the_shelf_there_is_nothing_to_offer() -> None:
    assert _titles(_fallback([_item("Mug Red")]), 0) == []
