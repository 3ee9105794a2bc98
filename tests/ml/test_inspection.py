from __future__ import annotations

import pytest

from bundle_ml.errors import ArtefactError
from bundle_ml.inspection import describe, describe_item
from tests.ml.conftest import TrainedShop


def test_an_artefact_is_described_with_its_table(trained_shop: TrainedShop) -> None:
    text = describe(trained_shop.artefact)

    assert f"artefact   {trained_shop.manifest.fingerprint[:16]}" in text
    assert "every file verified" in text
    assert "NDCG@10" in text
    assert "co_purchase" in text
    calibration = trained_shop.manifest.metrics["calibration"]
    assert f"shares are {calibration['expected_error']:.4f} apart on average" in text
    assert f"softmax alone {calibration['expected_error_of_softmax']:.4f}" in text
    assert f"of the surest tenth {calibration['bins'][-1]['predicted']:.1%} were predicted and " in text


def test_an_item_is_described_with_its_bundles_and_neighbours(trained_shop: TrainedShop) -> None:
    text = describe_item(trained_shop.artefact, "L0")

    assert text.startswith("bundles of L0\n  1. ")
    assert "orders together" in text
    neighbours = text.partition("most alike\n")[2].split()[1::2]
    assert set(neighbours[:5]) & {"M0R", "K0R", "B0R", "M0B", "K0B", "B0B"}


def test_an_unknown_item_is_named(trained_shop: TrainedShop) -> None:
    with pytest.raises(ArtefactError, match=r"Found no item 'nothing' in the artefact; expected a key such as 'B0B'\."):
        describe_item(trained_shop.artefact, "nothing")
