from __future__ import annotations

import pytest

from bundle_ml.titles import cosine, terms, title_vectors


def test_a_rare_word_counts_more_than_one_that_many_titles_hold() -> None:
    lantern, other_lantern, blue_rug = title_vectors(["Lantern Blue", "Lantern Red", "Rug Blue", "Bowl Blue"])[:3]

    assert cosine(lantern, other_lantern) > cosine(lantern, blue_rug) > 0


def test_a_title_is_itself_and_an_empty_one_is_like_nothing() -> None:
    mug, nothing = title_vectors(["Mug Red", ""])

    assert cosine(mug, mug) == pytest.approx(1)
    assert cosine(mug, nothing) == cosine(nothing, nothing) == 0


def test_scripts_without_blanks_are_compared_by_pairs_of_characters() -> None:
    mouse, other_mouse, desk = title_vectors(["黑色无线鼠标", "白色无线鼠标", "木制书桌"])

    assert cosine(mouse, other_mouse) > 0.4
    assert cosine(mouse, desk) == 0
    assert list(terms("茶 Tea")) == ["茶", "tea"]
