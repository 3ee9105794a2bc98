"""One small shop, and the questions drawn from its orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle_ml.benchmark.datasets import read_orders
from bundle_ml.benchmark.protocol import Exam, draw_exam
from tests.ml.worlds import PlantedShop


@pytest.fixture(scope="session")
def orders_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines, _ = PlantedShop(order_count=1500).write(tmp_path_factory.mktemp("benchmark"))
    return lines


@pytest.fixture(scope="session")
def exam(orders_file: Path) -> Exam:
    return draw_exam(read_orders(orders_file), seed=0)
