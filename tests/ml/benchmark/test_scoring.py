from __future__ import annotations

from pathlib import Path

from bundle_ml.artefact import read_vocabulary
from bundle_ml.benchmark.scoring import measure_artefact
from bundle_ml.pipeline import train
from tests.ml.conftest import QUICK, TrainedShop
from tests.ml.worlds import PlantedShop


def test_both_are_measured_on_the_shapes_of_the_artefact(trained_shop: TrainedShop) -> None:
    found = measure_artefact(trained_shop.artefact)

    assert found is not None
    assert (found.contexts, found.width) == (1000, QUICK.width)
    assert found.items == len(read_vocabulary(trained_shop.artefact)["keys"])
    assert found.parts
    assert found.blend_seconds > 0
    assert found.product_seconds > 0


def test_without_a_transformer_in_a_blend_there_is_nothing_to_compare(tmp_path: Path) -> None:
    lines, items = PlantedShop(order_count=60).write(tmp_path / "shop")
    train(lines, items, tmp_path / "artefact", settings=QUICK)

    assert measure_artefact(tmp_path / "artefact") is None
