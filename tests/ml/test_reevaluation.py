from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.errors import DataError
from bundle_ml.pipeline import train
from bundle_ml.reevaluation import reevaluate
from tests.ml.conftest import QUICK, TrainedShop
from tests.ml.worlds import PlantedShop, write_lines


def test_later_orders_are_measured_and_known_ones_are_not(trained_shop: TrainedShop, tmp_path: Path) -> None:
    later = PlantedShop(order_count=3300)
    # The first 3000 orders are those of the artefact; what it does not know is left out.
    lines = write_lines(tmp_path / "later.csv", [*later.lines, (9999, "new item", 1, "1.00", "2025-01-01", "t")])

    table = reevaluate(trained_shop.artefact, lines)

    baskets, _, rest = table.partition(" later baskets\n")
    assert 100 < int(baskets) <= 300
    rows = {line.split()[0]: [float(cell) for cell in line.split()[1::2]] for line in rest.splitlines()[1:]}
    assert set(rows) == {"popularity", "category", "co_purchase", "ease", "blend"}
    assert rows["blend"][0] > 1.5 * rows["popularity"][0]


def test_without_later_orders_there_is_nothing_to_measure(trained_shop: TrainedShop) -> None:
    with pytest.raises(
        DataError, match=r"lines\.csv holds no basket of two known items later than 2024-.*Export orders"
    ):
        reevaluate(trained_shop.artefact, trained_shop.lines)


def test_an_artefact_without_times_cannot_tell_what_is_later(tmp_path: Path) -> None:
    lines = write_lines(
        tmp_path / "lines.csv", [(number, item, 1, "1.00", "", "t") for number in range(9) for item in "ab"]
    )
    train(lines, None, tmp_path / "artefact", settings=QUICK)

    with pytest.raises(DataError, match="trained on orders without times"):
        reevaluate(tmp_path / "artefact", lines)
