from __future__ import annotations

import pytest

from bundle_ml.benchmark.variants import Variants, product_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RED RETROSPOT PLATE", "BLUE RETROSPOT PLATE"),
        ("SMALL ZINC/GLASS CANDLEHOLDER", "LARGE ZINC/GLASS CANDLEHOLDER"),
        ("BLACK/BLUE DOTS RUFFLED UMBRELLA", "RED/WHITE DOTS RUFFLED UMBRELLA"),
        ("CAT BOWL", "BLACK AND WHITE CAT BOWL"),
        ("RETRO LAUNDRY TUB PINK", "Retro laundry tub dark blue, large"),
        ("Umbrella Red", "Umbrella"),
        ("CAT BOWL", "CAT BOWL "),
    ],
)
def test_colours_and_sizes_make_variants_wherever_they_stand(one: str, other: str) -> None:
    assert Variants.of([one, other]).are(0, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RED RETROSPOT PLATE", "RED RETROSPOT MUG"),
        ("SET OF 3 CAKE TINS", "SET OF 6 CAKE TINS"),
        ("RED BAG", "BLUE BAG"),
        ("RED", "BLUE"),
        ("", ""),
    ],
)
def test_another_product_or_too_little_left_to_name_one_makes_none(one: str, other: str) -> None:
    assert not Variants.of([one, other]).are(0, 1)


def test_a_bundle_is_asked_for_any_two_of_its_items() -> None:
    variants = Variants.of(["Tea Cup Red", "Spoon", "Tea Cup Blue", "Tea Cup"])

    assert variants.any_two([0, 1, 3])
    assert not variants.any_two([0, 1])
    assert sorted(variants.pairs()) == [(0, 2), (0, 3), (2, 3)]


def test_an_item_is_no_variant_of_itself() -> None:
    assert not Variants.of(["Tea Cup Red"]).are(0, 0)


def test_the_product_is_what_is_left_of_the_title() -> None:
    assert product_of("Large RED/WHITE Dots, Ruffled Umbrella (XL)") == ("dots", "ruffled", "umbrella")
