"""A kitchen shop: mugs go with spoons, a second pan is bought by nobody, several plates by everybody."""

from __future__ import annotations

import numpy as np
import pytest

from bundle_ml.artefact import Template
from bundle_ml.catalogue import CatalogueItem
from bundle_ml.category_pairs import CategoryPairs
from bundle_ml.shelf import Shelf
from bundle_ml.templates import STRONGEST, Templates
from tests.ml.worlds import baskets_of

CATEGORIES = ("mugs", "mugs", "spoons", "pans", "pans", "plates", "plates", None)
MUG, OTHER_MUG, SPOON, PAN, OTHER_PAN, PLATE, OTHER_PLATE, GIFT = range(8)
ROWS = [[MUG, SPOON], [OTHER_MUG, SPOON], [PAN, GIFT], [OTHER_PAN, GIFT], [PLATE, OTHER_PLATE]] * 20


def _templates(pairs: CategoryPairs | None = None, *, unbought: int = 0) -> Templates:
    baskets = baskets_of(ROWS, item_count=8)
    items = [
        CatalogueItem(key=key, title=key, category=category)
        for key, category in zip(baskets.keys, CATEGORIES, strict=True)
    ]
    items += [CatalogueItem(key=f"new{number}", title="new", category="mugs") for number in range(unbought)]
    return Templates.of(baskets, Shelf.of(baskets.keys, items), pairs=pairs)


def _prior(templates: Templates, members: list[int], item: int) -> float:
    return float(templates.priors(members, np.asarray([item], np.int32))[0])


def test_categories_that_are_bought_together_speak_for_each_other() -> None:
    templates = _templates()

    assert _prior(templates, [MUG], SPOON) > 0
    assert _prior(templates, [MUG], PAN) < 0
    assert _prior(templates, [MUG, PAN], SPOON) == pytest.approx(
        (_prior(templates, [MUG], SPOON) + _prior(templates, [PAN], SPOON)) / 2
    )


def test_many_items_are_asked_about_at_once() -> None:
    templates, items = _templates(), np.asarray([SPOON, PAN, GIFT, MUG], np.int32)

    assert templates.priors([MUG, GIFT], items).tolist() == [_prior(templates, [MUG, GIFT], item) for item in items]
    assert templates.priors([GIFT], items).tolist() == [0.0] * 4


def test_an_unknown_category_says_nothing() -> None:
    assert _prior(_templates(), [GIFT], MUG) == _prior(_templates(), [MUG], GIFT) == 0


def test_no_pair_of_categories_outweighs_everything() -> None:
    templates = _templates()
    certain = np.full_like(templates.log_lift_CC, 99)

    sure = Templates(templates.names, templates.number_V, certain, templates.orders, templates.pairs)

    assert _prior(sure, [MUG], SPOON) == pytest.approx(STRONGEST)


def test_a_category_is_not_repeated_unless_orders_show_that_it_should() -> None:
    templates = _templates()

    assert not templates.may_join([PAN, GIFT], OTHER_PAN)
    assert templates.may_join([PLATE], OTHER_PLATE)
    assert templates.may_join([MUG], SPOON)
    assert templates.may_join([GIFT], GIFT)


def test_the_shop_may_allow_or_forbid_a_repetition() -> None:
    decided = _templates(CategoryPairs({frozenset({"pans"}): True, frozenset({"plates"}): False}))

    assert decided.may_join([PAN], OTHER_PAN)
    assert not decided.may_join([PLATE], OTHER_PLATE)


def test_the_evidence_is_counted_in_orders() -> None:
    templates = _templates()

    # 40 of 100 orders hold a mug, 40 a spoon, and 40 both: 40 / (0.4 * 0.4 * 100) = 2.5 times as many as by chance.
    assert templates.evidence([SPOON, MUG]) == Template(categories=["mugs", "spoons"], orders=40, lift=2.5)
    assert templates.evidence([MUG, PAN]) == Template(categories=["mugs", "pans"], orders=0, lift=0.0)
    assert templates.evidence([MUG, GIFT]) is None
    assert templates.evidence([PLATE, OTHER_PLATE]) is None


def test_what_nobody_bought_yet_has_its_category_all_the_same() -> None:
    templates = _templates(unbought=1)

    assert _prior(templates, [8], SPOON) == _prior(templates, [MUG], SPOON)


def test_chance_is_that_of_two_different_items() -> None:
    templates = _templates()
    orders = 20.0
    total_items = 2 * 100
    pairs_found = 2 * 20  # each plate with the other, once from each side
    by_chance = ((2 * orders) ** 2 - 2 * orders**2) / total_items

    plates = templates.names.index("plates")
    assert float(templates.log_lift_CC[plates, plates]) == pytest.approx(np.log((pairs_found + 5) / (by_chance + 5)))


def test_the_strongest_templates_come_first() -> None:
    assert [each.categories for each in _templates().strongest(1)] == [["mugs", "spoons"]]
