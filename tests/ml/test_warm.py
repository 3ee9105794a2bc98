from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle_ml.cases import Contexts, cases_by_context_size
from bundle_ml.errors import ArtefactError
from bundle_ml.pipeline import train
from bundle_ml.plan import plan
from bundle_ml.rungs import fit_popularity
from bundle_ml.settings import Settings
from bundle_ml.training import fit_transformer
from bundle_ml.warm import Start, carry_over, read_start, shortened
from tests.ml.conftest import QUICK, TrainedShop
from tests.ml.worlds import PlantedShop, baskets_of

SETTINGS = Settings(width=16, epochs=4, context_length=4, batch_baskets=8, learning_rate=3e-3, warm_start_ratio=0.25)
BEFORE = baskets_of([[0, 1], [2, 3], [4, 5]] * 40, item_count=6)
AFTER = baskets_of([*[[0, 1], [2, 3], [4, 5]] * 40, *[[2, 3, 6]] * 12], item_count=7)
"""Item 6 is new, and bought with 2 and 3."""
VALIDATION = cases_by_context_size(BEFORE, seed=0, limit=20)


@pytest.fixture(scope="module")
def start() -> Start:
    popularity = fit_popularity(BEFORE, half_life_days=1000)
    model = fit_transformer(BEFORE, VALIDATION, popularity, SETTINGS).rung.model
    return Start(model, BEFORE.keys, "a fingerprint", 0, int(BEFORE.ordered_at[-1]))


def test_what_was_known_is_carried_over_and_a_new_item_is_near_its_company(start: Start) -> None:
    model = carry_over(start, AFTER, torch.zeros(7))

    weight = model.item.weight.detach().numpy()
    np.testing.assert_array_equal(weight[:6], start.model.item.weight.detach().numpy())
    company, others = weight[6] @ weight[[2, 3]].T, weight[6] @ weight[[0, 1, 4, 5]].T
    assert company.min() > others.max()
    for name, value in start.model.state_dict().items():
        if name not in {"item.weight", "log_share_V"}:
            assert torch.equal(model.state_dict()[name], value)


def test_an_item_that_is_gone_takes_no_other_one_s_vector(start: Start) -> None:
    without_first = replace(BEFORE, keys=BEFORE.keys[1:], items=BEFORE.items).where(
        BEFORE.items[BEFORE.offsets[:-1]] != 0
    )
    without_first = replace(without_first, items=(without_first.items - 1).astype(np.int32))

    model = carry_over(start, without_first, torch.zeros(5))

    assert torch.equal(model.item.weight, start.model.item.weight[1:])


def test_a_warm_run_takes_a_part_of_the_epochs_and_learns_what_is_new(start: Start) -> None:
    popularity = fit_popularity(AFTER, half_life_days=1000)

    warm = fit_transformer(AFTER, cases_by_context_size(AFTER, seed=0, limit=30), popularity, SETTINGS, start=start)

    cold = plan(AFTER, replace(SETTINGS, epochs=None))
    assert shortened(cold, start, replace(SETTINGS, epochs=None)).epochs == round(cold.epochs * 0.25)
    contexts = Contexts.of([[6], [0]])
    first = contexts.exclude_from(warm.rung.scores(contexts)).argmax(axis=1)
    assert first[0] in {2, 3}
    assert first[1] == 1


def test_a_warm_run_that_finds_nothing_better_ends_with_what_it_began_with(start: Start) -> None:
    popularity = fit_popularity(BEFORE, half_life_days=1000)
    diverging = replace(SETTINGS, learning_rate=1e30)

    warm = fit_transformer(BEFORE, VALIDATION, popularity, diverging, start=start)

    assert torch.equal(warm.rung.model.item.weight, start.model.item.weight)


def test_what_taught_it_may_not_judge_it(start: Start) -> None:
    later, earlier = AFTER.between(len(BEFORE), len(AFTER)), AFTER.between(len(BEFORE) - 2, len(AFTER))

    assert start.may_be_judged_by(later)
    assert not start.may_be_judged_by(earlier)
    assert start.may_be_judged_by(earlier.between(0, 0))


class TestFromAnArtefact:
    def test_held_out_orders_that_taught_it_make_the_run_start_cold(
        self, trained_shop: TrainedShop, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        more_held_out = replace(QUICK, epochs=1, validation_ratio=0.3)

        manifest = train(
            trained_shop.lines,
            trained_shop.items,
            tmp_path / "artefact",
            settings=more_held_out,
            warm_start=trained_shop.artefact,
        )

        assert manifest.data["warm_starts"] == 0
        assert "was taught some of the orders that are held out now" in caplog.text

    def test_the_next_night_starts_where_the_last_one_stood_before_its_held_out_slices(
        self, trained_shop: TrainedShop, tmp_path: Path
    ) -> None:
        settings = replace(QUICK, epochs=None, warm_start_ratio=0.25)

        manifest = train(
            trained_shop.lines,
            trained_shop.items,
            tmp_path / "artefact",
            settings=settings,
            warm_start=trained_shop.artefact,
        )

        before = {(row["model"], row["context"]): row["ndcg_at_10"] for row in trained_shop.manifest.metrics["rows"]}
        for row in manifest.metrics["rows"]:
            if row["model"] == "blend":
                assert row["ndcg_at_10"] > before["blend", row["context"]] - 0.03
        assert manifest.data["warm_starts"] == 1
        again = read_start(tmp_path / "artefact", settings)
        assert again is not None
        assert again.warm_starts == 1

    def test_another_shape_starts_cold(self, trained_shop: TrainedShop, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")

        assert read_start(trained_shop.artefact, replace(QUICK, width=64)) is None
        assert read_start(trained_shop.artefact, replace(QUICK, layer_count=2)) is None
        assert "another shape" in caplog.text

    def test_after_so_many_warm_starts_the_next_is_cold(
        self, trained_shop: TrainedShop, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")

        assert read_start(trained_shop.artefact, replace(QUICK, warm_starts_in_a_row=0)) is None
        assert "0 runs in a row have started warm" in caplog.text

    def test_a_shop_without_a_network_starts_cold(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        lines, items = PlantedShop(order_count=100).write(tmp_path)
        train(lines, items, tmp_path / "artefact", settings=QUICK)

        assert read_start(tmp_path / "artefact", QUICK) is None
        assert "holds no Transformer" in caplog.text

    def test_a_damaged_artefact_is_refused_before_anything_is_read(
        self, trained_shop: TrainedShop, tmp_path: Path
    ) -> None:
        damaged = tmp_path / "damaged"
        shutil.copytree(trained_shop.artefact, damaged)
        (damaged / "model.safetensors").write_bytes(b"nothing")

        with pytest.raises(ArtefactError):
            train(trained_shop.lines, trained_shop.items, tmp_path / "out", settings=QUICK, warm_start=damaged)
        assert not (tmp_path / "out").exists()
