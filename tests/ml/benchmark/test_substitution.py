"""The whole command on the planted shop, whose colours nobody buys two of."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle_ml.__main__ import main
from bundle_ml.benchmark.datasets import read_orders
from bundle_ml.benchmark.substitution import main as substitution
from bundle_ml.benchmark.substitution import train_until_the_last
from bundle_ml.cases import Cases, Contexts
from bundle_ml.errors import DataError
from bundle_ml.settings import Settings
from tests.ml.worlds import PlantedShop, write_lines

QUICK = {"transformer_min_baskets": 10**6, "threads": 1, "bootstrap_samples": 50, "ease_l2": [30.0]}


def _orders(folder: Path, *, count: int) -> Path:
    shop = PlantedShop(order_count=count)
    about = {item["key"]: (item["title"], item["category"]) for item in shop.catalogue}
    rows = [(line[0], line[1], *about[line[1]], line[4]) for line in shop.lines]
    return write_lines(folder / "orders.csv", rows, ("order_id", "item_id", "title", "category", "ordered_at"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("substitutes")
    orders = _orders(folder, count=1500)
    (folder / "config.json").write_text(json.dumps(QUICK))
    arguments = ["--orders", orders, "--config", folder / "config.json", "--json", folder / "out.json"]
    assert main(["substitutes", *map(str, arguments)]) == 0
    return json.loads((folder / "out.json").read_text()), (folder / "out.md").read_text()


def test_no_published_bundle_of_the_planted_shop_holds_two_colours(results: tuple[dict[str, Any], str]) -> None:
    published = results[0]["published"]

    assert published["bundles"] > 100
    assert published["with_two_variants"] == published["low"] == published["high"] == 0


def test_refusing_costs_nothing_where_nobody_buys_two_colours(results: tuple[dict[str, Any], str]) -> None:
    cost = results[0]["cost"]

    assert set(cost["by_size"]) == {"1", "2", "4", "all_but_one"}
    mean = cost["mean"]["all"]
    assert mean["loss"] <= 0.02
    assert mean["loss_low"] <= mean["loss"] <= mean["loss_high"]
    assert cost["by_size"]["1"]["answers_that_are_variants"] == 0


def test_all_planted_colours_are_told_from_partners(results: tuple[dict[str, Any], str]) -> None:
    apart = results[0]["telling_apart"]

    assert apart["pairs_of_variants"] == 8 * 3
    assert apart["rules"]["all rules"]["recall"] == 1
    assert apart["rules"]["all rules"]["partners_refused"] < 0.2
    assert set(apart["rules"]) == {"all rules", "likeness alone", "one word differs"}


def test_the_table_says_it_in_words(results: tuple[dict[str, Any], str]) -> None:
    assert "# Substitutes: orders" in results[1]
    assert "hold two variants: 0.00% (95 %: 0.00% … 0.00%)" in results[1]
    assert "| all rules | 100.0% |" in results[1]


def test_a_hidden_item_that_is_struck_out_counts_as_missed() -> None:
    from bundle_ml.benchmark.substitution import _gains
    from bundle_ml.rungs import Popularity

    ranking = Popularity(np.asarray([0.0, -1.0, -2.0, -3.0], np.float32))
    cases = Cases(Contexts.of([[0], [0]]), np.asarray([1, 2], np.int32), Contexts.of([[1], [2]]))

    free, refusing = _gains(ranking, cases, lambda one, other: {one, other} == {0, 1})

    assert free.tolist() == pytest.approx([1, 1 / np.log2(3)])
    assert refusing.tolist() == [0, 1]


def test_too_few_orders_are_refused(tmp_path: Path) -> None:
    orders = read_orders(_orders(tmp_path, count=8))

    with pytest.raises(DataError, match="baskets of two or more; expected at least 10"):
        train_until_the_last(orders, tmp_path, Settings())


def test_a_shop_on_a_lower_rung_has_nothing_to_measure(tmp_path: Path) -> None:
    options = argparse.Namespace(
        orders=_orders(tmp_path, count=300), config=tmp_path / "config.json", json=tmp_path / "out.json"
    )
    options.config.write_text(json.dumps({**QUICK, "co_purchase_min_baskets": 10**6, "ease_min_baskets": 10**6}))

    with pytest.raises(DataError, match="The shop got bundles by category; expected enough orders"):
        substitution(options)
