"""Pictures of figures: one measure over time, and one measure of several groups side by side.

Pure, like `bundle_app.charts`, whose scales and ticks they use: numbers in, SVG out, nothing inline that a strict
content security policy would refuse. `unit` is written behind the numbers of an axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from unicodedata import east_asian_width

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from bundle_app.charts import Scale, tick_labels, ticks

WIDTH, HEIGHT = 600, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 30
DOTTED_COUNT = 31
"""Up to so many moments each has a dot; more would be a caterpillar."""
X_LABEL_COUNT = 5

ROW_HEIGHT, LABEL_WIDTH, LABEL_CELLS = 26, 220, 30
"""A label's width in units, and how many letters of an alphabet fit; Chinese ones take two cells."""
COLOUR, BEFORE_COLOUR = "#0072b2", "#8a8a8a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A number with its interval, and what it was in the period before; any may be missing."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    before: float | None = None
    told: str = ""


def over_time(marks: Sequence[Mark], *, title: str, unit: str = "") -> SafeString:
    """A line with a band around it, and a dashed one for the period before. Empty without any number."""
    numbers = [number for mark in marks for number in (mark.value, mark.low, mark.high, mark.before)]
    known = [number for number in numbers if number is not None]
    if not known:
        return SafeString("")
    axis = ticks(min(0.0, *known), max(known))
    x_scale = Scale(0, max(len(marks) - 1, 1), LEFT, WIDTH - RIGHT)
    y_scale = Scale(axis[0], axis[-1], HEIGHT - BOTTOM, TOP)
    drawn = [
        _grid(axis, y_scale, unit),
        _moments(marks, x_scale),
        *(_band(run, x_scale, y_scale) for run in _runs(marks, "low")),
        *(_line(run, "before", x_scale, y_scale) for run in _runs(marks, "before")),
        *(_line(run, "value", x_scale, y_scale) for run in _runs(marks, "value")),
        _dots(marks, x_scale, y_scale),
    ]
    return _picture(HEIGHT, title, drawn)


def side_by_side(marks: Sequence[Mark], *, title: str, unit: str = "") -> SafeString:
    """A bar from 0 for each group, with its interval as a line across its end. Empty without any number."""
    known = [number for mark in marks for number in (mark.value, mark.low, mark.high) if number is not None]
    if not known:
        return SafeString("")
    axis = ticks(min(0.0, *known), max(0.0, *known))
    x_scale = Scale(axis[0], axis[-1], LABEL_WIDTH, WIDTH - RIGHT)
    height = TOP + ROW_HEIGHT * len(marks) + BOTTOM
    drawn = [
        format_html_join(
            "",
            '<line class="bundle-grid" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#cccccc"/>'
            '<text class="bundle-tick" x="{}" y="{}" text-anchor="middle" fill="#666666">{}</text>',
            (
                (x_scale(tick), TOP, x_scale(tick), height - BOTTOM, x_scale(tick), height - 12, f"{text}{unit}")
                for tick, text in zip(axis, tick_labels(axis), strict=True)
            ),
        ),
        *(_bar(mark, TOP + ROW_HEIGHT * number, x_scale) for number, mark in enumerate(marks)),
    ]
    return _picture(height, title, drawn)


def shortened(text: str, *, cells: int) -> str:
    """
    >>> shortened("Wireless mouse", cells=20), shortened("Wireless mouse", cells=9), shortened("无线鼠标", cells=7)
    ('Wireless mouse', 'Wireless…', '无线鼠…')
    """
    widths = [2 if east_asian_width(letter) in "WF" else 1 for letter in text]
    if sum(widths) <= cells:
        return text
    kept_count = sum(taken < cells for taken in accumulate(widths))
    return f"{text[:kept_count]}…"


def _picture(height: int, title: str, drawn: Sequence[SafeString]) -> SafeString:
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" class="bundle-chart" role="img" viewBox="0 0 {} {}" width="{}"'
        ' height="{}" font-size="12" font-family="sans-serif"><title>{}</title>{}</svg>',
        WIDTH,
        height,
        WIDTH,
        height,
        title,
        format_html_join("", "{}", ((each,) for each in drawn)),
    )


def _grid(axis: Sequence[float], y_scale: Scale, unit: str) -> SafeString:
    return format_html_join(
        "",
        '<line class="bundle-grid" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#cccccc"/>'
        '<text class="bundle-tick" x="{}" y="{}" text-anchor="end" fill="#666666">{}</text>',
        (
            (LEFT, y_scale(tick), WIDTH - RIGHT, y_scale(tick), LEFT - 6, y_scale(tick) + 4, f"{text}{unit}")
            for tick, text in zip(axis, tick_labels(axis), strict=True)
        ),
    )


def _moments(marks: Sequence[Mark], x_scale: Scale) -> SafeString:
    step = max(-(-len(marks) // X_LABEL_COUNT), 1)
    return format_html_join(
        "",
        '<text class="bundle-tick" x="{}" y="{}" text-anchor="{}" fill="#666666">{}</text>',
        (
            (x_scale(index), HEIGHT - BOTTOM + 18, "start" if index == 0 else "middle", marks[index].label)
            for index in range(0, len(marks), step)
            if len(marks) - index > step / 2  # The last one would stand out of the picture.
        ),
    )


def _runs(marks: Sequence[Mark], name: str) -> Iterator[list[tuple[int, Mark]]]:
    """Stretches without a gap, with their places."""
    for is_known, run in groupby(enumerate(marks), key=lambda each: getattr(each[1], name) is not None):
        if is_known:
            yield list(run)


def _band(run: Sequence[tuple[int, Mark]], x_scale: Scale, y_scale: Scale) -> SafeString:
    above = [(index, mark.high) for index, mark in run if mark.high is not None]
    below = [(index, mark.low) for index, mark in reversed(run) if mark.low is not None]
    points = " ".join(f"{x_scale(index)},{y_scale(number)}" for index, number in [*above, *below])
    return format_html(
        '<polygon class="bundle-band" points="{}" fill="{}" fill-opacity="0.16"/>',
        points,
        COLOUR,
    )


def _line(run: Sequence[tuple[int, Mark]], name: str, x_scale: Scale, y_scale: Scale) -> SafeString:
    points = " ".join(f"{x_scale(index)},{y_scale(getattr(mark, name))}" for index, mark in run)
    if name == "before":
        return format_html(
            '<polyline class="bundle-line bundle-line-before" fill="none" stroke="{}" stroke-width="1.5"'
            ' stroke-dasharray="4 3" points="{}"/>',
            BEFORE_COLOUR,
            points,
        )
    return format_html(
        '<polyline class="bundle-line" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round" points="{}"/>',
        COLOUR,
        points,
    )


def _dots(marks: Sequence[Mark], x_scale: Scale, y_scale: Scale) -> SafeString:
    """Invisible where there are many, but still with a word when pointed at."""
    radius, opacity = (3, 1) if len(marks) <= DOTTED_COUNT else (5, 0)
    return format_html_join(
        "",
        '<circle class="bundle-point" cx="{}" cy="{}" r="{}" fill="{}" fill-opacity="{}"><title>{}</title></circle>',
        (
            (x_scale(index), y_scale(mark.value), radius, COLOUR, opacity, f"{mark.label}: {mark.told}")
            for index, mark in enumerate(marks)
            if mark.value is not None
        ),
    )


def _bar(mark: Mark, top: int, x_scale: Scale) -> SafeString:
    middle = top + ROW_HEIGHT / 2
    label = format_html(
        '<text class="bundle-bar-label" x="{}" y="{}" text-anchor="end" fill="#333333">{}<title>{}</title></text>',
        LABEL_WIDTH - 8,
        middle + 4,
        shortened(mark.label, cells=LABEL_CELLS),
        mark.label,
    )
    if mark.value is None:
        return label
    ends = sorted([x_scale(0), x_scale(mark.value)])
    bar = format_html(
        '<rect class="bundle-bar" x="{}" y="{}" width="{}" height="12" fill="{}" fill-opacity="0.75">'
        "<title>{}</title></rect>",
        ends[0],
        middle - 6,
        round(ends[1] - ends[0], 2),
        COLOUR,
        f"{mark.label}: {mark.told}",
    )
    if mark.low is None or mark.high is None:
        return label + bar
    whisker = format_html(
        '<line class="bundle-whisker" x1="{}" y1="{}" x2="{}" y2="{}" stroke="#333333" stroke-width="1.5"/>',
        x_scale(mark.low),
        middle,
        x_scale(mark.high),
        middle,
    )
    return label + bar + whisker
