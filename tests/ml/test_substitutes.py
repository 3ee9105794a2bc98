from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.catalogue import CatalogueItem
from bundle_ml.category_pairs import CategoryPairs
from bundle_ml.settings import Settings
from bundle_ml.shelf import Shelf
from bundle_ml.substitutes import Substitutes
from tests.ml.worlds import baskets_of

COLOURED = [
    f"{colour} {thing}" for colour in ("Light Blue", "Dark Red") for thing in ("Lamp", "Rug", "Bowl", "Cup")
] * 3
"""What makes a colour a word that says little."""


def _substitutes(
    titles: Sequence[str],
    rows: Sequence[Sequence[int]] = (),
    *,
    categories: Sequence[str | None] | None = None,
    vectors: np.ndarray | None = None,
    pairs: CategoryPairs | None = None,
    **settings: float,
) -> Substitutes:
    baskets = baskets_of(rows, item_count=len(titles))
    categories = categories or [None] * len(titles)
    items = [
        CatalogueItem(key=key, title=title, category=category)
        for key, title, category in zip(baskets.keys, titles, categories, strict=True)
    ]
    vectors = np.zeros((len(titles), 2), np.float32) if vectors is None else vectors
    chosen = replace(Settings(), **settings)  # type: ignore[arg-type]
    return Substitutes.of(Shelf.of(baskets.keys, items), baskets, vectors, chosen, pairs=pairs)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Trail Backpack Blue", "Trail Backpack Red", True),
        ("Trail Backpack, blue", "TRAIL BACKPACK RED", True),
        ("Trail Backpack", "Trail Backpack Red", True),
        ("Red Retrospot Plate", "Blue Retrospot Plate", True),
        ("Trail Backpack Blue", "Trail Bottle Red", False),
        ("Mug", "Cup", False),
        ("无线鼠标 黑色", "无线鼠标 白色", True),
        ("", "", False),
    ],
)
def test_titles_that_differ_in_one_word_are_variants(one: str, other: str, alike: bool) -> None:
    assert _substitutes([one, other]).replaces(0, 1) is alike


def test_titles_that_differ_in_words_which_mean_little_are_variants() -> None:
    titles = ["Filigree Hanging Lantern Light Blue", "Filigree Hanging Lantern Dark Red", *COLOURED]

    assert _substitutes(titles, variant_cosine=0.6).replaces(0, 1)
    assert not _substitutes(titles, variant_cosine=1.1, substitute_probability=1.0).replaces(0, 1)


def test_alike_titles_in_two_categories_are_not_one_product() -> None:
    assert not _substitutes(["Oak Desk", "Oak Mug"], categories=["furniture", "kitchen"]).replaces(0, 1)


def test_variants_share_a_bundle_only_where_nearly_everybody_buys_both() -> None:
    titles = ["Red Retrospot Plate", "Blue Retrospot Plate", *COLOURED]
    often = [[0, 1]] * 20 + [[0], [1]] * 20
    nearly_always = [[0, 1]] * 20 + [[0], [1]] * 2

    assert _substitutes(titles, often).replaces(0, 1)
    assert not _substitutes(titles, nearly_always).replaces(0, 1)
    assert not _substitutes(titles, often, variant_together_ratio=0.5).replaces(0, 1)
    assert _substitutes(titles, nearly_always, variant_together_ratio=1.1).replaces(0, 1)


def test_a_longer_title_is_a_part_or_a_cover_where_most_of_its_buyers_take_both() -> None:
    titles = ["Nova Phone Black", "Nova Phone Case Black", "Nova Phone Case Blue", *COLOURED]
    often = [[0, 1], [0, 2]] * 20 + [[0], [1], [2]] * 10

    assert not _substitutes(titles, often).replaces(0, 1)
    assert _substitutes(titles, often).replaces(1, 2)
    assert _substitutes(titles, often, longer_title_together_ratio=0.9).replaces(0, 1)
    assert _substitutes(titles, [[0, 1], [0], [1], [0], [1]] * 5).replaces(0, 1)


def test_alike_company_that_is_kept_apart_makes_substitutes() -> None:
    titles, vectors = ["Nimbus", "Zephyr"], np.asarray([[1.0, 0.0], [0.95, 0.3]], np.float32)
    apart = [[0], [1]] * 30

    assert _substitutes(titles, apart, vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, apart[:20], vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, [*apart, *[[0, 1]] * 10], vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, apart, vectors=np.eye(2, dtype=np.float32)).replaces(0, 1)


def test_where_orders_say_nothing_alike_titles_of_one_category_make_substitutes() -> None:
    titles = ["Organic Brown Eggs Twelve", "Brown Eggs Large Free Range", "Oat Milk"]

    in_one = _substitutes(titles, categories=["eggs", "eggs", "milk"])

    assert in_one.replaces(0, 1)
    assert not in_one.replaces(0, 2)
    assert not _substitutes(titles, categories=["eggs", "bread", "milk"]).replaces(0, 1)


def test_what_is_bought_together_is_no_substitute_however_alike() -> None:
    titles = ["Organic Brown Eggs Twelve", "Brown Eggs Large Free Range"]

    assert not _substitutes(titles, [[0, 1]] * 8 + [[0], [1]] * 40, categories=["eggs", "eggs"]).replaces(0, 1)


def test_a_pattern_that_very_many_share_is_a_naming_scheme() -> None:
    titles = [f"Poster {number}" for number in range(10)]

    assert _substitutes(titles, max_variants=10).replaces(0, 9)
    assert not _substitutes(titles, max_variants=9).replaces(0, 9)


def test_the_shop_has_the_last_word_on_two_categories() -> None:
    titles, categories = ["Mug Red", "Mug Blue", "Lamp", "Rug"], ["mugs", "mugs", "lamps", "rugs"]
    pairs = CategoryPairs({frozenset({"mugs"}): True, frozenset({"lamps", "rugs"}): False})

    decided = _substitutes(titles, [[2, 3]] * 50, categories=categories, pairs=pairs)

    assert not decided.replaces(0, 1)
    assert decided.replaces(2, 3)
    assert not decided.replaces(0, 2)


def test_the_answer_is_the_same_either_way_round_and_however_often() -> None:
    substitutes = _substitutes(["Trail Backpack Blue", "Trail Backpack Red", "Oat Milk"])

    for _ in range(2):
        assert substitutes.replaces(0, 1)
        assert substitutes.replaces(1, 0)
        assert not substitutes.replaces(2, 0)
