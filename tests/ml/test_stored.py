from __future__ import annotations

import numpy as np

from bundle_ml.artefact import read_tensors, read_vocabulary
from bundle_ml.cases import Contexts
from bundle_ml.stored import from_tensors, to_tensors
from tests.ml.conftest import TrainedShop


def test_what_comes_out_of_an_artefact_scores_like_what_went_in(trained_shop: TrainedShop) -> None:
    tensors, facts = read_tensors(trained_shop.artefact), read_vocabulary(trained_shop.artefact)["facts"]
    fitted = from_tensors(tensors, facts)

    again = from_tensors(*to_tensors(fitted))

    contexts = Contexts.of([[0], [3, 7], [1, 2, 4, 9, 11, 12, 13]])
    closed_forms = ["popularity", "category", "co_purchase", "co_purchase_cosine", "ease", "ease_for_few"]
    assert list(again.rungs) == [*closed_forms, "transformer"]
    for name, rung in fitted.rungs.items():
        np.testing.assert_array_equal(rung.scores(contexts), again.rungs[name].scores(contexts))
    assert fitted.blend is not None
    assert again.blend is not None
    np.testing.assert_array_equal(fitted.blend.scores(contexts), again.blend.scores(contexts))
