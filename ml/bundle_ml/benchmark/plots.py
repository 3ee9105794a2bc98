"""Pictures of the results as SVG, drawn by hand: whoever runs the benchmark needs no plotting library.

Each picture has a title that says what it shows; the numbers stand in the table beside it. Coordinates are user units,
y downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil, floor, log10
from typing import Any
from xml.sax.saxutils import escape

Row = Mapping[str, Any]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Interval = tuple[float, float, float]
"""Low, mean, high."""

OWN_COLOUR, PEER_COLOUR, INK, GRID = "#0072b2", "#d55e00", "#333333", "#dddddd"
"""Of Okabe and Ito's palette, which colour-blind people can tell apart."""
CURVE_COLOURS = ("#8a8a8a", "#56b4e9", "#009e73", "#e69f00", "#0072b2")
PANEL_WIDTH, PANEL_GAP, NAMES_WIDTH, LINE_HEIGHT, TOP = 150, 36, 230, 20, 44
COST_WIDTH, COST_HEIGHT, MARGIN = 860, 520, 56
LETTER_WIDTH, LETTER_HEIGHT = 6.5, 11
LABEL_PLACES = tuple((side, down) for down in (4, 16, -8, 28, -20, 40) for side in (1, -1))
"""Where a label may stand beside its dot: right (1) or left, so far down."""
BEYOND_THE_END = tuple(place for place in LABEL_PLACES if place[0] == 1)
"""Of a curve's last dot: to the left the curve itself would run through the label."""
PANELS = {"1": "1 item shown", "2": "2 items", "4": "4 items", "all_but_one": "all but one", "mean": "mean"}
NDCG, NDCG_NAME = "ndcg_at_10", "NDCG@10"


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps numbers to coordinates, linearly.

    >>> Scale(0, 10, 100, 0)(2.5)
    75.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 2)


def draw_marks(rows: Sequence[Row], names: Mapping[str, str] | None = None) -> str:
    """NDCG@10 of every model with its interval, a panel for each context size or by other names."""
    answered = sorted(_answered(rows), key=lambda row: -float(row["mean"][NDCG]))
    panels = {
        words: [_interval(_mark(row, size), NDCG) for row in answered]
        for size, words in (PANELS | dict(names or {})).items()
        if any(_mark(row, size) for row in answered)
    }
    return _draw_panels(answered, panels, f"{NDCG_NAME} by model")


def draw_measures(rows: Sequence[Row], measures: Mapping[str, str]) -> str:
    """The mean of each measure (name → what it is called) with its interval, a panel for each."""
    answered = sorted(_answered(rows), key=lambda row: -float(row["mean"][next(iter(measures))]))
    panels = {words: [_interval(row["mean"], name) for row in answered] for name, words in measures.items()}
    return _draw_panels(answered, panels, f"{', '.join(measures.values())} by model")


def draw_costs(rows: Sequence[Row], *, measure: str = NDCG, words: str = NDCG_NAME) -> str:
    """The mean of a measure over the seconds of training, on a logarithmic axis."""
    title = f"Mean {words} over seconds of training"
    return _document(COST_WIDTH, COST_HEIGHT, title, _cost_parts(_answered(rows), measure, title))


def _answered(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["failed"] is None]


def _mark(row: Row, size: str) -> Mapping[str, float] | None:
    marks: Mapping[str, Mapping[str, float]] = row["contexts"] | {"mean": row["mean"]}
    return marks.get(size)


def _colour(row: Row) -> str:
    return OWN_COLOUR if row["source"] == "bundle_ml" else PEER_COLOUR


def _interval(mark: Mapping[str, float] | None, measure: str) -> Interval | None:
    return (mark[f"{measure}_low"], mark[measure], mark[f"{measure}_high"]) if mark else None


def _draw_panels(rows: Sequence[Row], panels: Mapping[str, Sequence[Interval | None]], title: str) -> str:
    width = NAMES_WIDTH + len(panels) * (PANEL_WIDTH + PANEL_GAP)
    return _document(width, TOP + len(rows) * LINE_HEIGHT + 12, title, _panel_parts(rows, panels))


def _panel_parts(rows: Sequence[Row], panels: Mapping[str, Sequence[Interval | None]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield _text(NAMES_WIDTH - 10, TOP + number * LINE_HEIGHT + 4, row["model"], anchor="end", colour=_colour(row))
    for place, (words, intervals) in enumerate(panels.items()):
        left = NAMES_WIDTH + place * (PANEL_WIDTH + PANEL_GAP)
        highest = max((interval[2] for interval in intervals if interval), default=1.0)
        scale = Scale(0, highest, left, left + PANEL_WIDTH)
        bottom = TOP + len(rows) * LINE_HEIGHT - 8
        yield _text(left, 16, words, weight="bold")
        for value in (0, highest / 2, highest):
            yield _line(scale(value), TOP - 12, scale(value), bottom, GRID)
            yield _text(scale(value), 30, f"{value:.2f}", anchor="middle")
        for number, (row, interval) in enumerate(zip(rows, intervals, strict=True)):
            if interval:
                yield from _whisker(interval, scale, TOP + number * LINE_HEIGHT, _colour(row))


def _whisker(interval: Interval, scale: Scale, y: float, colour: str) -> Iterator[str]:
    low, mean, high = interval
    yield _line(scale(low), y, scale(high), y, colour)
    yield _dot(scale(mean), y, colour, f"{mean:.4f}")


def _cost_parts(rows: Sequence[Row], measure: str, title: str) -> Iterator[str]:
    seconds = [max(float(row["seconds"].get("training", 0.0)), 0.01) for row in rows]
    first, last = floor(log10(min(seconds, default=1.0))), ceil(log10(max(seconds, default=1.0)))
    x_scale = Scale(first, max(last, first + 1), MARGIN, COST_WIDTH - 120)
    highest = max((float(row["mean"][measure]) for row in rows), default=1.0)
    y_scale = Scale(0, highest, COST_HEIGHT - MARGIN, TOP)
    for power in range(first, max(last, first + 1) + 1):
        yield _line(x_scale(power), TOP, x_scale(power), COST_HEIGHT - MARGIN, GRID)
        yield _text(x_scale(power), COST_HEIGHT - MARGIN + 18, f"{10.0**power:g} s", anchor="middle")
    for value in (0, highest / 2, highest):
        yield _line(MARGIN, y_scale(value), COST_WIDTH - 120, y_scale(value), GRID)
        yield _text(MARGIN - 6, y_scale(value) + 4, f"{value:.3f}", anchor="end")
    yield _text(MARGIN, 20, title, weight="bold")
    dots = [(x_scale(log10(spent)), y_scale(row["mean"][measure])) for row, spent in zip(rows, seconds, strict=True)]
    taken: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in dots]
    for row, spent, (x, y) in zip(rows, seconds, dots, strict=True):
        yield _dot(x, y, _colour(row), f"{row['model']}: {row['mean'][measure]:.4f}, {spent:.1f} s")
        side, down = _free_place(x, y, row["model"], taken)
        taken.append(_box(x, y, row["model"], side, down))
        yield _text(x + 7 * side, y + down, row["model"], anchor="start" if side > 0 else "end", colour=_colour(row))


def _free_place(
    x: float, y: float, label: str, taken: Sequence[Box], *, places: Sequence[tuple[int, int]] = LABEL_PLACES
) -> tuple[int, int]:
    """Find the first place where a label covers no dot and no other label; without one, the first of all."""
    for side, down in places:
        box = _box(x, y, label, side, down)
        if box[0] >= 0 and box[2] <= COST_WIDTH and not any(_overlap(box, other) for other in taken):
            return side, down
    return places[0]


def _overlap(one: Box, other: Box) -> bool:
    """
    >>> _overlap((0, 0, 2, 2), (1, 1, 3, 3)), _overlap((0, 0, 2, 2), (2, 0, 3, 2))
    (True, False)
    """
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _box(x: float, y: float, label: str, side: int, down: int) -> Box:
    near, far = x + 6 * side, x + (6 + len(label) * LETTER_WIDTH) * side
    return min(near, far), y + down - LETTER_HEIGHT, max(near, far), y + down


Curves = Mapping[str, Sequence[tuple[float, float]]]


def draw_curves(title: str, curves: Curves, *, is_logarithmic: bool = False) -> str:
    """Some lines over a logarithmic axis; upwards, too, when asked for."""
    return _document(COST_WIDTH, COST_HEIGHT, title, _curve_parts(title, curves, is_logarithmic=is_logarithmic))


def _curve_parts(title: str, curves: Curves, *, is_logarithmic: bool) -> Iterator[str]:
    xs = [log10(x) for points in curves.values() for x, _ in points] or [0.0]
    ys = [y for points in curves.values() for _, y in points] or [1.0]
    first, last = floor(min(xs)), max(ceil(max(xs)), floor(min(xs)) + 1)
    x_scale = Scale(first, last, MARGIN, COST_WIDTH - 120)
    low, high = (floor(log10(max(min(ys), 1e-3))), ceil(log10(max(ys)))) if is_logarithmic else (0.0, max(ys))
    y_scale = Scale(low, high, COST_HEIGHT - MARGIN, TOP)
    yield _text(MARGIN, 20, title, weight="bold")
    for power in range(first, last + 1):
        yield _line(x_scale(power), TOP, x_scale(power), COST_HEIGHT - MARGIN, GRID)
        yield _text(x_scale(power), COST_HEIGHT - MARGIN + 18, f"{10**power:,}", anchor="middle")
    marks = range(int(low), int(high) + 1) if is_logarithmic else (0.0, high / 2, high)
    for mark in marks:
        yield _line(MARGIN, y_scale(mark), COST_WIDTH - 120, y_scale(mark), GRID)
        words = f"{10.0**mark:g}" if is_logarithmic else f"{mark:.3f}"
        yield _text(MARGIN - 6, y_scale(mark) + 4, words, anchor="end")
    taken: list[Box] = []
    for (name, points), colour in zip(curves.items(), cycle(CURVE_COLOURS)):
        places = [(x_scale(log10(x)), y_scale(log10(max(y, 1e-3)) if is_logarithmic else y)) for x, y in points]
        path = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for (x, y), (lines, value) in zip(places, points, strict=True):
            yield _dot(x, y, colour, f"{name}, {lines:,.0f}: {value:g}")
        if places:
            x, y = places[-1]
            side, down = _free_place(x, y, name, taken, places=BEYOND_THE_END)
            taken.append(_box(x, y, name, side, down))
            yield _text(x + 7 * side, y + down, name, colour=colour)


def _document(width: float, height: float, title: str, parts: Iterator[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-size="11" font-family="sans-serif"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal", colour: str = INK) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1.5"/>'


def _dot(x: float, y: float, colour: str, words: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"><title>{escape(words)}</title></circle>'
