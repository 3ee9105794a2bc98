from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bundle_ml.benchmark.neighbours import fit_shoppers_alike
from bundle_ml.blend import Blend
from bundle_ml.histories import Fading, histories_of
from bundle_ml.personalising import PersonalChoices, fit_personal_rungs
from bundle_ml.settings import Settings
from bundle_ml.stored_personal import personal_from_tensors, personal_to_tensors
from bundle_ml.views import Views
from tests.ml.worlds import REGULAR_ITEMS, baskets_of, regulars

SHOPPERS, ROWS = regulars(60)
BASKETS = baskets_of(ROWS, REGULAR_ITEMS, shoppers=SHOPPERS)
HISTORIES = histories_of(BASKETS)


def _blend() -> Blend:
    choices = PersonalChoices(own=Fading(rate=0.8, half_life_days=30.0), half_life_days=60.0, views_half_life_days=14.0)
    rungs = fit_personal_rungs(BASKETS, choices, Settings(threads=1))
    curves = {name: [1.0 + number] * 6 for number, name in enumerate(rungs)}
    return Blend(rungs, curves, curves)


def test_what_was_stored_scores_as_before() -> None:
    blend = _blend()

    tensors, facts = personal_to_tensors(blend)
    again = personal_from_tensors(tensors, json.loads(json.dumps(facts)), REGULAR_ITEMS)

    views = Views.of(np.arange(60, dtype=np.int32), np.arange(60, dtype=np.int32) % 40, np.arange(60), shopper_count=60)
    pasts = replace(HISTORIES, looked_at=views)
    assert set(again.rungs) == {"popularity", "frequency", "next_basket", "views"}
    np.testing.assert_array_equal(again.scores(pasts), blend.scores(pasts))


def test_nothing_stored_has_a_row_for_each_shopper() -> None:
    tensors, _ = personal_to_tensors(_blend())

    assert len(HISTORIES) not in {length for value in tensors.values() for length in value.shape}


def test_a_part_that_remembers_shoppers_is_not_stored() -> None:
    alike = fit_shoppers_alike(HISTORIES, fading=Fading(), neighbour_count=5)
    blend = Blend({"alike": alike}, {"alike": [1.0] * 6}, {"alike": [1.0] * 6})

    with pytest.raises(TypeError, match="The part 'alike' is a ShoppersAlike; expected one that is stored"):
        personal_to_tensors(blend)
