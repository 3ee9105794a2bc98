from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bundle_ml.evidence import Postings
from bundle_ml.substitutes import Substitutes, TitleStems
from tests.ml.worlds import baskets_of


def _substitutes(
    titles: Sequence[str],
    rows: Sequence[Sequence[int]] = (),
    *,
    categories: Sequence[str | None] | None = None,
    vectors: np.ndarray | None = None,
    max_variants: int = 60,
) -> Substitutes:
    categories = categories or [None] * len(titles)
    return Substitutes(
        TitleStems.of(titles, categories, max_variants=max_variants),
        Postings.of(baskets_of(rows, item_count=len(titles)), item_count=len(titles)),
        np.zeros((len(titles), 2), np.float32) if vectors is None else vectors,
        together_ratio=0.05,
        cosine=0.8,
    )


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
def test_titles_that_differ_in_one_word_are_alike(one: str, other: str, alike: bool) -> None:
    assert _substitutes([one, other]).replaces(0, 1) is alike


def test_alike_titles_in_two_categories_are_not_one_product() -> None:
    assert not _substitutes(["Oak Desk", "Oak Mug"], categories=["furniture", "kitchen"]).replaces(0, 1)


def test_what_is_really_bought_together_is_a_set() -> None:
    titles = ["Red Retrospot Plate", "Blue Retrospot Plate"]
    seldom = [[0, 1]] * 4 + [[0], [1]] * 50
    often = [[0, 1]] * 20 + [[0], [1]] * 50

    assert _substitutes(titles, seldom).replaces(0, 1)
    assert not _substitutes(titles, often).replaces(0, 1)


def test_a_handful_of_coincidences_in_a_large_shop_makes_no_set() -> None:
    titles = ["Trail Backpack Blue", "Trail Backpack Red"]

    assert _substitutes(titles, [[0, 1]] * 10 + [[0], [1]] * 300).replaces(0, 1)


def test_alike_company_in_one_category_makes_substitutes_unless_bought_together() -> None:
    titles, categories = ["Nimbus", "Zephyr"], ["tents", "tents"]
    vectors = np.asarray([[1.0, 0.0], [0.95, 0.3]], np.float32)
    apart = [[0], [1]] * 30

    assert _substitutes(titles, apart, categories=categories, vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, apart, categories=["tents", "lamps"], vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, apart, categories=[None, None], vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, apart[:20], categories=categories, vectors=vectors).replaces(0, 1)
    assert not _substitutes(titles, [*apart, *[[0, 1]] * 10], categories=categories, vectors=vectors).replaces(0, 1)


def test_a_pattern_that_very_many_share_is_a_naming_scheme() -> None:
    titles = [f"Poster {number}" for number in range(10)]

    assert _substitutes(titles, max_variants=10).replaces(0, 9)
    assert not _substitutes(titles, max_variants=9).replaces(0, 9)
