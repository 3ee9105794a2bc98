"""Whole runs, on shops of every size."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bundle_ml.artefact import Candidate, Manifest, iter_candidates, verify
from bundle_ml.clicks.showings import COLUMNS
from bundle_ml.errors import ArtefactError, DataError
from bundle_ml.inspection import describe
from bundle_ml.pipeline import train
from bundle_ml.progress import STAGES, Event, Reporter
from bundle_ml.settings import Settings
from tests.ml.conftest import QUICK, TrainedShop
from tests.ml.worlds import PlantedShop, write_lines


def _train(
    directory: Path, shop: PlantedShop, *, settings: Settings = QUICK, with_items: bool = True
) -> tuple[Manifest, list[Candidate]]:
    lines, items = shop.write(directory)
    manifest = train(lines, items if with_items else None, directory / "artefact", settings=settings)
    assert verify(directory / "artefact") == manifest
    return manifest, list(iter_candidates(directory / "artefact"))


@pytest.mark.parametrize(("orders", "rung"), [(0, "category"), (1, "category"), (40, "co_purchase"), (700, None)])
def test_every_item_of_a_shop_of_any_size_gets_a_bundle(tmp_path: Path, orders: int, rung: str | None) -> None:
    shop = PlantedShop(order_count=orders)

    manifest, candidates = _train(tmp_path, shop, settings=replace(QUICK, transformer_min_baskets=2000))

    assert rung is None or manifest.rung == rung
    assert {each.anchor for each in candidates} == {item["key"] for item in shop.catalogue} | {""}


def test_without_a_catalogue_the_vocabulary_is_what_was_bought(tmp_path: Path) -> None:
    manifest, candidates = _train(tmp_path, PlantedShop(order_count=40), with_items=False)

    assert manifest.data["items"] == manifest.data["catalogue_items"]
    assert len({each.anchor for each in candidates} - {""}) == manifest.data["items"]


@pytest.mark.parametrize("sellable_count", [0, 1])
def test_a_shop_with_less_than_two_items_for_sale_has_no_bundles_and_no_error(
    tmp_path: Path, sellable_count: int
) -> None:
    shop = PlantedShop(order_count=40)
    for number, item in enumerate(shop.catalogue):
        item["sellable"] = number < sellable_count

    manifest, candidates = _train(tmp_path, shop)

    assert manifest.data["lines_kept"] > 0
    assert (manifest.candidates, candidates) == (0, [])


def test_an_empty_catalogue_is_none(tmp_path: Path) -> None:
    shop = PlantedShop(order_count=40)
    shop.catalogue = []

    manifest, candidates = _train(tmp_path, shop)

    assert manifest.candidates == len(candidates) > 0


def test_nothing_at_all_is_an_empty_artefact(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.csv", [])

    manifest = train(lines, None, tmp_path / "artefact", settings=QUICK)

    assert (manifest.rung, manifest.candidates, manifest.data["first_ordered_at"]) == ("popularity", 0, None)


def test_what_cannot_be_sold_is_in_no_candidate(tmp_path: Path) -> None:
    shop = PlantedShop(order_count=700)
    gone = {"L0", "M1B", "S3"}
    for item in shop.catalogue:
        item["sellable"] = item["key"] not in gone

    _, candidates = _train(tmp_path, shop)

    assert not gone & {key for each in candidates for key, _ in each.items}


def test_bundles_of_books_films_and_music_are_content(tmp_path: Path) -> None:
    shop = PlantedShop(order_count=700)
    for item in shop.catalogue:
        item["content"] = not item["key"].startswith("S")

    _, candidates = _train(tmp_path, shop)

    for each in candidates:
        is_content = not any(key.startswith("S") for key, _ in each.items)
        assert each.kind == ("content" if is_content else "pair" if len(each.items) == 2 else "set")
    assert {each.kind for each in candidates} >= {"content", "pair"}


def test_bundles_hold_as_many_of_each_as_orders_do(tmp_path: Path) -> None:
    shop = PlantedShop(order_count=700)
    shop.lines = [(line[0], line[1], 3 if line[1].startswith("B") else 1, *line[3:]) for line in shop.lines]

    _, candidates = _train(tmp_path, shop)

    counted = [each for each in candidates if each.evidence.in_these_quantities]
    assert counted
    for each in counted:
        assert dict(each.items) == {key: 3 if key.startswith("B") else 1 for key, _ in each.items}
        assert 5 <= each.evidence.in_these_quantities <= each.evidence.support  # type: ignore[operator]


def test_the_number_of_bundles_is_bounded_for_the_whole_shop(tmp_path: Path) -> None:
    _, candidates = _train(
        tmp_path, PlantedShop(order_count=700), settings=replace(QUICK, shop_bundle_count=10, candidates_per_anchor=2)
    )

    assert len({frozenset(each.items) for each in candidates}) == 10


def test_the_shops_word_on_two_categories_is_heard(tmp_path: Path) -> None:
    lines, items = PlantedShop(order_count=700).write(tmp_path)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"categories": ["computers", "computers"], "together": false}\n', encoding="utf-8")

    train(lines, items, tmp_path / "artefact", settings=QUICK, pairs=pairs)

    for each in iter_candidates(tmp_path / "artefact"):
        assert sum(not key.startswith("S") for key, _ in each.items) < 2


def test_orders_of_equal_time_and_unknown_time_are_no_hindrance(tmp_path: Path) -> None:
    shop = PlantedShop(order_count=300)
    shop.lines = [(*line[:4], "" if line[0] % 2 else "2024-01-01", line[5]) for line in shop.lines]

    manifest, _ = _train(tmp_path, shop)

    assert manifest.data["first_ordered_at"] == manifest.data["last_ordered_at"] == "2024-01-01T00:00:00+00:00"


def test_the_same_data_and_seed_give_the_same_fingerprint(trained_shop: TrainedShop, tmp_path: Path) -> None:
    manifest = train(
        trained_shop.lines,
        trained_shop.items,
        tmp_path / "artefact",
        settings=QUICK,
        now=lambda: datetime(2030, 1, 1, tzinfo=UTC),
    )

    assert manifest.fingerprint == trained_shop.manifest.fingerprint
    assert manifest.created_at != trained_shop.manifest.created_at


def test_showings_that_convince_nobody_change_no_bundle(trained_shop: TrainedShop, tmp_path: Path) -> None:
    shown = [
        (each.anchor, json.dumps([key for key, _ in each.items[1:]]), 1, 1, 1, 0.5, number, "f", "2024-05-01")
        for number, each in enumerate(trained_shop.candidates())
        if each.anchor
    ]
    clicks = write_lines(tmp_path / "clicks.csv", [*shown, ("?", '["?"]', 1, 1, 1, 0.5, 0, "f", "2024-05-01")], COLUMNS)

    manifest = train(
        trained_shop.lines, trained_shop.items, tmp_path / "artefact", settings=QUICK, clicks=clicks
    )  # fmt: skip

    told = manifest.metrics["clicks"]
    assert (told["lines_read"], told["showings"], told["dropped"]) == (len(shown) + 1, len(shown), {"unknown_item": 1})
    assert told["code"] != "better"
    assert f"clicks     {len(shown)} showings; composing: {told['code'].replace('_', ' ')}" in describe(
        tmp_path / "artefact"
    )
    assert manifest.fingerprint == trained_shop.manifest.fingerprint


def test_the_manifest_keeps_the_contract(trained_shop: TrainedShop) -> None:
    manifest = json.loads((trained_shop.artefact / "manifest.json").read_text())

    assert manifest["format"] == 4
    assert manifest["settings"]["seed"] == 0
    data = manifest["data"]
    assert data["lines_read"] == data["lines_kept"] + sum(data["dropped"].values()) == len(trained_shop.shop.lines)
    assert data["baskets"] <= 3000
    assert data["catalogue_items"] == len(trained_shop.shop.catalogue)
    rows: list[dict[str, Any]] = manifest["metrics"]["rows"]
    models = ["popularity", "category", "co_purchase", "ease", "transformer", "blend"]
    assert [row["model"] for row in rows[::4]] == models
    assert {row["context"] for row in rows} == set(manifest["metrics"]["contexts"])
    assert all(row["ndcg_at_10_low"] <= row["ndcg_at_10"] <= row["ndcg_at_10_high"] for row in rows)
    assert [entry["epoch"] for entry in manifest["history"]] == list(range(1, len(manifest["history"]) + 1))
    assert set(manifest["seconds"]) <= set(STAGES)
    assert manifest["peak_memory_bytes"] > 2**20
    coverage = manifest["coverage"]
    assert 0 < coverage["of_these_with_bundle"] <= coverage["anchors_with_learned_bundle"]
    assert coverage["of_these_with_bundle"] < coverage["of_these_with_any_bundle"] == coverage["items_with_20_orders"]
    assert set(manifest["versions"]) == {"bundle_ml", "torch", "numpy", "python"}


def test_what_was_planted_is_measured(trained_shop: TrainedShop) -> None:
    ndcg = {(row["model"], row["context"]): row["ndcg_at_10"] for row in trained_shop.manifest.metrics["rows"]}

    for model in ("co_purchase", "ease", "transformer", "blend"):
        assert ndcg[model, "all_but_one"] > 2 * ndcg["popularity", "all_but_one"]


def test_progress_rises_from_nothing_to_nearly_all(tmp_path: Path) -> None:
    events: list[Event] = []
    lines, items = PlantedShop(order_count=700).write(tmp_path)

    train(lines, items, tmp_path / "artefact", settings=QUICK, reporter=Reporter(events.append))

    told = [event.progress for event in events]
    assert told == sorted(told)
    assert list(dict.fromkeys(event.stage for event in events)) == [
        "read", "statistics", "train", "blend", "evaluate", "generate", "write"
    ]  # fmt: skip


def test_no_bundle_counts_as_learned_where_nothing_was_learned(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.csv", [(order, f"item{order % 2}", 1, "", "", "") for order in range(60)])

    coverage = train(lines, None, tmp_path / "artefact", settings=QUICK).coverage

    assert coverage == {
        "items_with_20_orders": 2,
        "of_these_with_bundle": 0,
        "of_these_with_any_bundle": 2,
        "anchors_with_learned_bundle": 0,
        "sellable_items": 2,
        "items_in_a_bundle": 2,
        "contexts_with_bundle": 0,
        "different_bundles": 1,
    }


def test_a_foreign_directory_is_refused_before_anything_runs(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "thesis").touch()

    with pytest.raises(ArtefactError, match=r"Found 'thesis' in .*expected nothing there"):
        train(tmp_path / "no.csv", None, documents, settings=QUICK, work=tmp_path / "work")

    assert sorted(tmp_path.rglob("*")) == [documents, documents / "thesis"]


def test_a_work_directory_inside_the_artefact_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="expected it outside.*Choose another --work"):
        train(tmp_path / "no.csv", None, tmp_path / "artefact", settings=QUICK, work=tmp_path / "artefact" / "work")

    assert list(tmp_path.iterdir()) == []


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "lines.csv", [], header=("order_id", "sku"))

    with pytest.raises(DataError, match="missing: order_key, item_key"):
        train(lines, None, tmp_path / "artefact", settings=QUICK)

    assert [path.name for path in tmp_path.iterdir()] == ["lines.csv"]


def test_a_pair_that_is_all_its_anchors_offer_is_completed_for_whoever_has_both(tmp_path: Path) -> None:
    """Tea and milk are mostly bought alone with each other; scones go with both, and are mostly bought otherwise."""
    rows = [["tea", "milk"]] * 60 + [["tea", "milk", "scones"]] * 25 + [["scones", "jam"]] * 30
    rows += [["nail", "board"], ["screw", "board"], ["nail", "glue"], ["screw", "glue"]] * 180
    lines = [
        (order, key, 1, 1.0, f"2024-{1 + order % 12:02d}-{1 + order % 28:02d}", True)
        for order, row in enumerate(rows)
        for key in row
    ]
    settings = replace(QUICK, transformer_min_baskets=10**6, ease_min_baskets=10**6, context_min_orders=20)

    train(write_lines(tmp_path / "lines.csv", lines), None, tmp_path / "artefact", settings=settings)

    candidates = list(iter_candidates(tmp_path / "artefact"))
    first = next(each for each in candidates if each.anchor == "tea" and not each.evidence.context)
    (completed,) = [each for each in candidates if set(each.evidence.context) == {"tea", "milk"}]
    assert {key for key, _ in first.items} == {"tea", "milk"}
    assert ({key for key, _ in completed.items}, completed.kind) == ({"tea", "milk", "scones"}, "personal")
