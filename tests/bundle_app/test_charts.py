"""Charts are valid XML, hold a mark for each number, and bring no style that a strict policy would refuse."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest

from bundle_app.charts import (
    BAR_WIDTH,
    interval_band,
    ratio_bar,
    reliability_plot,
    share_bar,
    share_swatch,
    ticks,
    training_curve,
)

SVG = "{http://www.w3.org/2000/svg}"


def curve(epoch_count: int) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "loss": 8 / epoch, "validation_ndcg": 0.09 - 0.001 * (epoch - 3) ** 2}
        for epoch in range(1, epoch_count + 1)
    ]


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def points(svg: str, name: str) -> list[tuple[float, float]]:
    line = drawn(svg).find(f".//{SVG}polyline[@class='bundle-line bundle-line-{name}']")
    assert line is not None
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.attrib["points"].split())]


@pytest.mark.parametrize("epoch_count", [1, 2, 14, 200])
def test_a_curve_has_a_point_for_each_epoch(epoch_count: int) -> None:
    svg = training_curve(curve(epoch_count))
    assert len(points(svg, "loss")) == len(points(svg, "ndcg")) == epoch_count
    assert len(drawn(svg).findall(f".//{SVG}circle")) == 2 * epoch_count


def test_higher_numbers_are_drawn_higher_and_later_epochs_further_right() -> None:
    losses, ndcgs = points(training_curve(curve(6)), "loss"), points(training_curve(curve(6)), "ndcg")
    assert [x for x, _ in losses] == sorted(x for x, _ in losses)
    assert [y for _, y in losses] == sorted(y for _, y in losses), "a falling loss goes down, where y is larger"
    assert min(ndcgs, key=lambda point: point[1]) == ndcgs[2], "epoch 3 is the best"


def test_the_best_epoch_is_marked_and_told() -> None:
    svg = training_curve(curve(6))
    marked = [mark for mark in drawn(svg).iter(f"{SVG}circle") if "bundle-point-best" in mark.attrib["class"]]
    assert [mark.findtext(f"{SVG}title") for mark in marked] == ["Epoch 3: 0.0900"]
    title = drawn(svg).findtext(f"{SVG}title")
    assert title == "Loss 8.000 → 1.333. Best NDCG@10 0.0900 in epoch 3."


def test_an_empty_history_draws_nothing() -> None:
    assert training_curve([]) == ""


def test_missing_and_impossible_numbers_are_left_out() -> None:
    history: list[dict[str, Any]] = [
        {"epoch": 1, "loss": 5.0, "validation_ndcg": None},
        {"epoch": 2, "loss": float("nan"), "validation_ndcg": 0.1},
        {"epoch": 3, "loss": 4.0},
    ]
    assert len(points(training_curve(history), "loss")) == 2
    assert len(points(training_curve(history), "ndcg")) == 1


def test_without_validation_only_the_loss_is_drawn() -> None:
    svg = training_curve([{"epoch": 1, "loss": 5.0, "validation_ndcg": None}])
    assert len(drawn(svg).findall(f".//{SVG}polyline")) == 1


def test_all_lines_stay_inside_the_picture() -> None:
    root = drawn(training_curve(curve(30)))
    _left, _top, _width, height = map(float, root.attrib["viewBox"].split())
    for name in ("loss", "ndcg"):
        assert all(0 <= y <= height for _, y in points(training_curve(curve(30)), name))


BINS = [
    {"predicted": chance, "observed": chance * 1.1, "observed_low": chance * 0.9, "observed_high": chance * 1.3}
    for chance in (0.001, 0.02, 0.3)
]


def test_a_reliability_plot_has_a_dot_above_its_prediction_for_each_bin() -> None:
    root = drawn(reliability_plot(BINS))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    line = root.find(f".//{SVG}line[@class='bundle-diagonal']")
    assert line is not None
    x1, y1, x2, y2 = (float(line.attrib[name]) for name in ("x1", "y1", "x2", "y2"))
    assert len(dots) == 3
    assert dots == sorted(dots)
    for x, y in dots:
        assert y < y1 + (x - x1) * (y2 - y1) / (x2 - x1), "observed more often than predicted: above the line"
    assert reliability_plot([]) == ""


@pytest.mark.parametrize(
    "svg",
    [
        training_curve(curve(3)),
        reliability_plot(BINS),
        share_bar({"ease": 1.0}),
        ratio_bar(0.5, label="Tea"),
        share_swatch("ease"),
    ],
)
def test_no_picture_brings_a_style_or_a_script(svg: str) -> None:
    for node in drawn(svg).iter():
        assert node.tag.removeprefix(SVG) not in {"style", "script", "foreignObject"}
        assert not [name for name in node.attrib if name == "style" or name.startswith("on")]


def test_a_share_bar_is_filled_in_proportion() -> None:
    root = drawn(share_bar({"transformer": 0.5, "ease": 0.25, "popularity": 0.25, "co_purchase": 0.0}))
    widths = [float(piece.attrib["width"]) for piece in root.iter(f"{SVG}rect")]
    assert widths == [BAR_WIDTH / 2, BAR_WIDTH / 4, BAR_WIDTH / 4]
    assert [float(piece.attrib["x"]) for piece in root.iter(f"{SVG}rect")] == [0, BAR_WIDTH / 2, BAR_WIDTH * 3 / 4]
    assert root.findtext(f"{SVG}title") == "transformer 50%, ease 25%, popularity 25%"


@pytest.mark.parametrize("shares", [{}, {"ease": 0.0}, {"ease": float("nan")}, {"ease": -1.0}])
def test_a_bar_of_nothing_is_nothing(shares: dict[str, float]) -> None:
    assert share_bar(shares) == ""


def test_names_from_a_model_file_cannot_break_out_of_the_markup() -> None:
    hostile = '"><script>alert(1)</script>'
    root = drawn(share_bar({hostile: 1.0}, labels={hostile: hostile}))
    assert [node.tag for node in root.iter()] == [f"{SVG}{tag}" for tag in ("svg", "title", "rect", "title")]


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (-3.0, 5.0), (0.0613, 0.0894), (1e-9, 2e-9), (5.0, 1e6)])
def test_ticks_enclose_their_range_and_are_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high or high < 1e-8
    assert 2 <= len(found) <= 7


def test_a_band_is_drawn_between_the_bounds_with_its_last_values_in_the_title() -> None:
    days = [date(2026, 3, number) for number in (1, 2, 3)]
    svg = interval_band(
        [(days[0], -9.0, 1.0, 11.0), (days[1], -1.0, 2.0, 5.0), (days[2], 0.5, 2.0, 3.5)],
        name="Difference",
        day_label=date.isoformat,
    )
    assert "<title>On 2026-03-03: 2.00, between 0.50 and 3.50.</title>" in svg
    (band,) = re.findall(r'class="bundle-band"[^>]* points="([^"]+)"', svg)
    points = [tuple(map(float, point.split(","))) for point in band.split()]
    assert [x for x, _y in points] == [68.0, 187.0, 306.0, 306.0, 187.0, 68.0]
    heights = [y for _x, y in points]
    assert heights[0] > heights[1] > heights[2] > heights[3] > heights[4]
    assert min(heights) >= 30, "what is far beyond the last bounds is cut off"


def test_a_band_of_one_day_and_of_none() -> None:
    assert interval_band([], name="Difference", day_label=str) == ""
    assert interval_band([(date(2026, 3, 1), 0.0, 0.0, 0.0)], name="Difference", day_label=str).count("<circle") == 1
