from __future__ import annotations

from bundle_ml.catalogue import CatalogueItem
from bundle_ml.shelf import Shelf


def test_learned_items_come_first_under_their_numbers() -> None:
    catalogue = [
        CatalogueItem(key="a", title="Apron", category="kitchen"),
        CatalogueItem(key="b", title="Bowl", sellable=False),
    ]

    shelf = Shelf.of(["b"], catalogue)

    assert (shelf.keys, shelf.titles, shelf.learned_count) == (("b", "a"), ("Bowl", "Apron"), 1)
    assert shelf.sellable.tolist() == [False, True]
    assert shelf.has_categories
    assert shelf.category_numbers == (0, 1)


def test_without_a_catalogue_what_was_bought_is_for_sale() -> None:
    shelf = Shelf.of(["a", "b"], [])

    assert (shelf.titles, shelf.sellable.tolist(), shelf.has_categories) == (("a", "b"), [True, True], False)
