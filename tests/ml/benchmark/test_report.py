from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from bundle_ml.benchmark.plots import draw_costs
from bundle_ml.benchmark.report import as_markdown, write_report


def _mark(ndcg: float) -> dict[str, float]:
    measures = dict.fromkeys(("ndcg_at_10", "recall_at_10", "recall_at_20", "mrr"), ndcg)
    ends = {"ndcg_at_10_low": ndcg - 0.01, "ndcg_at_10_high": ndcg + 0.01}
    return measures | ends | {"coverage_at_10": 0.5, "cases": 100}


def _row(model: str, ndcg: float, *, source: str = "peer", **more: Any) -> dict[str, Any]:
    return {
        "model": model,
        "source": source,
        "failed": None,
        "contexts": {"1": _mark(ndcg), "all_but_one": _mark(ndcg + 0.1)},
        "mean": _mark(ndcg + 0.05),
        "seconds": {"tuning": 60.0, "training": 12.34, "scoring": 1.0},
        "peak_memory_bytes": 300 * 2**20,
        "settings": {"l2": 20.0},
        "tried": [{}, {}],
        "versions": {"numpy": "1.26.4"},
    } | more


RESULTS: dict[str, Any] = {
    "protocol": {
        "dataset": "shop",
        "sliced_by": "time",
        "items": 1234,
        "baskets": {"train": 8000, "validation": 1000, "test": 1000},
        "budget_seconds": 60.0,
        "threads": 2,
    },
    "rows": [
        _row("bundle_ml.blend", 0.3, source="bundle_ml"),
        _row("ease", 0.25, seconds={"training": 2.0, "to_best": 7.0}),
        _row("<popularity>", 0.1),
        {"model": "sasrec", "source": "peer", "failed": "not done after 60 seconds, stopped while: epoch 1"},
    ],
    "comparison": {
        "best_peer": {
            "mean": {
                "ours": 0.35,
                "theirs": 0.3,
                "ratio": 0.35 / 0.3,
                "difference_low": 0.04,
                "difference_high": 0.06,
                "intervals_are_apart": True,
                "other": "ease",
            }
        },
        "without_transformer": {},
        "without_each": {
            "transformer": {},
            "ease": {
                "mean": {
                    "ours": 0.35,
                    "theirs": 0.28,
                    "ratio": 1.25,
                    "difference_low": 0.05,
                    "difference_high": 0.09,
                    "intervals_are_apart": True,
                    "other": "bundle_ml.blend_without_ease",
                }
            },
        },
        "training_seconds": {"ours": 10.0, "theirs": 40.0, "other": "sasrec", "ratio": 0.25},
    },
}


def test_the_table_goes_from_the_last_to_the_best_which_is_bold() -> None:
    table = [line.split(" | ") for line in as_markdown(RESULTS).splitlines() if "±" in line]

    assert [cells[0] for cells in table] == ["| <popularity>", "| ease", "| bundle_ml.blend"]
    assert table[-1][1:4] == ["**.3000** ± .0100", "**.4000** ± .0100", "**.3500** ± .0100"]
    assert table[1][1] == ".2500 ± .0100"


def test_the_text_says_what_was_measured_and_who_leads_by_how_much() -> None:
    text = as_markdown(RESULTS)

    assert text.startswith("# shop\n\n8,000 + 1,000 + 1,000 baskets, sliced by time; 1,234 items, all ranked;")
    assert "| mean | ease | 1.167 | +0.0400 … +0.0600 | yes |" in text
    assert "Training what ships took 10 seconds; sasrec needed 40 to its best validation score (ratio 0.25)." in text
    assert '* **ease**: {"l2": 20.0} (best of 2 tried); 7 seconds of training to its best validation score' in text


def test_the_worth_of_each_part_that_was_measured_is_told() -> None:
    text = as_markdown(RESULTS)

    assert "| ease | 0.2800 | 1.250 | +0.0500 … +0.0900 |" in text
    assert "| transformer |" not in text


def test_a_network_that_the_budget_stopped_is_told_from_one_that_had_its_best() -> None:
    def told(*scores: float) -> str:
        row = _row("bert4rec", 0.2, tried=[{"ndcg_at_10": max(scores), "scores": list(scores)}])
        return as_markdown(RESULTS | {"rows": [row]})

    assert "(best of 1 tried), still rising after 3 epochs; numpy" in told(0.1, 0.15, 0.2)
    assert "still rising" not in told(0.1, 0.2, 0.15)


def test_a_model_without_answers_is_named_with_the_reason() -> None:
    text = as_markdown(RESULTS)

    assert "* **sasrec**: not done after 60 seconds, stopped while: epoch 1" in text
    assert "| sasrec |" not in text


def test_four_files_are_written_beside_each_other(tmp_path: Path) -> None:
    written = write_report(RESULTS, tmp_path / "new" / "shop.json")

    assert [path.name for path in written] == ["shop.json", "shop.md", "shop_ndcg.svg", "shop_costs.svg"]
    assert json.loads(written[0].read_text()) == RESULTS
    assert "![Gain and cost](shop_costs.svg)" in written[1].read_text()


def test_plots_are_well_formed_and_name_every_model_with_answers(tmp_path: Path) -> None:
    for path in write_report(RESULTS, tmp_path / "shop.json")[2:]:
        root = ElementTree.fromstring(path.read_text())
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}

        assert {"bundle_ml.blend", "ease", "<popularity>"} <= texts
        assert "sasrec" not in texts


def test_labels_of_models_alike_do_not_cover_one_another() -> None:
    rows = [_row(f"model_{number}", 0.3 + number / 1000) for number in range(6)]

    root = ElementTree.fromstring(draw_costs(rows))

    texts = root.iter("{http://www.w3.org/2000/svg}text")
    places = [
        tuple(map(element.get, ("x", "y", "text-anchor"))) for element in texts if "model_" in (element.text or "")
    ]
    left_at = [(x, y) for x, y, anchor in places if anchor == "end"]
    right_at = [float(y or 0) for _, y, anchor in places if anchor == "start"]
    assert len(left_at) + len(right_at) == 6
    assert left_at, "all labels stand on one side"
    assert min(np.diff(sorted(right_at))) >= 10


def test_results_without_any_answers_are_still_a_report(tmp_path: Path) -> None:
    failed = [{"model": "ease", "source": "peer", "failed": "killed by SIGKILL"}]
    nothing = RESULTS | {"rows": failed, "comparison": {"best_peer": {}}}

    assert "* **ease**: killed by SIGKILL" in as_markdown(nothing)
    assert len(write_report(nothing, tmp_path / "nothing.json")) == 4
